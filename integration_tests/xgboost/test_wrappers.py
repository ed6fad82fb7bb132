"""The scikit-learn wrappers: alone, beside scikit-learn's autologging, and inside its estimators."""

from __future__ import annotations

from types import FunctionType

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import xgboost as xgb
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

EVAL = [(X[:200], Y[:200]), (X[200:], Y[200:])]
ON = {
    "xgboost": lambda: autolog.xgboost.autolog(),
    "all": lambda: autolog.autolog(),
    "xgboost last": lambda: (autolog.sklearn.autolog(), autolog.xgboost.autolog()),
    "sklearn last": lambda: (autolog.xgboost.autolog(), autolog.sklearn.autolog()),
}


@pytest.fixture(autouse=True)
def off_again():
    yield
    autolog.disable()


@pytest.fixture(params=ON)
def switched_on(request):
    ON[request.param]()
    return request.param


def test_a_classifier(switched_on):
    model = xgb.XGBClassifier(n_estimators=6, max_depth=2, eval_metric=["auc", "logloss"])
    model.fit(X, Y, eval_set=EVAL, verbose=False)
    run = only_run()
    assert run.info.status == "FINISHED"
    assert run.data.tags["mlflow.autologging"] == "xgboost"
    assert run.data.params.items() >= {
        "num_boost_round": "6", "max_depth": "2", "eval_metric": "['auc', 'logloss']",
        "objective": "binary:logistic", "learning_rate": "None", "early_stopping_rounds": "None",
    }.items()  # fmt: skip
    for data, found in model.evals_result().items():
        for metric, values in found.items():
            assert curve(run, f"{data}-{metric}") == (list(range(6)), values)
    assert "stopped_iteration" not in run.data.metrics
    inputs = [(i.dataset.name, i.tags[0].value) for i in run.inputs.dataset_inputs]
    assert inputs == [("X", "train"), ("validation_0", "eval"), ("validation_1", "eval")]
    expected = {"model", "feature_importance_weight.json", "feature_importance_weight.png"}
    assert artifacts(run) >= expected
    assert artifacts(run, "model") >= {"model/MLmodel", "model/model.ubj"}
    if switched_on == "xgboost":
        assert artifacts(run) == expected
    else:
        assert run.data.metrics["training_accuracy_score"] == metrics.accuracy_score(
            Y, model.predict(X)
        )
        assert run.data.tags["estimator_name"] == "XGBClassifier"
        assert "training_confusion_matrix.png" in artifacts(run)
    loaded = autolog.xgboost.load_model(f"runs:/{run.info.run_id}/model")
    assert type(loaded) is xgb.XGBClassifier
    assert np.array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert loaded.max_depth == 2


WRAPPERS = [
    (xgb.XGBRegressor(n_estimators=3), TARGET, {}),
    (xgb.XGBClassifier(n_estimators=3), CLASSES, {}),
    (xgb.XGBRFClassifier(n_estimators=3), Y, {}),
    (xgb.XGBRFRegressor(n_estimators=3), TARGET, {}),
    (xgb.XGBRanker(n_estimators=3), CLASSES, {"qid": np.repeat([0, 1, 2], 100)}),
    (xgb.XGBRegressor(n_estimators=3), np.stack([TARGET, -TARGET], axis=1), {}),
    (xgb.XGBRegressor(n_estimators=3, multi_strategy="multi_output_tree"), X[:, :2], {}),
]
if not xgb.__version__.startswith("2."):  # those cannot save it
    WRAPPERS.append((xgb.XGBModel(n_estimators=3, objective="reg:squarederror"), TARGET, {}))


@pytest.mark.parametrize(("model", "y", "more"), WRAPPERS, ids=lambda v: type(v).__name__)
@pytest.mark.parametrize("style", ["positional", "keyword"])
def test_every_wrapper(switched_on, model, y, more, style):
    if style == "positional":
        model.fit(X, y, **more)
    else:
        model.fit(y=y, X=X, **more)
    run = only_run()
    assert run.data.params["num_boost_round"] in ("3", "1")
    loaded = autolog.xgboost.load_model(f"runs:/{run.info.run_id}/model")
    assert type(loaded) is type(model)
    assert np.array_equal(loaded.predict(X), model.predict(X))


def test_several_fits_in_a_run_of_the_user(switched_on):
    with autolog.start_run():
        for depth in (2, 3):
            xgb.XGBClassifier(n_estimators=2, max_depth=depth).fit(X, Y, eval_set=EVAL[:1])
    run = only_run()
    assert run.data.params["max_depth"] == "2"
    assert run.data.params["XGBClassifier-2.max_depth"] == "3"
    keys = {"validation_0-logloss", "XGBClassifier-2.validation_0-logloss"}
    assert keys <= set(run.data.metrics)
    assert {"model", "XGBClassifier-2.model"} <= artifacts(run)
    assert not any(key.startswith("XGBClassifier-3") for key in run.data.params)


@pytest.mark.parametrize("stops", [False, True])
def test_early_stopping(switched_on, stops):
    noise = np.random.RandomState(1).rand(300)
    model = xgb.XGBRegressor(n_estimators=30, early_stopping_rounds=2 if stops else None)
    model.fit(X[:200], noise[:200], eval_set=[(X[200:], noise[200:])], verbose=False)
    run = only_run()
    steps, values = curve(run, "validation_0-rmse")
    if stops:
        assert run.data.metrics["best_iteration"] == model.best_iteration
        assert run.data.metrics["stopped_iteration"] == len(steps) - 2
        assert values[-1] == values[model.best_iteration]
    else:
        assert "best_iteration" not in run.data.metrics
        assert steps == list(range(30))


def test_early_stopping_by_a_callback_of_the_user(switched_on):
    noise = np.random.RandomState(1).rand(300)
    stopper = xgb.callback.EarlyStopping(2)
    model = xgb.XGBRegressor(n_estimators=30, callbacks=[stopper])
    model.fit(X[:200], noise[:200], eval_set=[(X[200:], noise[200:])], verbose=False)
    metrics = only_run().data.metrics
    assert metrics["best_iteration"] == model.best_iteration
    assert metrics["stopped_iteration"] == len(model.evals_result()["validation_0"]["rmse"]) - 1


def test_objective_and_metric_of_the_user(switched_on):
    def squares(true, predicted):
        return predicted - true, np.ones_like(predicted)

    def worst(true, predicted):
        return float(np.abs(predicted - true).max())

    model = xgb.XGBRegressor(n_estimators=3, objective=squares, eval_metric=worst)
    model.fit(X, TARGET, eval_set=[(X, TARGET)], verbose=False)
    run = only_run()
    values = model.evals_result()["validation_0"]["worst"]
    assert curve(run, "validation_0-worst") == ([0, 1, 2], values)
    loaded = autolog.xgboost.load_model(f"runs:/{run.info.run_id}/model")
    assert np.array_equal(loaded.predict(X), model.predict(X))


def test_ranking_with_groups_to_evaluate(switched_on):
    groups = {"qid": np.repeat([0, 1], 150), "eval_qid": [np.repeat([0, 1, 2], 100)]}
    model = xgb.XGBRanker(n_estimators=3, eval_metric="ndcg@3")
    model.fit(X, CLASSES, eval_set=[(X, CLASSES)], verbose=False, **groups)
    values = model.evals_result()["validation_0"]["ndcg@3"]
    assert curve(only_run(), "validation_0-ndcg_at_3") == ([0, 1, 2], values)


def test_going_on_with_a_model(switched_on):
    first = xgb.XGBClassifier(n_estimators=2).fit(X, Y, eval_set=EVAL[:1], verbose=False)
    xgb.XGBClassifier(n_estimators=2).fit(X, Y, eval_set=EVAL[:1], xgb_model=first, verbose=False)
    assert curve(runs()[-1], "validation_0-logloss")[0] == [2, 3]


def test_callbacks_of_the_user_are_left_as_they_are(switched_on):
    called = []

    class Mine(xgb.callback.TrainingCallback):
        def after_iteration(self, model, epoch, evals_log):
            called.append(epoch)
            return False

    callbacks = [Mine()]
    model = xgb.XGBClassifier(n_estimators=3, callbacks=callbacks)
    model.fit(X, Y)
    assert called == [0, 1, 2]
    assert model.get_params()["callbacks"] is callbacks
    assert len(callbacks) == 1


LARGER = {
    "pipeline": lambda m: make_pipeline(StandardScaler(), m),
    "search": lambda m: GridSearchCV(m, {"max_depth": [1, 2]}, cv=3),
    "parallel": lambda m: GridSearchCV(m, {"max_depth": [1, 2]}, cv=3, n_jobs=2),
    "search of pipelines": lambda m: GridSearchCV(
        make_pipeline(StandardScaler(), m), {"xgbclassifier__max_depth": [1, 2]}, cv=2
    ),
    "vote": lambda m: VotingClassifier([("a", m), ("b", LogisticRegression())]),
    "calibrated": lambda m: CalibratedClassifierCV(m, cv=2),
    "outputs": lambda m: MultiOutputRegressor(xgb.XGBRegressor(n_estimators=2)),
    "selection": lambda m: make_pipeline(SelectFromModel(m), LogisticRegression()),
}


@pytest.mark.parametrize("kind", LARGER)
@pytest.mark.parametrize("order", ["all", "sklearn last", "xgboost last"])
def test_inside_estimators_of_scikit_learn(kind, order):
    ON[order]()
    model = LARGER[kind](xgb.XGBClassifier(n_estimators=2))
    model.fit(X, X[:, :2] if kind == "outputs" else Y)
    found = runs()
    parents = [run for run in found if "mlflow.parentRunId" not in run.data.tags]
    (run,) = parents
    assert len(found) == (3 if "search" in kind or kind == "parallel" else 1)
    assert run.data.tags["mlflow.autologging"] == "sklearn"
    assert run.data.tags["estimator_name"] == type(model).__name__
    assert "num_boost_round" not in run.data.params
    assert not any("logloss" in key and "training" not in key for key in run.data.metrics)
    assert "feature_importance_weight.json" not in artifacts(run)
    assert "model" in artifacts(run)


def test_inside_estimators_of_scikit_learn_that_nobody_records():
    autolog.xgboost.autolog()
    counts = {}
    for kind in ("pipeline", "search", "search of pipelines", "vote"):
        before = len(runs())
        LARGER[kind](xgb.XGBClassifier(n_estimators=2)).fit(X, Y)
        counts[kind] = len(runs()) - before
    cross_val_score(xgb.XGBClassifier(n_estimators=2), X, Y, cv=2)
    # Of a search the one that is fitted to all data; the folds are no trainings of the user's.
    assert counts == {"pipeline": 1, "search": 1, "search of pipelines": 1, "vote": 1}
    assert len(runs()) == 4
    assert {run.data.tags["mlflow.autologging"] for run in runs()} == {"xgboost"}


def test_what_trains_on_a_cluster_is_left_alone(switched_on):
    class Dask(xgb.XGBClassifier):
        __module__ = "xgboost.dask"

    def work(train, *data):
        return train(*data)

    Dask(n_estimators=2).fit(X, Y)
    worker = FunctionType(work.__code__, {"__name__": "xgboost.dask"})
    worker(xgb.XGBClassifier(n_estimators=2).fit, X, Y)
    worker(xgb.train, {}, xgb.DMatrix(X, Y), 2)
    assert runs() == []
    assert "xgboost.dask and xgboost.spark are left alone" in str(autolog.status())


def test_cross_val_score_opens_no_run():
    autolog.autolog()
    cross_val_score(xgb.XGBClassifier(n_estimators=2), X, Y, cv=3)
    assert runs() == []


def test_an_estimator_of_the_users_own_that_trains_a_booster():
    class Mine(BaseEstimator):
        def fit(self, X, y):
            data = xgb.DMatrix(X, y)
            self.booster = xgb.train({}, data, 3, evals=[(data, "d")], verbose_eval=False)
            return self

    autolog.autolog()
    Mine().fit(X, Y)
    run = only_run()
    assert run.data.tags["estimator_name"] == "Mine"
    assert curve(run, "Booster.d-rmse")[0] == [0, 1, 2]


def test_a_class_made_from_a_wrapper(switched_on):
    class Mine(xgb.XGBClassifier):
        pass

    model = Mine(n_estimators=2).fit(X, Y)
    run = only_run()
    loaded = autolog.xgboost.load_model(f"runs:/{run.info.run_id}/model")
    assert type(loaded) is xgb.XGBClassifier
    assert np.array_equal(loaded.predict_proba(X), model.predict_proba(X))


def test_kinds_of_data(switched_on):
    frame = pd.DataFrame({"a": X[:, 0], "b": pd.Categorical(CLASSES)})
    xgb.XGBClassifier(n_estimators=2, enable_categorical=True).fit(frame, pd.Series(Y))
    xgb.XGBClassifier(n_estimators=2).fit(scipy.sparse.csr_matrix(X), Y)
    for run in runs():
        assert run.info.status == "FINISHED"
        assert len(run.inputs.dataset_inputs) == 1
        assert "model/model.ubj" in artifacts(run, "model")


def test_metrics_after_training(switched_on):
    model = xgb.XGBClassifier(n_estimators=2).fit(X, Y)
    X_test, y_test = X[200:], Y[200:]
    value = metrics.accuracy_score(Y, model.predict(X))
    area = metrics.roc_auc_score(y_test, model.predict_proba(X_test)[:, 1])
    score = model.score(X_test, y_test)
    run = only_run()
    assert run.data.metrics.items() >= {
        "accuracy_score_X": value, "roc_auc_score_X_test": area, "XGBClassifier_score_X_test": score,
    }.items()  # fmt: skip
    assert not any("-2" in key for key in run.data.metrics)
    assert "metric_info.json" in artifacts(run)
    inputs = {(i.dataset.name, i.tags[0].value) for i in run.inputs.dataset_inputs}
    assert inputs >= {("X", "train"), ("X_test", "eval")}


def test_a_fit_that_fails(switched_on):
    with pytest.raises(ValueError):  # noqa: PT011 (XGBoost's own words)
        xgb.XGBClassifier(n_estimators=2).fit(X, Y[:10])
    assert {run.info.status for run in runs()} <= {"FAILED"}


def fitted(on):
    if on:
        ON[on]()
    else:
        autolog.disable()
    model = xgb.XGBClassifier(
        n_estimators=5, subsample=0.5, random_state=1, eval_metric="auc", early_stopping_rounds=2
    )
    model.fit(X, CLASSES, eval_set=[(X, CLASSES)], verbose=False)
    return (
        bytes(model.get_booster().save_raw("ubj")),
        model.get_booster().save_config(),
        model.evals_result(),
        repr(model.get_params()),
        model.predict_proba(X).tobytes(),
        sorted(vars(model)),
    )


@pytest.mark.parametrize("on", ON)
def test_a_fit_is_the_same(on):
    assert fitted(None) == fitted(on)


def trained(on):
    if on:
        ON[on]()
    else:
        autolog.disable()
    data, result = xgb.DMatrix(X, Y), {}
    booster = xgb.train(
        {"objective": "binary:logistic", "subsample": 0.5, "seed": 2}, data, 6,
        evals=[(data, "d")], evals_result=result, early_stopping_rounds=3, verbose_eval=False,
    )  # fmt: skip
    return (
        bytes(booster.save_raw("ubj")), bytes(booster.save_raw("json")), booster.save_config(),
        booster.attributes(), result, booster.predict(data).tobytes(), sorted(vars(booster)),
    )  # fmt: skip


@pytest.mark.parametrize("on", ON)
def test_a_training_is_the_same(on):
    assert trained(None) == trained(on)
