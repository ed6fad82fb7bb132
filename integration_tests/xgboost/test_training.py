"""What `train` and `cv` record, in every calling style; and what stays as it is."""

from __future__ import annotations

import inspect
import json
import re

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import xgboost as xgb
from sklearn import metrics as sklearn_metrics

import autolog
from core_client import client
from integration_tests.sklearn.sklearn_runs import artifacts, only_run, runs
from integration_tests.xgboost.boosted_data import CLASSES, TARGET, TRAIN, VALID, X, Y, curve

# Old versions of XGBoost call callbacks in any order.
ORDERED = "set(" not in inspect.getsource(xgb.callback.CallbackContainer.__init__)
PARAMS = {"objective": "binary:logistic", "eval_metric": ["auc", "logloss"], "seed": 3}


@pytest.fixture(autouse=True)
def recording():
    autolog.xgboost.autolog()
    yield
    autolog.disable()


def matrices():
    return xgb.DMatrix(X[TRAIN], Y[TRAIN]), xgb.DMatrix(X[VALID], Y[VALID])


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


def train_imported_by_name():
    from xgboost import train

    return train


def test_a_name_bound_before(monkeypatch):
    autolog.disable()
    train = train_imported_by_name()
    monkeypatch.setitem(globals(), "train", train)
    autolog.xgboost.autolog()
    globals()["train"](PARAMS, matrices()[0], 2)
    assert only_run().data.params["num_boost_round"] == "2"


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


@pytest.mark.parametrize("error", [ValueError("at seven"), KeyboardInterrupt("by hand")])
def test_an_objective_that_raises(error):
    rounds = []

    def objective(predicted, data):
        if len(rounds) == 7:
            raise error
        rounds.append(1)
        return predicted - data.get_label(), np.ones_like(predicted)

    data = xgb.DMatrix(X, TARGET)
    with pytest.raises(type(error), match=str(error)) as caught:
        xgb.train({}, data, 20, evals=[(data, "d")], obj=objective, verbose_eval=False)
    assert caught.value is error
    run = only_run()
    assert run.info.status == "FAILED"
    assert str(error) in run.data.tags["autolog.error"]
    assert curve(run, "d-rmse")[0] == list(range(7))
    assert "model" not in artifacts(run)


NAMES = ["a/b", "/a", "a//b", "../a", "a@5", "ärger", "a,b", "", "名前", "a" * 300]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_eval_sets(name):
    dtrain, valid = matrices()
    xgb.train({"eval_metric": ["auc"]}, dtrain, 2, evals=[(valid, name)], verbose_eval=False)
    run = only_run()
    (key,) = run.data.metrics
    assert curve(run, key)[0] == [0, 1]
    expected = {"a@5": "a_at_5-auc", "a,b": "a_b-auc", "a/b": "a/b-auc", "ärger": "ärger-auc"}
    assert key == expected.get(name, key)


def test_two_eval_sets_of_one_name():
    dtrain, valid = matrices()
    result = {}
    xgb.train(
        PARAMS, dtrain, 3, evals=[(dtrain, "same"), (valid, "same")], evals_result=result,
        verbose_eval=False,
    )  # fmt: skip
    run = only_run()
    values = result["same"]["auc"]
    assert curve(run, "same-auc")[1] == values[::2]
    assert curve(run, "same-2-auc")[1] == values[1::2]


def test_metric_names_with_an_at_sign():
    dtrain = xgb.DMatrix(X, Y)
    dtrain.set_group([100, 100, 100])
    xgb.train(
        {"objective": "rank:ndcg", "eval_metric": ["ndcg@2", "map@3-"]}, dtrain, 2,
        evals=[(dtrain, "t")], verbose_eval=False,
    )  # fmt: skip
    assert set(only_run().data.metrics) == {"t-ndcg_at_2", "t-map_at_3-"}


@pytest.mark.parametrize("evals", [None, [], ()])
def test_without_eval_sets(evals):
    xgb.train(PARAMS, matrices()[0], 3, evals=evals)
    run = only_run()
    assert run.data.metrics == {}
    assert "model" in artifacts(run)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_odd_values(value):
    dtrain, valid = matrices()
    xgb.train(
        {"disable_default_eval_metric": 1}, dtrain, 3, evals=[(valid, "v")],
        custom_metric=lambda predicted, data: ("odd", value), verbose_eval=False,
    )  # fmt: skip
    steps, values = curve(only_run(), "v-odd")
    assert steps == [0, 1, 2]
    assert repr(values) == repr([value] * 3)


def test_two_thousand_metrics():
    dtrain, valid = matrices()
    many = [(f"m{i}", float(i)) for i in range(2000)]
    xgb.train(
        {"disable_default_eval_metric": 1}, dtrain, 2, evals=[(valid, "v")],
        custom_metric=lambda predicted, data: many, verbose_eval=False,
    )  # fmt: skip
    metrics = only_run().data.metrics
    assert len(metrics) == 2000
    assert metrics["v-m1999"] == 1999.0


def test_a_model_that_cannot_be_saved(monkeypatch, faults):
    def refuse(self, fname):
        raise OSError("disk full")

    monkeypatch.setattr(xgb.Booster, "save_model", refuse)
    booster = xgb.train(PARAMS, matrices()[0], 2)
    assert booster.num_boosted_rounds() == 2
    run = only_run()
    assert run.info.status == "FINISHED"
    assert "model" not in artifacts(run)
    faults.expect("disk full")


def test_wrong_calls_raise_what_xgboost_raises():
    for call in (
        lambda: xgb.train(),
        lambda: xgb.train(PARAMS),
        lambda: xgb.train(PARAMS, X),
        lambda: xgb.train(PARAMS, matrices()[0], nonsense=1),
        lambda: xgb.train({"objective": "no:such"}, matrices()[0]),
        lambda: xgb.train(PARAMS, matrices()[0], evals=[("x", "y")]),
    ):
        autolog.disable()
        with pytest.raises(Exception) as plain:  # noqa: PT011 (which one is the question)
            call()
        autolog.xgboost.autolog()
        with pytest.raises(type(plain.value)) as recorded:
            call()
        if not isinstance(plain.value, xgb.core.XGBoostError):  # those hold a time
            texts = {re.sub("0x[0-9a-f]+", "", str(one.value)) for one in (plain, recorded)}
            assert len(texts) == 1


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


def batches():
    class Batches(xgb.DataIter):
        def __init__(self, cache):
            self.position = 0
            super().__init__(**({"cache_prefix": cache} if cache else {}))

        def next(self, input_data):
            if self.position == 3:
                return 0
            rows = slice(100 * self.position, 100 * (self.position + 1))
            input_data(data=X[rows], label=Y[rows])
            self.position += 1
            return 1

        def reset(self):
            self.position = 0

    return Batches


KINDS = {
    "array": lambda _: xgb.DMatrix(X, Y),
    "float32": lambda _: xgb.DMatrix(X.astype(np.float32), label=Y),
    "sparse": lambda _: xgb.DMatrix(scipy.sparse.csr_matrix(X), Y),
    "coo": lambda _: xgb.DMatrix(scipy.sparse.coo_matrix(X), Y),
    "lists": lambda _: xgb.DMatrix(X.tolist(), Y.tolist()),
    "frame": lambda _: xgb.DMatrix(pd.DataFrame(X, columns=list("abcde")), pd.Series(Y)),
    "categories": lambda _: xgb.DMatrix(
        pd.DataFrame({"a": X[:, 0], "b": pd.Categorical(CLASSES)}), Y, enable_categorical=True
    ),
    "quantile": lambda _: xgb.QuantileDMatrix(X, Y),
    "iterator": lambda _: xgb.QuantileDMatrix(batches()(None)),
    "external": lambda folder: xgb.DMatrix(batches()(str(folder / "cache"))),
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_data(kind, tmp_path):
    autolog.xgboost.autolog(log_input_examples=True)
    booster = xgb.train({"tree_method": "hist"}, KINDS[kind](tmp_path), 2)
    run = only_run()
    (given,) = run.inputs.dataset_inputs
    assert given.dataset.name == "dataset"
    assert "300" in given.dataset.profile
    loaded = autolog.xgboost.load_model(f"runs:/{run.info.run_id}/model")
    assert loaded.save_raw("ubj") == booster.save_raw("ubj")


def test_data_that_is_gone_is_described_by_what_the_matrix_holds():
    autolog.disable()
    columns = list("abcde")
    before = xgb.DMatrix(pd.DataFrame(X, columns=columns), Y)
    autolog.xgboost.autolog()
    xgb.train(PARAMS, before, 2)
    run = only_run()
    (given,) = run.inputs.dataset_inputs
    assert json.loads(given.dataset.profile)["num_rows"] == 300
    named = json.loads(given.dataset.schema)["mlflow_colspec"]
    assert [column["name"] for column in named] == columns


def test_metrics_after_training():
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
