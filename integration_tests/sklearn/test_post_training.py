"""Metrics computed on what a recorded model predicts belong to the model's run."""

from __future__ import annotations

import gc
import json
import weakref
from pathlib import Path

import numpy as np
import pytest
import sklearn.metrics
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    f1_score,
    get_scorer,
    roc_auc_score,
    silhouette_score,
)
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import autolog
from core_client.client import Client
from integration_tests.sklearn.sklearn_runs import CANCER, DIABETES, IRIS, artifacts, only_run, runs


@pytest.fixture(autouse=True)
def recording():
    autolog.sklearn.autolog(log_models=False)
    yield
    autolog.sklearn.autolog(disable=True)


def later_metrics(run=None):
    """The metrics that training did not record."""
    metrics = (run or only_run()).data.metrics
    return {key: value for key, value in metrics.items() if not key.startswith("training_")}


def call_texts(run, name="metric_info.json"):
    path = Client().download_artifacts(run.info.run_id, name)
    return json.loads(Path(path).read_text())


def test_metrics_scores_and_scorers():
    X_test, y_test = CANCER
    model = LogisticRegression(max_iter=500).fit(*CANCER)
    predicted = model.predict(X_test)
    expected = {
        # imported by name before autologging was switched on
        "accuracy_score_X_test": accuracy_score(y_test, predicted),
        "accuracy_score-2_X_test": accuracy_score(y_test, predicted, normalize=False),
        "f1_score_X_test": f1_score(y_true=y_test, y_pred=predicted),
        "precision_score_X_test": sklearn.metrics.precision_score(y_test, predicted),
        "roc_auc_score_X_test": roc_auc_score(y_test, model.predict_proba(X_test)[:, 1]),
        "LogisticRegression_score_X_test": model.score(X_test, y_test),
        "balanced_accuracy_score_X_test": get_scorer("balanced_accuracy")(model, X_test, y_test),
        "log_loss_X_test": -get_scorer("neg_log_loss")(model, X_test, y_test),
    }
    confusion_matrix(y_test, predicted)  # not a number
    run = only_run()
    assert later_metrics(run) == expected
    texts = call_texts(run)
    assert set(texts) == set(expected)
    assert texts["accuracy_score_X_test"].startswith(
        "accuracy_score(y_true=y_test, y_pred=predicted"
    )
    assert "normalize=False" in texts["accuracy_score-2_X_test"]
    assert texts["LogisticRegression_score_X_test"].startswith(
        "LogisticRegression.score(X=X_test, y=y_test"
    )


def test_the_name_is_the_one_that_the_outermost_caller_uses():
    def measure(model, data, labels):
        return accuracy_score(labels, model.predict(data))

    def twice(*args, **kwargs):
        return measure(*args, **kwargs), measure(*args, **kwargs)

    X_valid, y_valid = IRIS
    model = LogisticRegression(max_iter=500).fit(*IRIS)
    measure(model, X_valid, y_valid)
    twice(model, X_valid, labels=y_valid)
    measure(model, X_valid[:50], y_valid[:50])
    assert set(later_metrics()) == {
        "accuracy_score_X_valid",
        "accuracy_score-2_X_valid",
        "accuracy_score-3_X_valid",
        "accuracy_score-4_unknown_dataset",
    }


def test_a_variable_that_held_two_sets():
    model = Ridge().fit(*DIABETES)
    X, y = DIABETES
    for start in (0, 100):
        part = X[start : start + 100]
        sklearn.metrics.r2_score(y[start : start + 100], model.predict(part))
    assert set(later_metrics()) == {"r2_score_part", "r2_score-2_part-2"}


def test_only_predictions_of_recorded_models():
    X, y = IRIS
    with_run = LogisticRegression(max_iter=500).fit(X, y)
    autolog.sklearn.autolog(disable=True)
    without_run = clone(with_run).fit(X, y)
    autolog.sklearn.autolog(log_models=False)
    accuracy_score(y, without_run.predict(X))
    accuracy_score(y, y)
    accuracy_score(y, with_run.predict(X) * 1)  # another array, of unknown making
    without_run.score(X, y)
    assert later_metrics() == {}


def test_the_option_switches_it_off():
    autolog.sklearn.autolog(log_models=False, log_post_training_metrics=False)
    model = LogisticRegression(max_iter=500).fit(*IRIS)
    accuracy_score(IRIS[1], model.predict(IRIS[0]))
    model.score(*IRIS)
    assert later_metrics() == {}


def test_runs_that_the_user_has_ended_and_second_models():
    X, y = CANCER
    with autolog.start_run():
        first = LogisticRegression(C=1.0).fit(X, y)
        second = LogisticRegression(C=0.01).fit(X, y)
    with autolog.start_run():  # another run: not theirs
        expected = {
            "accuracy_score_X": accuracy_score(y, first.predict(X)),
            "LogisticRegression-2.accuracy_score_X": accuracy_score(y, second.predict(X)),
        }
    run, other = runs()
    found = later_metrics(run)
    assert {key: found[key] for key in expected} == expected
    assert other.data.metrics == {}
    assert {"metric_info.json", "LogisticRegression-2.metric_info.json"} <= artifacts(run)


def test_a_fit_anew_begins_anew():
    X, y = IRIS
    model = LogisticRegression(max_iter=500).fit(X, y)
    predicted = model.predict(X)
    model.fit(X, y)
    accuracy_score(y, predicted)
    accuracy_score(y, model.predict(X))
    assert [set(later_metrics(run)) for run in runs()] == [{"accuracy_score_X"}] * 2


def test_pipelines_searches_and_clusterers():
    X, y = IRIS
    steps = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    accuracy_score(y, steps.predict(X))
    search = GridSearchCV(LogisticRegression(max_iter=500), {"C": [1]}, cv=2).fit(X, y)
    accuracy_score(y, search.predict(X))
    accuracy_score(y, search.best_estimator_.predict(X))
    groups = KMeans(3, n_init=1).fit(X)
    silhouette_score(X, groups.labels_)
    labels = KMeans(3, n_init=1).fit_predict(X)
    silhouette_score(X, labels)
    found = [set(later_metrics(run)) for run in runs() if "mlflow.parentRunId" not in run.data.tags]
    assert found[0] == {"accuracy_score_X"}
    assert {"accuracy_score_X", "accuracy_score-2_X"} <= found[1]
    assert found[2] == found[3] == {"silhouette_score_X"}


def test_evaluation_sets_are_listed_once():
    X_test = IRIS[0]
    model = LogisticRegression(max_iter=500).fit(*IRIS)
    for _ in range(3):
        model.predict(X_test)
    listed = [
        (given.dataset.name, given.tags[0].value) for given in only_run().inputs.dataset_inputs
    ]
    assert sorted(listed) == [("X_test", "eval"), ("X_test", "train")]


def test_nothing_of_the_user_is_kept_alive():
    class Data(np.ndarray):
        """An array whose end can be seen."""

    X = IRIS[0].copy().view(Data)
    model = LogisticRegression(max_iter=500).fit(X, IRIS[1])
    predicted = model.predict(X)
    accuracy_score(IRIS[1], predicted)
    only_run()
    references = [weakref.ref(X), weakref.ref(model), weakref.ref(predicted)]
    del X, model, predicted
    gc.collect()
    assert [reference() for reference in references] == [None] * 3


def test_locals_that_the_user_holds_stay():
    X, y = IRIS
    model = LogisticRegression(max_iter=500).fit(X, y)
    held = locals()
    model.score(X, y)
    assert set(held) >= {"X", "y", "model"}
    assert later_metrics() == {"LogisticRegression_score_X": model.score(X, y)}
