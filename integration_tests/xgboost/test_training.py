"""What `train` and `cv` record, in every calling style; and what stays as it is."""

from __future__ import annotations

import inspect
import json

import numpy as np
import pandas as pd
import pytest
import xgboost as xgb
from sklearn import metrics as sklearn_metrics

import autolog
from core_client import client
from integration_tests.sklearn.sklearn_runs import artifacts, only_run, runs
from integration_tests.xgboost.boosted_data import CLASSES, TARGET, TRAIN, VALID, X, Y, curve
from integration_tests.xgboost.trainings import PARAMS, matrices

pytestmark = pytest.mark.usefixtures("recording")
# Old versions of XGBoost call callbacks in any order.
ORDERED = "set(" not in inspect.getsource(xgb.callback.CallbackContainer.__init__)


def text_of(run, path):
    return client.Client().download_artifacts(run.info.run_id, path)


def test_a_training():
    dtrain, valid = matrices()
    result = {}
    xgb.train(
        PARAMS, dtrain, 7, evals=[(dtrain, "train"), (valid, "valid")], evals_result=result,
        verbose_eval=False,
    )  # fmt: skip
    run = only_run()
    assert run.info.status == "FINISHED"
    assert run.data.tags["mlflow.autologging"] == "xgboost"
    assert run.data.params.items() >= {
        "objective": "binary:logistic", "eval_metric": "['auc', 'logloss']", "seed": "3",
        "num_boost_round": "7", "early_stopping_rounds": "None", "maximize": "None",
        "verbose_eval": "False", "custom_metric": "None",
    }.items()  # fmt: skip
    for data, found in result.items():
        for metric, values in found.items():
            assert curve(run, f"{data}-{metric}") == (list(range(7)), values)
    assert set(run.data.metrics) == {
        "train-auc", "train-logloss", "valid-auc", "valid-logloss"
    }  # fmt: skip
    assert artifacts(run) == {
        "model", "feature_importance_weight.json", "feature_importance_weight.png"
    }  # fmt: skip
    inputs = [(i.dataset.name, i.tags[0].value) for i in run.inputs.dataset_inputs]
    assert inputs == [("dtrain", "train"), ("train", "eval"), ("valid", "eval")]


@pytest.mark.parametrize("as_pairs", [False, True], ids=["dict", "pairs"])
@pytest.mark.parametrize(
    "call",
    [
        lambda p, d, v: xgb.train(p, d, 4, evals=[(v, "v")], verbose_eval=False),
        lambda p, d, v: xgb.train(
            params=p, dtrain=d, num_boost_round=4, evals=((v, "v"),), verbose_eval=False
        ),
        lambda p, d, v: xgb.train(dtrain=d, evals=[(v, "v")], params=p, num_boost_round=4),
        # Positions that XGBoost accepts with a warning: evals, obj, (feval,) maximize, ...
        lambda p, d, v: xgb.train(p, d, 4, [(v, "v")]),
        lambda p, d, v: xgb.training.train(p, d, 4, evals=[(v, "v")]),
    ],
    ids=["positional", "keyword", "reordered", "deprecated", "module"],
)
def test_calling_styles(call, as_pairs):
    pairs = [("objective", "binary:logistic"), ("eval_metric", "auc"), ("eval_metric", "error")]
    params = pairs if as_pairs else {**dict(pairs), "eval_metric": ["auc", "error"]}
    call(params, *matrices())
    run = only_run()
    assert run.data.params["eval_metric"] == "['auc', 'error']"
    assert run.data.params["num_boost_round"] == "4"
    assert curve(run, "v-auc")[0] == curve(run, "v-error")[0] == [0, 1, 2, 3]


def imported_by_name():
    from xgboost import cv, train

    return train, cv


def test_names_bound_before(monkeypatch):
    autolog.disable()
    train, cv = imported_by_name()
    monkeypatch.setitem(globals(), "train", train)
    monkeypatch.setitem(globals(), "cv", cv)
    autolog.xgboost.autolog()
    globals()["train"](PARAMS, matrices()[0], 2)
    globals()["cv"](PARAMS, xgb.DMatrix(X, Y), 3, nfold=2)
    assert [run.data.params["num_boost_round"] for run in runs()] == ["2", "3"]


@pytest.mark.parametrize("how", ["argument", "callback", "save_best", "never"])
def test_early_stopping(how):
    noise = np.random.RandomState(1)
    dtrain = xgb.DMatrix(X[TRAIN], noise.rand(200))
    valid = xgb.DMatrix(X[VALID], noise.rand(100))
    stopper = xgb.callback.EarlyStopping(2, save_best=how == "save_best")
    given = {"callbacks": [stopper]}
    if how in ("argument", "never"):
        given = {"early_stopping_rounds": 2 if how == "argument" else 100}
    result = {}
    booster = xgb.train(
        {"eval_metric": ["rmse", "mae"]}, dtrain, 30, evals=[(dtrain, "a"), (valid, "b")],
        evals_result=result, verbose_eval=False, **given,
    )  # fmt: skip
    run = only_run()
    rounds, best = len(result["b"]["mae"]), booster.best_iteration
    assert rounds == 30 if how == "never" else rounds < 30
    assert run.data.metrics["stopped_iteration"] == rounds - 1
    assert run.data.metrics["best_iteration"] == best
    for data in ("a", "b"):
        for metric in ("rmse", "mae"):
            values = result[data][metric]
            steps, points = curve(run, f"{data}-{metric}")
            assert steps == list(range(rounds + 1))
            assert points == [*values, values[best]]


def test_without_early_stopping_nothing_is_repeated():
    dtrain, valid = matrices()
    first = xgb.train(
        PARAMS, dtrain, 4, evals=[(valid, "v")], early_stopping_rounds=2, verbose_eval=False
    )
    # The model to go on with still has the attributes of its own stopping.
    xgb.train(PARAMS, dtrain, 2, evals=[(valid, "v")], xgb_model=first, verbose_eval=False)
    run = runs()[-1]
    assert curve(run, "v-auc")[0] == [4, 5]
    assert set(run.data.metrics) == {"v-auc", "v-logloss"}


@pytest.mark.parametrize("how", ["booster", "path", "bytes"])
def test_going_on_with_a_model(how, tmp_path):
    dtrain, valid = matrices()
    evals = [(valid, "v")]
    first = xgb.train(PARAMS, dtrain, 3, evals=evals, verbose_eval=False)
    model = first
    if how == "path":
        model = tmp_path / "model.ubj"
        first.save_model(model)
    elif how == "bytes":
        model = first.save_raw("ubj")
    result = {}
    booster = xgb.train(
        PARAMS, dtrain, 40, evals=evals, xgb_model=model, early_stopping_rounds=2,
        verbose_eval=False, evals_result=result,
    )  # fmt: skip
    one, more = runs()
    assert curve(one, "v-auc")[0] == [0, 1, 2]
    rounds = len(result["v"]["auc"])
    steps, values = curve(more, "v-logloss")
    assert steps == list(range(3, 3 + rounds + 1))
    assert more.data.metrics["best_iteration"] == booster.best_iteration
    assert more.data.metrics["stopped_iteration"] == 3 + rounds - 1
    assert values[-1] == result["v"]["logloss"][booster.best_iteration - 3]


def test_several_trainings_in_a_run_of_the_user():
    dtrain, valid = matrices()
    with autolog.start_run():
        for depth in (2, 3):
            xgb.train(
                PARAMS | {"max_depth": depth}, dtrain, 2, evals=[(valid, "v")], verbose_eval=False
            )
    run = only_run()
    assert run.data.params["max_depth"] == "2"
    assert run.data.params["Booster-2.max_depth"] == "3"
    assert curve(run, "v-auc")[0] == curve(run, "Booster-2.v-auc")[0] == [0, 1]
    assert {"model", "Booster-2.model"} <= artifacts(run)


@pytest.mark.parametrize("stops", [False, True])
def test_cross_validation(stops):
    noise = np.random.RandomState(1)
    data = xgb.DMatrix(X, noise.rand(300))
    more = {"early_stopping_rounds": 2} if stops else {}
    result = xgb.cv({"max_depth": 3}, data, 25, nfold=3, metrics=["rmse", "mae"], **more)
    run = only_run()
    assert run.data.params["nfold"] == "3"
    assert run.data.params["max_depth"] == "3"
    assert [(i.dataset.name, i.tags[0].value) for i in run.inputs.dataset_inputs] == [
        ("data", "train")
    ]
    for column in result.columns:
        steps, values = curve(run, column)
        kept = len(result)
        assert values[:kept] == result[column].tolist()
        if stops:
            assert kept < 25
            assert values[-1] == values[kept - 1]
            assert run.data.metrics["best_iteration"] == kept - 1
            assert run.data.metrics["stopped_iteration"] == len(steps) - 2
        else:
            assert steps == list(range(25))


def test_cross_validation_with_callbacks_and_a_metric_of_the_user():
    called = []

    class Mine(xgb.callback.TrainingCallback):
        def after_iteration(self, model, epoch, evals_log):
            called.append(epoch)
            return False

    def odd(predicted, data):
        return "odd", float(len(called) > 3)  # gets worse

    data = xgb.DMatrix(X, TARGET)
    callbacks = [Mine(), xgb.callback.EarlyStopping(2, metric_name="odd")]
    result = xgb.cv({}, data, 20, nfold=2, custom_metric=odd, callbacks=callbacks)
    run = only_run()
    steps, values = curve(run, "test-odd-mean")
    assert steps[:-1] == called or not ORDERED
    assert values[: len(result)] == result["test-odd-mean"].tolist()
    assert run.data.metrics["best_iteration"] == len(result) - 1
    assert [type(one) for one in callbacks] == [Mine, xgb.callback.EarlyStopping]


def test_cross_validation_with_a_dictionary_and_folds():
    result = xgb.cv(
        PARAMS, matrices()[0], 3, folds=[(np.arange(100), np.arange(100, 200))],
        as_pandas=False, early_stopping_rounds=5,
    )  # fmt: skip
    run = only_run()
    assert curve(run, "test-auc-mean")[1][:3] == result["test-auc-mean"]
    assert "folds" not in run.data.params


def test_objective_and_metric_of_the_user():
    def squares(predicted, data):
        return predicted - data.get_label(), np.ones_like(predicted)

    def worst(predicted, data):
        return "worst", float(np.abs(predicted - data.get_label()).max())

    data = xgb.DMatrix(X, TARGET)
    result = {}
    xgb.train(
        {"disable_default_eval_metric": 1}, data, 3, evals=[(data, "d")], obj=squares,
        custom_metric=worst, evals_result=result, verbose_eval=False,
    )  # fmt: skip
    run = only_run()
    assert run.data.params["custom_metric"] == "worst"
    assert curve(run, "d-worst") == ([0, 1, 2], result["d"]["worst"])


def test_callbacks_of_the_user_keep_their_order_and_their_list():
    called = []

    class Mine(xgb.callback.TrainingCallback):
        def __init__(self, name):
            self.name = name

        def after_iteration(self, model, epoch, evals_log):
            called.append((self.name, epoch))
            return self.name == "b" and epoch == 2

    callbacks = [Mine("a"), Mine("b"), Mine("c")]
    given = list(callbacks)
    dtrain, valid = matrices()
    xgb.train(PARAMS, dtrain, 9, evals=[(valid, "v")], callbacks=callbacks, verbose_eval=False)
    assert callbacks == given
    if ORDERED:
        assert called == [(n, e) for e in range(3) for n in "abc"][:-1]
    run = only_run()
    assert curve(run, "v-auc")[0] == [0, 1, 2]
    assert "stopped_iteration" not in run.data.metrics


def test_metric_names_with_an_at_sign():
    dtrain = xgb.DMatrix(X, Y)
    dtrain.set_group([100, 100, 100])
    xgb.train(
        {"objective": "rank:ndcg", "eval_metric": ["ndcg@2", "map@3-"]}, dtrain, 2,
        evals=[(dtrain, "t")], verbose_eval=False,
    )  # fmt: skip
    assert set(only_run().data.metrics) == {"t-ndcg_at_2", "t-map_at_3-"}


def test_importances():
    frame = pd.DataFrame(X, columns=["a", "b", "c $d$", "e_", "ü"])
    autolog.xgboost.autolog(importance_types=["gain", "total_cover"])
    booster = xgb.train(PARAMS, xgb.DMatrix(frame, Y), 3)
    run = only_run()
    assert artifacts(run) == {"model"} | {
        f"feature_importance_{kind}.{ending}"
        for kind in ("gain", "total_cover") for ending in ("json", "png")
    }  # fmt: skip
    path = text_of(run, "feature_importance_gain.json")
    with open(path, encoding="utf-8") as file:
        assert json.load(file) == booster.get_score(importance_type="gain")


def test_importances_of_a_linear_booster_and_of_none():
    xgb.train(
        {"booster": "gblinear", "objective": "multi:softprob", "num_class": 3},
        xgb.DMatrix(X, CLASSES), 2,
    )  # fmt: skip
    assert "feature_importance_weight.png" in artifacts(only_run())
    xgb.train({}, xgb.DMatrix(X, np.ones(300)), 1)
    assert "feature_importance_weight.json" in artifacts(runs()[-1])


@pytest.mark.parametrize("alone", [False, True])
def test_metrics_after_training(alone):
    if not alone:
        autolog.autolog()
    dtrain, valid = matrices()
    booster = xgb.train(PARAMS, dtrain, 3)
    probabilities = booster.predict(valid)
    value = sklearn_metrics.roc_auc_score(Y[VALID], probabilities)
    sklearn_metrics.log_loss(Y[TRAIN], booster.predict(data=dtrain))
    run = only_run()
    assert run.data.metrics["roc_auc_score_valid"] == value
    assert "log_loss_dtrain" in run.data.metrics


def test_options_that_leave_things_out():
    autolog.xgboost.autolog(
        log_models=False, log_datasets=False, extra_tags={"team": "a"}, model_format="json"
    )
    xgb.train(PARAMS, matrices()[0], 2)
    run = only_run()
    assert "model" not in artifacts(run)
    assert run.inputs.dataset_inputs == []
    assert run.data.tags["team"] == "a"
    autolog.xgboost.autolog(model_format="json", log_model_signatures=False)
    xgb.train(PARAMS, matrices()[0], 2)
    assert "model/model.json" in artifacts(runs()[-1], "model")
