"""Training batch by batch, and cross-validation."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import (
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    permutation_test_score,
    validation_curve,
)
from sklearn.preprocessing import StandardScaler

import autolog
from core_client.client import Client
from integration_tests.sklearn.sklearn_runs import IRIS, only_run, runs

X, Y = IRIS
MODEL = LogisticRegression(max_iter=500)


@pytest.fixture(autouse=True)
def recording():
    autolog.sklearn.autolog()
    yield
    autolog.sklearn.autolog(disable=True)


def history(run, key):
    return [
        (point.step, point.value) for point in Client().get_metric_history(run.info.run_id, key)
    ]


def test_partial_fit_is_one_run_with_a_step_per_batch():
    model = SGDClassifier(random_state=0)
    expected = []
    for step, rows in enumerate(np.array_split(np.random.default_rng(0).permutation(150), 5), 1):
        model.partial_fit(X[rows], Y[rows], classes=[0, 1, 2])
        expected.append((step, metrics.accuracy_score(Y[rows], model.predict(X[rows]))))
    run = only_run()
    assert run.info.status == "FINISHED"
    assert run.data.params["loss"] == "hinge"
    assert history(run, "training_accuracy_score") == expected
    assert history(run, "partial_fit_steps")[-1] == (5, 5.0)


def test_partial_fit_of_two_estimators_and_in_a_run_of_the_user():
    one, two = SGDClassifier(), SGDClassifier()
    for model in (one, two, one):
        model.partial_fit(X, Y, classes=[0, 1, 2])
    with autolog.start_run():
        one.partial_fit(X, Y)
    StandardScaler().partial_fit(X)
    steps = [run.data.metrics["partial_fit_steps"] for run in runs()]
    assert steps == [2, 1, 1]


def test_points_of_many_batches_stay_few():
    from autolog.sklearn.batches import is_scored

    assert [is_scored(step) for step in (1, 57, 99, 100, 101, 110)] == [1, 1, 1, 1, 0, 1]
    assert sum(map(is_scored, range(1, 100_000))) < 400


def test_cross_validation_opens_no_run():
    cross_val_score(MODEL, X, Y, cv=3)
    cross_validate(MODEL, X, Y, cv=3)
    cross_val_predict(MODEL, X, Y, cv=3)
    learning_curve(MODEL, X, Y, cv=3, shuffle=True)
    validation_curve(MODEL, X, Y, param_name="C", param_range=[0.1, 1], cv=3)
    permutation_test_score(MODEL, X, Y, cv=2, n_permutations=2)
    assert runs() == []


def test_cross_validation_in_a_run_of_the_user():
    with autolog.start_run():
        scores = cross_val_score(MODEL, X, Y, cv=3)
        cross_val_score(MODEL, X, Y, cv=3, scoring="f1_macro")
        table = cross_validate(MODEL, X, Y, cv=4, scoring=["accuracy"], return_estimator=True)
    run = only_run()
    assert history(run, "cross_val_score") == list(enumerate(scores))
    assert len(history(run, "cross_val_score-2")) == 3
    assert history(run, "cross_validate_test_accuracy") == list(enumerate(table["test_accuracy"]))
    assert run.data.params == {}
