"""What a fit records: params, scores, tags, figures, datasets, model; and what it leaves alone."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn import metrics
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
from sklearn.cluster import DBSCAN, KMeans
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

import autolog
from integration_tests.sklearn.sklearn_runs import (
    CANCER,
    DIABETES,
    IRIS,
    artifacts,
    only_run,
    runs,
    weights,
)

LABEL_SCORES = ("accuracy_score", "precision_score", "recall_score", "f1_score")


@pytest.fixture(autouse=True)
def recording():
    autolog.sklearn.autolog()
    yield
    autolog.sklearn.autolog(disable=True)


def theirs(model, X, y, weight=None, pos_label=None):
    """The training scores as scikit-learn's own functions give them."""
    autolog.sklearn.autolog(disable=True)
    predicted = model.predict(X)
    average = {"average": "weighted"}
    if pos_label is not None:
        average = {"average": "binary", "pos_label": pos_label}
    found = {"training_accuracy_score": metrics.accuracy_score(y, predicted, sample_weight=weight)}
    for name in LABEL_SCORES[1:]:
        function = getattr(metrics, name)
        found[f"training_{name}"] = function(y, predicted, sample_weight=weight, **average)
    found["training_score"] = model.score(X, y, sample_weight=weight)
    if hasattr(model, "predict_proba"):
        p = model.predict_proba(X)
        found["training_log_loss"] = metrics.log_loss(y, p, sample_weight=weight)
        if p.shape[1] == 2:
            found["training_roc_auc"] = metrics.roc_auc_score(y, p[:, 1], sample_weight=weight)
        elif weight is None:
            found["training_roc_auc"] = metrics.roc_auc_score(
                y, p, average="weighted", multi_class="ovo"
            )
    return found


CLASSIFIERS = [
    LogisticRegression(max_iter=500), LinearSVC(), SVC(probability=False), GaussianNB(),
    DecisionTreeClassifier(max_depth=2), RandomForestClassifier(n_estimators=5),
    KNeighborsClassifier(), make_pipeline(StandardScaler(), LogisticRegression()),
    OneVsRestClassifier(LogisticRegression()), BaggingClassifier(GaussianNB(), n_estimators=3),
    VotingClassifier([("a", GaussianNB()), ("b", DecisionTreeClassifier())]),
]  # fmt: skip


@pytest.mark.parametrize("model", CLASSIFIERS, ids=lambda model: type(model).__name__)
@pytest.mark.parametrize("data", [IRIS, CANCER], ids=["three", "two"])
def test_scores_of_a_classifier(model, data):
    X, y = data
    model.fit(X, y)
    run = only_run()
    assert run.info.status == "FINISHED"
    assert run.data.metrics == pytest.approx(theirs(model, X, y), rel=1e-12)
    assert run.data.params == {
        key: str(value)[:6000] for key, value in model.get_params(deep=True).items()
    }
    kind = type(model)
    assert run.data.tags["estimator_name"] == kind.__name__
    assert run.data.tags["estimator_class"] == f"{kind.__module__}.{kind.__name__}"
    assert run.data.tags["mlflow.autologging"] == "sklearn"
    expected = {"model", "estimator.html", "training_confusion_matrix.png"}
    if data is CANCER and not isinstance(model, VotingClassifier):
        expected |= {"training_roc_curve.png", "training_precision_recall_curve.png"}
    assert artifacts(run) == expected


def test_weights_count():
    X, y = CANCER
    model = LogisticRegression().fit(X, y, sample_weight=weights(len(y)))
    run = only_run()
    assert run.data.metrics == pytest.approx(theirs(model, X, y, weights(len(y))), rel=1e-12)


@pytest.mark.parametrize("pos_label", [0, 1])
def test_the_positive_label(pos_label):
    autolog.sklearn.autolog(pos_label=pos_label)
    X, y = CANCER
    model = LogisticRegression().fit(X, y)
    assert only_run().data.metrics == pytest.approx(
        theirs(model, X, y, pos_label=pos_label), rel=1e-12
    )


def test_labels_may_be_words():
    X, y = CANCER
    y = np.where(y, "good", "bad")
    model = LogisticRegression().fit(X, y)
    assert only_run().data.metrics == pytest.approx(theirs(model, X, y), rel=1e-12)


@pytest.mark.parametrize("kind", ["frame", "sparse", "list"])
def test_kinds_of_data(kind):
    X, y = CANCER
    make = {
        "frame": lambda: (pd.DataFrame(X).add_prefix("c"), pd.Series(y, name="kind")),
        "sparse": lambda: (scipy.sparse.csr_matrix(X), y),
        "list": lambda: (X.tolist(), y.tolist()),
    }[kind]
    train, labels = make()
    model = LogisticRegression().fit(train, labels)
    run = only_run()
    assert run.data.metrics == pytest.approx(theirs(model, train, labels), rel=1e-12)
    (given,) = run.inputs.dataset_inputs
    assert given.dataset.name == "train"
    assert [(tag.key, tag.value) for tag in given.tags] == [("mlflow.data.context", "train")]
    assert json.loads(given.dataset.schema)


@pytest.mark.parametrize("model", [Ridge(0.3), make_pipeline(StandardScaler(), Ridge())])
@pytest.mark.parametrize("outputs", [1, 2])
def test_scores_of_a_regressor(model, outputs):
    X, y = DIABETES
    y = y if outputs == 1 else np.stack([y, -y], axis=1)
    model.fit(X, y)
    run = only_run()
    autolog.sklearn.autolog(disable=True)
    predicted = model.predict(X)
    squared = metrics.mean_squared_error(y, predicted)
    assert run.data.metrics == {
        "training_mean_squared_error": squared,
        "training_root_mean_squared_error": np.sqrt(squared),
        "training_mean_absolute_error": metrics.mean_absolute_error(y, predicted),
        "training_r2_score": metrics.r2_score(y, predicted),
        "training_score": model.score(X, y),
    }
    assert artifacts(run) == {"model", "estimator.html"}


def test_many_rows_are_scored_beside_the_training():
    rng = np.random.default_rng(0)
    X, y = rng.random((30_000, 3)), rng.integers(0, 3, 30_000)
    model = LogisticRegression().fit(X, y)
    expected = theirs(model, X, y)
    X[:], y[:] = 0, 0  # the user's arrays are the user's again
    assert only_run().data.metrics == pytest.approx(expected, rel=1e-9)


def test_several_labels_a_row():
    X, y = IRIS
    both = np.stack([y > 0, y > 1], axis=1).astype(int)
    MultiOutputClassifier(LogisticRegression()).fit(X, both)
    KNeighborsClassifier().fit(X, both)
    first, second = runs()
    assert "training_score" in first.data.metrics
    predicted = KNeighborsClassifier().fit(X, both).predict(X)
    assert second.data.metrics["training_f1_score"] == metrics.f1_score(
        both, predicted, average="weighted"
    )


def test_clusterers():
    X, _ = IRIS
    KMeans(n_clusters=3, n_init=2).fit(X)
    DBSCAN().fit_predict(X)
    first, second = runs()
    assert first.data.params["n_clusters"] == "3"
    assert second.data.params["eps"] == "0.5"
    assert artifacts(first) == {"model", "estimator.html"}


def test_transformers_alone_open_no_run():
    X, y = IRIS
    StandardScaler().fit_transform(X)
    make_column_transformer((StandardScaler(), [0])).fit(X)
    FunctionTransformer().fit(X)
    SelectFromModel(LogisticRegression()).fit(X, y)

    class Doubler(TransformerMixin, BaseEstimator):
        def fit(self, X, y=None):
            self.inner_ = LogisticRegression().fit(*IRIS)
            return self

        def transform(self, X):
            return X * 2

    Doubler().fit(X)
    assert runs() == []
    PCA(2).fit_transform(X)  # a model in its own right
    assert only_run().data.params["n_components"] == "2"


class Majority(ClassifierMixin, BaseEstimator):
    """A user's estimator that trains another one."""

    def __init__(self, strategy="most_frequent"):
        self.strategy = strategy

    def fit(self, X, y):
        self.inner_ = DummyClassifier(strategy=self.strategy).fit(X, y)
        self.classes_ = self.inner_.classes_
        return self

    def predict(self, X):
        return self.inner_.predict(X)


class Mean(RegressorMixin, BaseEstimator):
    """A user's estimator with a score of its own."""

    def fit(self, data, target):
        self.mean_ = np.mean(target)
        return self

    def predict(self, data):
        return np.full(len(data), self.mean_)

    def score(self, data, target):
        return 42.0


def test_estimators_of_the_user():
    Majority().fit(*IRIS)
    Mean().fit(*DIABETES)
    first, second = runs()
    assert first.data.params == {"strategy": "most_frequent"}
    assert first.data.metrics["training_accuracy_score"] == pytest.approx(1 / 3)
    assert first.data.tags["estimator_name"] == "Majority"
    assert second.data.metrics["training_score"] == 42.0
    assert second.data.metrics["training_r2_score"] == 0.0


def test_two_fits_in_one_run_are_both_recorded():
    with autolog.start_run() as active:
        LogisticRegression(C=1.0).fit(*IRIS)
        LogisticRegression(C=0.1).fit(*IRIS)
        Ridge(alpha=3).fit(*DIABETES)
    run = only_run()
    assert run.info.run_id == active.info.run_id
    assert "mlflow.autologging" not in run.data.tags
    assert run.data.params["C"] == "1.0"
    assert run.data.params["LogisticRegression-2.C"] == "0.1"
    assert run.data.params["Ridge.alpha"] == "3"
    assert (
        run.data.metrics["training_score"] > run.data.metrics["LogisticRegression-2.training_score"]
    )
    assert "Ridge.training_r2_score" in run.data.metrics
    assert {"model", "LogisticRegression-2.model", "Ridge.model"} <= artifacts(run)
    assert len(run.inputs.dataset_inputs) == 2


def test_a_failed_fit():
    with pytest.raises(ValueError, match="C"):
        LogisticRegression(C=-1).fit(*IRIS)
    run = only_run()
    assert run.info.status == "FAILED"
    assert run.data.params["C"] == "-1"
    assert run.data.tags["autolog.error"].startswith("InvalidParameterError")


def test_options_switch_parts_off():
    autolog.sklearn.autolog(log_models=False, log_datasets=False, extra_tags={"team": "a"})
    LogisticRegression().fit(*IRIS)
    run = only_run()
    assert "model" not in artifacts(run)
    assert run.inputs.dataset_inputs == []
    assert run.data.tags["team"] == "a"


def test_the_model_has_signature_and_example():
    autolog.sklearn.autolog(log_input_examples=True)
    X, y = IRIS
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    model = LogisticRegression(max_iter=500).fit(frame, y)
    run = only_run()
    loaded = autolog.sklearn.load_model(f"runs:/{run.info.run_id}/model")
    assert (loaded.predict(frame) == model.predict(frame)).all()
    assert {"model/MLmodel", "model/input_example.json"} <= artifacts(run, "model")
    info = autolog.models.get_model_info(f"runs:/{run.info.run_id}/model")
    assert info.signature.inputs.input_names() == ["a", "b", "c", "d"]


def test_data_is_never_written_to():
    """Not even by an estimator that changes what it is given, each time it is given it."""

    def shrink(X):
        X *= 0.5
        return X

    X, y = IRIS[0].copy(), IRIS[1]
    plain = X.copy()
    for model in (
        make_pipeline(FunctionTransformer(shrink), LogisticRegression()),
        make_pipeline(StandardScaler(copy=False), LogisticRegression()),
        LinearRegression(copy_X=False),
    ):
        ours, bare = plain.copy(), plain.copy()
        autolog.sklearn.autolog()
        model.fit(ours, y)
        autolog.sklearn.autolog(disable=True)
        model.fit(bare, y)
        np.testing.assert_array_equal(ours, bare)


def test_several_fits_in_threads_get_a_run_each():
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda c: LogisticRegression(C=c, max_iter=300).fit(*IRIS), [1, 2, 3, 4]))
    found = runs()
    assert sorted(run.data.params["C"] for run in found) == ["1", "2", "3", "4"]
    for run in found:
        assert "training_score" in run.data.metrics
        assert "model" in artifacts(run)


def test_workers_record_nothing_of_their_own():
    BaggingClassifier(GaussianNB(), n_estimators=4, n_jobs=2).fit(*IRIS)
    assert only_run().data.tags["estimator_name"] == "BaggingClassifier"
