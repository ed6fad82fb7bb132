"""What `train` and `cv` record, in every calling style; and what stays as it is."""

from __future__ import annotations

import json

import lightgbm as lgb
import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

import autolog
from integration_tests.lightgbm.trainings import OLD, PARAMS, QUIET, datasets
from integration_tests.sklearn.sklearn_runs import artifacts, only_run, runs
from integration_tests.xgboost.boosted_data import CLASSES, TARGET, VALID, X, Y, curve

pytestmark = pytest.mark.usefixtures("recording")


def test_a_training():
    dtrain, valid = datasets()
    result = {}
    booster = lgb.train(
        PARAMS, dtrain, 7, valid_sets=[dtrain, valid], valid_names=["train", "valid"],
        callbacks=[lgb.record_evaluation(result)],
    )  # fmt: skip
    run = only_run()
    assert run.info.status == "FINISHED"
    assert run.data.tags["mlflow.autologging"] == "lightgbm"
    assert run.data.params.items() >= {
        "objective": "binary", "metric": "['auc', 'binary_logloss']", "seed": "3",
        "num_boost_round": "7", "keep_training_booster": "False",
    }.items()  # fmt: skip
    for data, found in result.items():
        for metric, values in found.items():
            assert curve(run, f"{data}-{metric}") == (list(range(7)), values)
    assert len(run.data.metrics) == 4
    assert artifacts(run) == {"model"} | {
        f"feature_importance_{kind}.{ending}"
        for kind in ("split", "gain") for ending in ("json", "png")
    }  # fmt: skip
    inputs = [(i.dataset.name, i.tags[0].value) for i in run.inputs.dataset_inputs]
    assert inputs == [("dtrain", "train"), ("train", "eval"), ("valid", "eval")]
    path = autolog.MlflowClient().download_artifacts(
        run.info.run_id, "feature_importance_gain.json"
    )
    with open(path, encoding="utf-8") as file:
        kept = json.load(file)
    assert list(kept.values()) == booster.feature_importance("gain").tolist()


@pytest.mark.parametrize(
    "call",
    [
        lambda p, d, v: lgb.train(p, d, 4, [v], ["v"]),
        lambda p, d, v: lgb.train(
            params=p, train_set=d, num_boost_round=4, valid_sets=[v], valid_names=["v"]
        ),
        lambda p, d, v: lgb.train(
            train_set=d, valid_names="v", valid_sets=v, params=p, num_boost_round=4
        ),
        lambda p, d, v: lgb.engine.train(p, d, 4, valid_sets=[v], valid_names=["v"]),
        lambda p, d, v: lgb.train(p | {"num_iterations": 4}, d, valid_sets=[v], valid_names=["v"]),
    ],
    ids=["positional", "keyword", "reordered", "module", "rounds among the params"],
)
def test_calling_styles(call):
    call(PARAMS, *datasets())
    run = only_run()
    assert run.data.params["metric"] == "['auc', 'binary_logloss']"
    assert curve(run, "v-auc")[0] == [0, 1, 2, 3]


def imported_by_name():
    from lightgbm import cv, train

    return train, cv


def test_names_bound_before(monkeypatch):
    autolog.disable()
    train, cv = imported_by_name()
    monkeypatch.setitem(globals(), "train", train)
    monkeypatch.setitem(globals(), "cv", cv)
    autolog.lightgbm.autolog()
    globals()["train"](PARAMS, datasets()[0], 2)
    globals()["cv"](PARAMS, lgb.Dataset(X, Y), 3, nfold=2)
    assert [run.data.params["num_boost_round"] for run in runs()] == ["2", "3"]


def test_eval_sets_without_names():
    dtrain, valid = datasets()
    lgb.train(PARAMS, dtrain, 2, valid_sets=[valid, dtrain])
    assert {"valid_0-auc", "training-auc"} <= set(only_run().data.metrics)


def noise():
    random = np.random.RandomState(1)
    return datasets(random.rand(300))


@pytest.mark.parametrize("how", ["param", "callback", "never", *(["argument"] if OLD else [])])
def test_early_stopping(how):
    dtrain, valid = noise()
    params = QUIET | {"metric": ["l1", "l2"]}
    result = {}
    callbacks = [lgb.record_evaluation(result)]
    more = {}
    if how == "param":
        params["early_stopping_round"] = 2
    elif how == "argument":
        more["early_stopping_rounds"] = 2
    else:
        callbacks.append(lgb.early_stopping(2 if how == "callback" else 100, verbose=False))
    booster = lgb.train(
        params, dtrain, 40, valid_sets=[dtrain, valid], valid_names=["a", "b"],
        callbacks=callbacks, **more,
    )  # fmt: skip
    run = only_run()
    rounds, best = len(curve(run, "b-l2")[0]) - 1, booster.best_iteration
    assert rounds == 40 if how == "never" else rounds < 40
    assert run.data.metrics["stopped_iteration"] == rounds
    assert run.data.metrics["best_iteration"] == best
    for metric in ("l1", "l2"):
        values = result["b"][metric]
        steps, points = curve(run, f"b-{metric}")
        assert steps == list(range(rounds + 1))
        assert points == [*values, values[best - 1]]


def test_without_early_stopping_nothing_is_repeated():
    dtrain, valid = datasets()
    lgb.train(PARAMS, dtrain, 4, valid_sets=[valid], valid_names=["v"])
    run = only_run()
    assert curve(run, "v-auc")[0] == [0, 1, 2, 3]
    assert set(run.data.metrics) == {"v-auc", "v-binary_logloss"}


@pytest.mark.parametrize("how", ["booster", "path"])
def test_going_on_with_a_model(how, tmp_path):
    dtrain, valid = datasets()
    first = lgb.train(PARAMS, dtrain, 3, valid_sets=[valid], valid_names=["v"])
    model = first
    if how == "path":
        model = str(tmp_path / "model.txt")
        first.save_model(model)
    dtrain, valid = datasets()
    booster = lgb.train(
        PARAMS, dtrain, 30, valid_sets=[valid], valid_names=["v"], init_model=model,
        callbacks=[lgb.early_stopping(2, verbose=False)],
    )  # fmt: skip
    one, more = runs()
    assert curve(one, "v-auc")[0] == [0, 1, 2]
    steps, values = curve(more, "v-auc")
    assert steps == list(range(3, 3 + len(steps)))
    assert more.data.metrics["stopped_iteration"] == steps[-1]
    best = more.data.metrics["best_iteration"]
    assert best == booster.best_iteration
    assert values[-1] == values[int(best) - 1 - 3]


def test_several_trainings_in_a_run_of_the_user():
    with autolog.start_run():
        for leaves in (3, 5):
            dtrain, valid = datasets()
            lgb.train(PARAMS | {"num_leaves": leaves}, dtrain, 2, valid_sets=[valid])
    run = only_run()
    assert run.data.params["num_leaves"] == "3"
    assert run.data.params["Booster-2.num_leaves"] == "5"
    assert curve(run, "valid_0-auc")[0] == curve(run, "Booster-2.valid_0-auc")[0] == [0, 1]


@pytest.mark.parametrize("stops", [False, True])
def test_cross_validation(stops):
    data = lgb.Dataset(X, np.random.RandomState(1).rand(300))
    callbacks = [lgb.early_stopping(2, verbose=False)] if stops else None
    result = lgb.cv(
        QUIET | {"metric": ["l1", "l2"]}, data, 25, nfold=3, stratified=False, callbacks=callbacks
    )
    run = only_run()
    assert run.data.params["nfold"] == "3"
    assert [(i.dataset.name, i.tags[0].value) for i in run.inputs.dataset_inputs] == [
        ("data", "train")
    ]
    prefix = "valid " if "valid l2-mean" in result else ""
    for metric in ("l1", "l2"):
        for ours, theirs in (("mean", "mean"), ("std", "stdv")):
            kept = result[f"{prefix}{metric}-{theirs}"]
            steps, values = curve(run, f"valid-{metric}-{ours}")
            assert values[: len(kept)] == kept
            if stops:
                assert len(kept) < 25
                assert values[-1] == kept[-1]
                assert run.data.metrics["best_iteration"] == len(kept)
                assert run.data.metrics["stopped_iteration"] == len(steps) - 1
            else:
                assert steps == list(range(25))
    assert len(run.data.metrics) == (6 if stops else 4)


def test_cross_validation_with_train_metrics_and_boosters():
    lgb.cv(
        PARAMS, lgb.Dataset(X, Y), 3, eval_train_metric=True, return_cvbooster=True,
        callbacks=[lgb.early_stopping(5, verbose=False)],
    )  # fmt: skip
    run = only_run()
    assert {"train-auc-mean", "valid-binary_logloss-std"} <= set(run.data.metrics)
    assert "best_iteration" in run.data.metrics


def test_objective_and_metric_of_the_user():
    def squares(predicted, data):
        return predicted - data.get_label(), np.ones_like(predicted)

    def worst(predicted, data):
        return "my worst", float(np.abs(predicted - data.get_label()).max()), False

    dtrain, valid = datasets(TARGET)
    params, more = QUIET | {"metric": "none"}, {}
    if OLD:
        more["fobj"] = squares
    else:
        params["objective"] = squares
    lgb.train(params, dtrain, 3, valid_sets=[valid], valid_names=["v"], feval=worst, **more)
    run = only_run()
    assert curve(run, "v-my worst")[0] == [0, 1, 2]
    assert run.data.params.get("objective", "squares") == "squares"


def test_callbacks_of_the_user_keep_their_order_and_their_list():
    called = []

    def make(name):
        def callback(env):
            called.append((name, env.iteration))
            if name == "b" and env.iteration == 2:
                raise lgb.callback.EarlyStopException(1, env.evaluation_result_list)

        return callback

    callbacks = [make("a"), make("b"), make("c")]
    given = list(callbacks)
    dtrain, valid = datasets()
    lgb.train(PARAMS, dtrain, 9, valid_sets=[valid], valid_names=["v"], callbacks=callbacks)
    assert callbacks == given
    assert [one.order for one in callbacks] == [-3, -2, -1]
    assert called == [(n, e) for e in range(3) for n in "abc"][:-1]
    assert curve(only_run(), "v-auc")[0] == [0, 1, 2, 3]  # the last is the best once more


def test_ranking_with_groups():
    dtrain = lgb.Dataset(X, CLASSES, group=[100, 100, 100])
    lgb.train(
        QUIET | {"objective": "lambdarank", "metric": "ndcg", "eval_at": [2, 4]}, dtrain, 2,
        valid_sets=[dtrain], valid_names=["t"],
    )  # fmt: skip
    assert set(only_run().data.metrics) == {"t-ndcg_at_2", "t-ndcg_at_4"}


@pytest.mark.parametrize("alone", [False, True])
def test_metrics_after_training(alone):
    if not alone:
        autolog.autolog()
    booster = lgb.train(PARAMS, datasets()[0], 3)
    X_valid = X[VALID]
    value = sklearn_metrics.roc_auc_score(Y[VALID], booster.predict(X_valid))
    assert only_run().data.metrics["roc_auc_score_X_valid"] == value


def test_options_that_leave_things_out():
    autolog.lightgbm.autolog(log_models=False, log_datasets=False, extra_tags={"team": "a"})
    lgb.train(PARAMS, datasets()[0], 2)
    run = only_run()
    assert "model" not in artifacts(run)
    assert run.inputs.dataset_inputs == []
    assert run.data.tags["team"] == "a"
