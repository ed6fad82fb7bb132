"""The scikit-learn wrappers: alone, beside scikit-learn's autologging, and inside its estimators."""

from __future__ import annotations

from types import FunctionType

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn import metrics
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import autolog
from integration_tests.sklearn.sklearn_runs import artifacts, only_run, runs
from integration_tests.xgboost.boosted_data import CLASSES, TARGET, X, Y, curve

MODEL_FILE = "model/model.skops"
EVAL = [(X[:200], Y[:200]), (X[200:], Y[200:])]
ON = {
    "lightgbm": lambda: autolog.lightgbm.autolog(),
    "all": lambda: autolog.autolog(),
    "lightgbm last": lambda: (autolog.sklearn.autolog(), autolog.lightgbm.autolog()),
    "sklearn last": lambda: (autolog.lightgbm.autolog(), autolog.sklearn.autolog()),
}


@pytest.fixture(autouse=True)
def off_again():
    yield
    autolog.disable()


@pytest.fixture(params=ON)
def switched_on(request):
    ON[request.param]()
    return request.param


def classifier(**params):
    return lgb.LGBMClassifier(
        **({"n_estimators": 4, "verbose": -1, "min_child_samples": 5} | params)
    )


def test_a_classifier(switched_on):
    model = classifier(n_estimators=6, num_leaves=4)
    model.fit(X, Y, eval_set=EVAL, eval_metric=["auc"])
    run = only_run()
    assert run.info.status == "FINISHED"
    assert run.data.tags["mlflow.autologging"] == "lightgbm"
    assert run.data.params.items() >= {
        "num_boost_round": "6", "num_leaves": "4", "objective": "binary", "learning_rate": "0.1",
    }.items()  # fmt: skip
    for data, found in model.evals_result_.items():
        for metric, values in found.items():
            assert curve(run, f"{data}-{metric}") == (list(range(6)), values)
    assert "stopped_iteration" not in run.data.metrics
    inputs = [(i.dataset.name, i.tags[0].value) for i in run.inputs.dataset_inputs]
    assert inputs == [("X", "train"), ("valid_0", "eval"), ("valid_1", "eval")]
    expected = {"model"} | {
        f"feature_importance_{kind}.{ending}"
        for kind in ("split", "gain") for ending in ("json", "png")
    }  # fmt: skip
    assert artifacts(run) >= expected
    assert artifacts(run, "model") >= {"model/MLmodel", MODEL_FILE}
    if switched_on == "lightgbm":
        assert artifacts(run) == expected
    else:
        assert run.data.metrics["training_accuracy_score"] == metrics.accuracy_score(
            Y, model.predict(X)
        )
        assert run.data.tags["estimator_name"] == "LGBMClassifier"
        assert "training_confusion_matrix.png" in artifacts(run)
    loaded = autolog.lightgbm.load_model(f"runs:/{run.info.run_id}/model")
    assert type(loaded) is lgb.LGBMClassifier
    assert np.array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert loaded.get_params() == model.get_params()


WRAPPERS = [
    (lgb.LGBMRegressor(n_estimators=3, verbose=-1), TARGET, {}),
    (lgb.LGBMClassifier(n_estimators=3, verbose=-1), CLASSES, {}),
    (lgb.LGBMClassifier(n_estimators=3, verbose=-1), np.where(Y, "good", "bad"), {}),
    (lgb.LGBMRanker(n_estimators=3, verbose=-1), CLASSES, {"group": [100, 100, 100]}),
    (lgb.LGBMModel(n_estimators=3, objective="regression", verbose=-1), TARGET, {}),
]


@pytest.mark.parametrize(("model", "y", "more"), WRAPPERS, ids=lambda v: type(v).__name__)
@pytest.mark.parametrize("style", ["positional", "keyword"])
def test_every_wrapper(switched_on, model, y, more, style):
    if style == "positional":
        model.fit(X, y, **more)
    else:
        model.fit(y=y, X=X, **more)
    run = only_run()
    assert run.data.params["num_boost_round"] == "3"
    loaded = autolog.lightgbm.load_model(f"runs:/{run.info.run_id}/model")
    assert type(loaded) is type(model)
    assert np.array_equal(loaded.predict(X), model.predict(X))


def test_several_fits_in_a_run_of_the_user(switched_on):
    with autolog.start_run():
        for leaves in (3, 5):
            classifier(num_leaves=leaves).fit(X, Y, eval_set=EVAL[:1])
    run = only_run()
    assert run.data.params["num_leaves"] == "3"
    assert run.data.params["LGBMClassifier-2.num_leaves"] == "5"
    keys = {"valid_0-binary_logloss", "LGBMClassifier-2.valid_0-binary_logloss"}
    assert keys <= set(run.data.metrics)
    assert {"model", "LGBMClassifier-2.model"} <= artifacts(run)
    assert not any(key.startswith("LGBMClassifier-3") for key in run.data.params)


@pytest.mark.parametrize("stops", [False, True])
def test_early_stopping(switched_on, stops):
    noise = np.random.RandomState(1).rand(300)
    model = lgb.LGBMRegressor(n_estimators=30, verbose=-1, min_child_samples=5)
    model.fit(
        X[:200], noise[:200], eval_set=[(X[200:], noise[200:])], eval_names=["held out"],
        callbacks=[lgb.early_stopping(2, verbose=False)] if stops else None,
    )  # fmt: skip
    run = only_run()
    steps, values = curve(run, "held out-l2")
    if stops:
        assert run.data.metrics["best_iteration"] == model.best_iteration_
        assert run.data.metrics["stopped_iteration"] == steps[-1]
        assert values[-1] == values[model.best_iteration_ - 1]
    else:
        assert "best_iteration" not in run.data.metrics
        assert steps == list(range(30))


def test_objective_and_metric_of_the_user(switched_on):
    def squares(true, predicted):
        return predicted - true, np.ones_like(predicted)

    def worst(true, predicted):
        return "worst", float(np.abs(predicted - true).max()), False

    model = lgb.LGBMRegressor(n_estimators=3, objective=squares, verbose=-1)
    model.fit(X, TARGET, eval_set=[(X[200:], TARGET[200:])], eval_metric=worst)
    run = only_run()
    values = model.evals_result_["valid_0"]["worst"]
    assert curve(run, "valid_0-worst") == ([0, 1, 2], values)
    loaded = autolog.lightgbm.load_model(f"runs:/{run.info.run_id}/model")
    assert np.array_equal(loaded.predict(X), model.predict(X))


def test_ranking_with_groups_to_evaluate(switched_on):
    groups = {"group": [150, 150], "eval_group": [[100]]}
    model = lgb.LGBMRanker(n_estimators=3, verbose=-1)
    model.fit(X, CLASSES, eval_set=[(X[200:], CLASSES[200:])], eval_at=[2], **groups)
    values = model.evals_result_["valid_0"]["ndcg@2"]
    assert curve(only_run(), "valid_0-ndcg_at_2") == ([0, 1, 2], values)


def test_going_on_with_a_model(switched_on):
    first = classifier().fit(X, Y, eval_set=EVAL[:1])
    classifier().fit(X, Y, eval_set=EVAL[:1], init_model=first)
    assert curve(runs()[-1], "valid_0-binary_logloss")[0] == [4, 5, 6, 7]


def test_an_eval_set_that_is_a_pair_or_has_a_name_of_the_user(switched_on):
    X_valid, y_valid = X[200:], Y[200:]
    classifier().fit(X, Y, eval_set=(X_valid, y_valid))
    run = only_run()
    assert [i.dataset.name for i in run.inputs.dataset_inputs] == ["X", "X_valid"]


def test_callbacks_of_the_user_are_left_as_they_are(switched_on):
    called = []
    callbacks = [lambda env: called.append(env.iteration)]
    classifier().fit(X, Y, callbacks=callbacks)
    assert called == [0, 1, 2, 3]
    assert len(callbacks) == 1


LARGER = {
    "pipeline": lambda m: make_pipeline(StandardScaler(), m),
    "search": lambda m: GridSearchCV(m, {"max_depth": [1, 2]}, cv=3),
    "parallel": lambda m: GridSearchCV(m, {"max_depth": [1, 2]}, cv=3, n_jobs=2),
    "search of pipelines": lambda m: GridSearchCV(
        make_pipeline(StandardScaler(), m), {"lgbmclassifier__max_depth": [1, 2]}, cv=2
    ),
    "vote": lambda m: VotingClassifier([("a", m), ("b", LogisticRegression())]),
    "calibrated": lambda m: CalibratedClassifierCV(m, cv=2),
    "outputs": lambda m: MultiOutputRegressor(lgb.LGBMRegressor(n_estimators=2, verbose=-1)),
    "selection": lambda m: make_pipeline(SelectFromModel(m), LogisticRegression()),
}


@pytest.mark.parametrize("kind", LARGER)
@pytest.mark.parametrize("order", ["all", "sklearn last", "lightgbm last"])
def test_inside_estimators_of_scikit_learn(kind, order):
    ON[order]()
    model = LARGER[kind](classifier())
    model.fit(X, X[:, :2] if kind == "outputs" else Y)
    found = runs()
    parents = [run for run in found if "mlflow.parentRunId" not in run.data.tags]
    (run,) = parents
    assert len(found) == (3 if "search" in kind or kind == "parallel" else 1)
    assert run.data.tags["mlflow.autologging"] == "sklearn"
    assert run.data.tags["estimator_name"] == type(model).__name__
    assert "num_boost_round" not in run.data.params
    assert not any("binary_logloss" in key and "training" not in key for key in run.data.metrics)
    assert "feature_importance_split.json" not in artifacts(run)
    assert "model" in artifacts(run)


def test_inside_estimators_of_scikit_learn_that_nobody_records():
    autolog.lightgbm.autolog()
    counts = {}
    for kind in ("pipeline", "search", "search of pipelines", "vote"):
        before = len(runs())
        LARGER[kind](classifier()).fit(X, Y)
        counts[kind] = len(runs()) - before
    cross_val_score(classifier(), X, Y, cv=2)
    # Of a search the one that is fitted to all data; the folds are no trainings of the user's.
    assert counts == {"pipeline": 1, "search": 1, "search of pipelines": 1, "vote": 1}
    assert len(runs()) == 4
    assert {run.data.tags["mlflow.autologging"] for run in runs()} == {"lightgbm"}


def test_what_trains_on_a_cluster_is_left_alone(switched_on):
    class Dask(lgb.LGBMClassifier):
        __module__ = "lightgbm.dask"

    def work(train, *data):
        return train(*data)

    Dask(n_estimators=2).fit(X, Y)
    worker = FunctionType(work.__code__, {"__name__": "lightgbm.dask"})
    worker(classifier().fit, X, Y)
    worker(lgb.train, {"verbose": -1}, lgb.Dataset(X, Y), 2)
    assert runs() == []
    assert "lightgbm.dask is left alone" in str(autolog.status())


def test_cross_val_score_opens_no_run():
    autolog.autolog()
    cross_val_score(classifier(), X, Y, cv=3)
    assert runs() == []


def test_an_estimator_of_the_users_own_that_trains_a_booster():
    class Mine(BaseEstimator):
        def fit(self, X, y):
            data = lgb.Dataset(X, y)
            self.booster = lgb.train({"verbose": -1}, data, 3, [data], ["d"])
            return self

    autolog.autolog()
    Mine().fit(X, Y)
    run = only_run()
    assert run.data.tags["estimator_name"] == "Mine"
    assert curve(run, "Booster.d-l2")[0] == [0, 1, 2]


def test_kinds_of_data(switched_on):
    frame = pd.DataFrame({"a": X[:, 0], "b": pd.Categorical(CLASSES)})
    classifier().fit(frame, pd.Series(Y))
    classifier().fit(scipy.sparse.csr_matrix(X), Y)
    for run in runs():
        assert run.info.status == "FINISHED"
        assert len(run.inputs.dataset_inputs) == 1
        assert "model/MLmodel" in artifacts(run, "model")


def test_metrics_after_training(switched_on):
    model = classifier().fit(X, Y)
    X_test, y_test = X[200:], Y[200:]
    value = metrics.accuracy_score(Y, model.predict(X))
    area = metrics.roc_auc_score(y_test, model.predict_proba(X_test)[:, 1])
    score = model.score(X_test, y_test)
    run = only_run()
    assert run.data.metrics.items() >= {
        "accuracy_score_X": value, "roc_auc_score_X_test": area, "LGBMClassifier_score_X_test": score,
    }.items()  # fmt: skip
    assert not any("-2" in key for key in run.data.metrics)
    assert "metric_info.json" in artifacts(run)
    inputs = {(i.dataset.name, i.tags[0].value) for i in run.inputs.dataset_inputs}
    assert inputs >= {("X", "train"), ("X_test", "eval")}


def test_a_fit_that_fails(switched_on):
    with pytest.raises(ValueError):  # noqa: PT011 (XGBoost's own words)
        classifier().fit(X, Y[:10])
    assert {run.info.status for run in runs()} <= {"FAILED"}


def fitted(on):
    if on:
        ON[on]()
    else:
        autolog.disable()
    model = classifier(subsample=0.5, subsample_freq=1, random_state=1)
    model.fit(X, CLASSES, eval_set=[(X, CLASSES)])
    return (
        model.booster_.model_to_string(), model.evals_result_, model.best_score_,
        repr(model.get_params()), model.predict_proba(X).tobytes(), sorted(vars(model)),
    )  # fmt: skip


@pytest.mark.parametrize("on", ON)
def test_a_fit_is_the_same(on):
    assert fitted(None) == fitted(on)


def trained(on):
    if on:
        ON[on]()
    else:
        autolog.disable()
    data, result = lgb.Dataset(X, Y), {}
    booster = lgb.train(
        {"objective": "binary", "bagging_fraction": 0.5, "bagging_freq": 1, "verbose": -1}, data,
        6, [data], ["d"], callbacks=[lgb.record_evaluation(result), lgb.early_stopping(3)],
    )  # fmt: skip
    return (
        booster.model_to_string(), booster.best_score, booster.best_iteration, result,
        booster.predict(X).tobytes(), sorted(vars(booster)), repr(booster.params),
    )  # fmt: skip


@pytest.mark.parametrize("on", ON)
def test_a_training_is_the_same(on):
    assert trained(None) == trained(on)
