"""Training scores have the values of scikit-learn's own functions."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import linear_model, metrics
from sklearn.datasets import load_breast_cancer, load_iris

from autolog.sklearn import classification, regression
from autolog.sklearn.outcome import Outcome


def close(ours, theirs):
    assert ours == pytest.approx(theirs, rel=1e-12, abs=1e-12)


def labelled(classes, rows=500, seed=0):
    rng = np.random.default_rng(seed)
    true = np.append(np.arange(classes), rng.integers(0, classes, rows - classes))
    raw = rng.random((rows, classes)).round(2) + 0.01
    raw[np.arange(rows), true] += rng.random(rows)
    probabilities = raw / raw.sum(axis=1, keepdims=True)
    return true, probabilities, rng.random(rows)


@pytest.mark.parametrize("classes", [2, 3, 12])
@pytest.mark.parametrize("weighted", [False, True])
def test_label_scores(classes, weighted):
    true, probabilities, weight = labelled(classes)
    predicted = probabilities.argmax(axis=1)
    predicted[predicted == 1] = 0  # a class that is never predicted
    weight = weight if weighted else None
    ours = classification.label_scores(true, predicted, classes, weight, None)
    assert ours["accuracy_score"] == metrics.accuracy_score(true, predicted, sample_weight=weight)
    for name in ("precision_score", "recall_score", "f1_score"):
        theirs = getattr(metrics, name)(
            true, predicted, average="weighted", sample_weight=weight, zero_division=0
        )
        close(ours[name], theirs)


def test_scores_of_the_positive_class():
    true, probabilities, _ = labelled(2)
    predicted = probabilities.argmax(axis=1)
    for positive in (0, 1):
        ours = classification.label_scores(true, predicted, 2, None, positive)
        for name in ("precision_score", "recall_score", "f1_score"):
            close(ours[name], getattr(metrics, name)(true, predicted, pos_label=positive))


@pytest.mark.parametrize("classes", [2, 3, 12])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_log_loss(classes, weighted, kind):
    true, probabilities, weight = labelled(classes)
    probabilities[:5, 0], probabilities[:5, 1:] = 1, 0  # certain, and wrong for some
    probabilities = probabilities.astype(kind)
    weight = weight if weighted else None
    ours = classification.log_loss(true, probabilities, weight)
    tolerance = 1e-12 if kind is np.float64 else 1e-6
    assert ours == pytest.approx(
        metrics.log_loss(true, probabilities, sample_weight=weight), rel=tolerance
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_curves_of_two_classes(weighted):
    true, probabilities, weight = labelled(2)
    score, weight = probabilities[:, 1], weight if weighted else None
    counts = classification.curve(true == 1, score, weight)
    rates = classification.roc(counts)
    close(classification.area(rates), metrics.roc_auc_score(true, score, sample_weight=weight))
    fpr, tpr, _ = metrics.roc_curve(true, score, sample_weight=weight)
    if not weighted:  # weights: the last bit decides which collinear points stay
        np.testing.assert_allclose(rates, (fpr, tpr), rtol=1e-12)
    recall, precision, average = classification.precision_recall(counts)
    close(average, metrics.average_precision_score(true, score, sample_weight=weight))
    theirs = metrics.precision_recall_curve(true, score, sample_weight=weight)
    np.testing.assert_allclose(precision, theirs[0][-len(precision) :], rtol=1e-12)
    np.testing.assert_allclose(recall, theirs[1][-len(recall) :], rtol=1e-12)


@pytest.mark.parametrize("classes", [3, 12])
def test_area_of_several_classes(classes):
    true, probabilities, _ = labelled(classes)
    theirs = metrics.roc_auc_score(true, probabilities, average="weighted", multi_class="ovo")
    close(classification.area_of_pairs(true, probabilities), theirs)


def test_undefined_scores_are_left_out():
    one_class = np.zeros(4, int)
    assert classification.log_loss(one_class, np.full((4, 2), 0.5), None) is None
    assert classification.roc(classification.curve(one_class == 1, np.ones(4), None)) is None
    assert classification.area_of_pairs(one_class, np.full((4, 3), 1 / 3)) is None


@pytest.mark.parametrize("load", [load_breast_cancer, load_iris])
@pytest.mark.parametrize(
    "model",
    [
        linear_model.LogisticRegression(solver="newton-cholesky"),
        linear_model.LogisticRegression(max_iter=5),
        linear_model.LogisticRegressionCV(Cs=2, cv=2, max_iter=5),
    ],
)
@pytest.mark.filterwarnings("ignore")  # few iterations, and what new versions will change
def test_probabilities_that_follow_a_decision_are_the_models_own(load, model):
    X, y = load(return_X_y=True)
    expected, predicted = model.fit(X, y).predict_proba(X), model.predict(X)
    outcome = Outcome(model, X, classifier=True)
    model.fit(-X, y)  # before the background comes to it
    np.testing.assert_array_equal(outcome.probabilities, expected)
    np.testing.assert_array_equal(outcome.predicted, predicted)


@pytest.mark.parametrize("labels", [["b", "a", "c", "a"], [3, -1, 7, 3], [True, False, True, True]])
def test_encode(labels):
    classes = np.unique(labels)
    codes = classification.encode(labels, classes)
    assert list(classes[codes]) == labels


def test_unknown_labels_are_not_encoded():
    assert classification.encode(["a", "z"], np.array(["a", "b"])) is None
    assert classification.encode([[1, 0], [0, 1]], np.array([0, 1])) is None


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("constant", [False, True])
def test_regression(outputs, weighted, constant):
    rng = np.random.default_rng(1)
    true, predicted = rng.random((200, outputs)), rng.random((200, outputs))
    if constant:
        true[:, 0] = 2.5
    if outputs == 1:
        true, predicted = true[:, 0], predicted[:, 0]
    weight = rng.random(200) if weighted else None
    ours = regression.errors(true, predicted, weight)
    for name in ("mean_squared_error", "mean_absolute_error", "r2_score"):
        assert ours[name] == getattr(metrics, name)(true, predicted, sample_weight=weight)
    assert ours["root_mean_squared_error"] == np.sqrt(ours["mean_squared_error"])
