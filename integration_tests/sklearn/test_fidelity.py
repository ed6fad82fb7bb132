"""Training is the same with and without autologging: results, params, errors, random state."""

from __future__ import annotations

import pickle
import random
import threading
import warnings

import numpy as np
import pytest
from sklearn import ensemble, linear_model, naive_bayes, neighbors, svm, tree
from sklearn.base import BaseEstimator, ClassifierMixin, clone, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.decomposition import NMF, PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.isotonic import IsotonicRegression
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import autolog
from integration_tests.sklearn.sklearn_runs import CANCER, DIABETES, IRIS
from tests.scripts import run_script

X, Y = IRIS
RX, RY = DIABETES[0][:150], DIABETES[1][:150]

ESTIMATORS = [
    linear_model.LogisticRegression(), linear_model.LinearRegression(), linear_model.Ridge(),
    linear_model.Lasso(alpha=0.1), linear_model.ElasticNet(selection="random"),
    linear_model.SGDClassifier(), linear_model.SGDRegressor(), linear_model.Perceptron(),
    svm.SVC(), svm.LinearSVC(), svm.SVR(), naive_bayes.GaussianNB(),
    # A tree counts the questions it is asked, ours too, and pickles the counts.
    neighbors.KNeighborsClassifier(algorithm="brute"),
    neighbors.KNeighborsRegressor(algorithm="brute"),
    tree.DecisionTreeClassifier(max_features=2), tree.DecisionTreeRegressor(max_features=2),
    ensemble.RandomForestClassifier(5), ensemble.ExtraTreesRegressor(5),
    ensemble.GradientBoostingClassifier(n_estimators=3, subsample=0.5),
    ensemble.HistGradientBoostingRegressor(max_iter=3),
    ensemble.AdaBoostClassifier(n_estimators=3), ensemble.BaggingClassifier(n_estimators=3),
    ensemble.IsolationForest(n_estimators=5),
    ensemble.VotingClassifier([("a", naive_bayes.GaussianNB()), ("b", svm.LinearSVC())]),
    ensemble.StackingClassifier([("a", naive_bayes.GaussianNB())], cv=2),
    CalibratedClassifierCV(svm.LinearSVC(), cv=2), LinearDiscriminantAnalysis(),
    DummyClassifier(strategy="stratified"), MLPClassifier((4,), max_iter=5),
    OneVsRestClassifier(linear_model.LogisticRegression()), GaussianProcessRegressor(),
    TransformedTargetRegressor(linear_model.Ridge()), IsotonicRegression(),
    KMeans(3, n_init=1), MiniBatchKMeans(3, n_init=1), GaussianMixture(2), PCA(2), NMF(2),
    make_pipeline(StandardScaler(copy=False), linear_model.LogisticRegression()),
    make_pipeline(make_column_transformer((StandardScaler(), [0, 1])), tree.ExtraTreeClassifier()),
    GridSearchCV(tree.DecisionTreeClassifier(), {"max_depth": [1, 2]}, cv=2),
    RandomizedSearchCV(linear_model.Ridge(), {"alpha": [1, 2, 3, 4]}, n_iter=2, cv=2),
]  # fmt: skip


def data_for(model):
    if isinstance(model, IsotonicRegression):
        return RX[:, 0].copy(), RY.copy()
    return (RX.copy(), RY.copy()) if is_regressor(model) else (X.copy(), Y.copy())


def fitted(model):
    """Everything that a fit leaves behind, as comparable values."""
    random.seed(1)
    np.random.seed(1)
    model = clone(model)
    X, y = data_for(model)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        filters = list(warnings.filters)
        result = model.fit(X, y)
        assert result is model
        if not isinstance(model, ensemble.HistGradientBoostingRegressor):  # it swaps them itself
            assert list(warnings.filters) == filters
        shown = sorted(str(one.message) for one in caught)
    state = {key: value for key, value in vars(model).items() if "time" not in key}
    if "cv_results_" in state:
        state["cv_results_"] = {k: v for k, v in state["cv_results_"].items() if "time" not in k}
    return {
        "state": pickle.dumps(state),
        "size": len(pickle.dumps(state)),
        "params": repr(sorted(model.get_params().items())),
        "clone": repr(clone(model)),
        "warnings": shown,
        "python": random.getstate(),
        "numpy": pickle.dumps(np.random.get_state()),
        "data": (X.tobytes(), y.tobytes()),
    }


@pytest.mark.parametrize("model", ESTIMATORS, ids=lambda model: type(model).__name__)
def test_a_fit_is_the_same(model):
    autolog.sklearn.autolog(disable=True)
    without = fitted(model)
    autolog.sklearn.autolog()
    with_autologging = fitted(model)
    assert with_autologging == without


def error_of(call):
    with pytest.raises(Exception) as caught:  # noqa: PT011 (which one is the question)
        call()
    return type(caught.value), str(caught.value)


@pytest.mark.parametrize(
    "call",
    [
        lambda: linear_model.LogisticRegression(C=-1).fit(X, Y),
        lambda: linear_model.LogisticRegression().fit(X, Y[:5]),
        lambda: linear_model.LogisticRegression().fit(X),
        lambda: linear_model.LogisticRegression().fit(),
        lambda: linear_model.LogisticRegression().fit(X, Y, X, Y, no=1),
        lambda: linear_model.LogisticRegression().predict(X),
        lambda: svm.SVC().predict_proba(X),
        lambda: GridSearchCV(svm.SVC(), {"Q": [1]}).fit(X, Y),
        lambda: make_pipeline(StandardScaler(), svm.SVC()).fit(X * np.nan, Y),
        lambda: GridSearchCV(svm.SVC(), {"C": [1]}, refit=False, cv=2).fit(X, Y).predict(X),
    ],
)
def test_errors_are_the_same(call):
    autolog.sklearn.autolog(disable=True)
    without = error_of(call)
    autolog.sklearn.autolog()
    assert error_of(call) == without


def test_interrupts_pass():
    class Interrupted(BaseEstimator):
        def fit(self, X, y):
            raise KeyboardInterrupt

    autolog.sklearn.autolog()
    with pytest.raises(KeyboardInterrupt):
        Interrupted().fit(X, Y)
    run = autolog.search_runs(output_format="list")[0]
    assert run.info.status == "FAILED"


class Noisy(ClassifierMixin, BaseEstimator):
    """Warns and draws random numbers whenever it predicts."""

    def __init__(self, generator=None):
        self.generator = generator

    def fit(self, X, y):
        warnings.warn("fitting", UserWarning, stacklevel=2)
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        warnings.warn("predicting", UserWarning, stacklevel=2)
        np.random.rand()
        random.random()
        if self.generator is not None:
            self.generator.random(3)
        return np.zeros(len(X), int) + np.log(np.zeros(1)).astype(int).clip(0, 0)


def test_our_own_predictions_are_neither_seen_nor_felt():
    autolog.sklearn.autolog()
    for generator in (None, np.random.RandomState(3), np.random.default_rng(3)):
        before = random.getstate(), np.random.rand()
        np.random.seed(5)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            Noisy(generator).fit(X, Y)
        assert [str(one.message) for one in caught] == ["fitting"]
        assert random.getstate() == before[0]
        assert np.random.rand() == np.random.RandomState(5).rand()
    fresh = np.random.RandomState(3)
    used = np.random.RandomState(3)
    Noisy(used).fit(X, Y)
    assert used.rand() == fresh.rand()


WHO_SWAPS_FILTERS = """
import threading, warnings
enter = warnings.catch_warnings.__enter__
others = set()
def noting(self):
    if threading.current_thread() is not threading.main_thread():
        others.add(threading.current_thread().name)
    return enter(self)
warnings.catch_warnings.__enter__ = noting
import autolog
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
X, y = load_breast_cancer(return_X_y=True)
autolog.autolog()
LogisticRegression(max_iter=10000).fit(X, y)
RandomForestClassifier(5).fit(X, y)
autolog.flush_async_logging()
(run, forest) = autolog.search_runs(output_format="list")
files = {file.path for file in autolog.Client().list_artifacts(run.info.run_id, "model")}
assert "model/model.skops" in files, files
print(sorted(others))
"""


def test_nothing_beside_the_users_thread_swaps_the_warning_filters(tmp_path):
    """They belong to the whole process: what the user's thread sets meanwhile would be undone."""
    assert run_script(WHO_SWAPS_FILTERS, tmp_path) == "[]\n"


def test_warnings_of_other_threads_are_heard_meanwhile():
    """Filters belong to the whole process: muting ours must not mute theirs."""
    autolog.sklearn.autolog(log_models=False)
    inside, heard = threading.Event(), threading.Event()

    class Slow(Noisy):
        def predict(self, X):
            inside.set()
            heard.wait(10)
            return super().predict(X)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        thread = threading.Thread(target=lambda: Slow().fit(X, Y))
        thread.start()
        assert inside.wait(10)
        warnings.warn("mine", UserWarning, stacklevel=1)
        heard.set()
        thread.join()
    assert sorted(str(one.message) for one in caught) == ["fitting", "mine"]


def test_a_failure_of_ours_stays_ours(monkeypatch, faults):
    from autolog.sklearn import outcome

    def broken(*args):
        raise RuntimeError("ours")

    monkeypatch.setattr(outcome.Scores, "metrics", broken)
    autolog.sklearn.autolog()
    model = linear_model.LogisticRegression().fit(*CANCER)
    assert model.score(*CANCER) > 0.5
    run = autolog.search_runs(output_format="list")[0]
    assert run.info.status == "FINISHED"
    assert run.data.params["C"] == "1.0"
    faults.expect("ours")
