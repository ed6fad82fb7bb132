"""One pass of predictions over the training data, and all scores and figures made from it."""

from __future__ import annotations

from copy import copy
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from autolog.sklearn import classification, figures, regression
from autolog.sklearn.params import is_pipeline

if TYPE_CHECKING:
    from collections.abc import Callable

    from autolog.engine.recorder import Recorder

# Classifiers of scikit-learn whose `predict` is the class of the highest `predict_proba`.
FOLLOWS_PROBABILITIES = frozenset(
    {
        "LogisticRegression", "LogisticRegressionCV", "DecisionTreeClassifier",
        "ExtraTreeClassifier", "RandomForestClassifier", "ExtraTreesClassifier", "GaussianNB",
        "MultinomialNB", "BernoulliNB", "ComplementNB", "CategoricalNB", "MLPClassifier",
    }
)  # fmt: skip

# Those of which both methods ask for nothing of the data but `decision_function`.
FOLLOWS_DECISION = frozenset({"LogisticRegression", "LogisticRegressionCV"})

MOST_CLASSES_DRAWN = 200

# What the `score` methods of scikit-learn are, wherever they do nothing else.
SCORES = {
    "ClassifierMixin.score": "accuracy_score",
    "KNeighborsClassifier.score": "accuracy_score",
    "RadiusNeighborsClassifier.score": "accuracy_score",
    "RegressorMixin.score": "r2_score",
}


class Outcome:
    """Predictions for the training data, from at most one call of each method.

    Args:
        estimator: a fitted classifier or regressor.
        X: the data it was fitted to.
        classifier: whether it is a classifier.
    """

    def __init__(self, estimator: Any, X: Any, classifier: bool) -> None:
        self.classifier = classifier
        self.name = type(estimator).__name__
        self.classes: Any = np.asarray(getattr(estimator, "classes_", ())) if classifier else None
        self.decision: Any = None
        self._probabilities: Callable[[], Any] = lambda: None
        if _is_one_of(FOLLOWS_DECISION, estimator):
            self.decision = estimator.decision_function(X)
            self._probabilities = _probabilities_of(estimator, self.decision)
        elif classifier and hasattr(estimator, "predict_proba"):
            found = estimator.predict_proba(X)
            self._probabilities = lambda: found
        elif self._two_classes() and hasattr(estimator, "decision_function"):
            self.decision = estimator.decision_function(X)
        self.codes: Any = self._most_probable(estimator)
        self._predicted: Any = estimator.predict(X) if self.codes is None else None

    @cached_property
    def probabilities(self) -> Any:
        """One column for each class, worked out when they are needed; None without."""
        return self._probabilities()

    @property
    def predicted(self) -> Any:
        """The predicted labels or values."""
        return self.first(len(self))

    def first(self, rows: int) -> Any:
        """The first few predictions."""
        if self.codes is None:
            return self._predicted[:rows]
        return self.classes[self.codes[:rows]]

    def __len__(self) -> int:
        return len(self._predicted if self.codes is None else self.codes)

    def _two_classes(self) -> bool:
        return self.classes is not None and self.classes.shape == (2,)

    def _most_probable(self, estimator: Any) -> Any:
        """Positions of the predicted classes, if the probabilities tell them without doubt."""
        if _is_one_of(FOLLOWS_DECISION, estimator):
            d = self.decision
            return (d > 0).astype(np.intp) if d.ndim == 1 else d.argmax(axis=1)
        if not _is_one_of(FOLLOWS_PROBABILITIES, _predictor(estimator)):
            return None
        p = self.probabilities
        if not isinstance(p, np.ndarray) or p.ndim != 2 or p.shape[1:] != self.classes.shape:
            return None
        if p.shape[1] == 2:
            doubtful = bool(np.any(p[:, 0] == p[:, 1]))
            return None if doubtful else (p[:, 1] > p[:, 0]).astype(np.intp)
        highest = p.max(axis=1)
        doubtful = int((p == highest[:, None]).sum()) != len(p)
        return None if doubtful else p.argmax(axis=1)


class Scores:
    """What is recorded of an outcome; holds no data of the user, only arrays of its own.

    Args:
        outcome: the pass.
        true: the labels or targets that the estimator was fitted to.
        weight: one weight per row, or None.
        pos_label: the class that precision, recall and F1 are about; None averages all classes.
    """

    def __init__(self, outcome: Outcome, true: Any, weight: Any, pos_label: Any) -> None:
        self.outcome, self.pos_label = outcome, pos_label
        self.weight = None if weight is None else np.array(weight, dtype=float)
        self.true = np.array(true)

    @cached_property
    def codes(self) -> tuple[Any, Any] | None:
        """Positions of the true and the predicted classes, where each row has one label."""
        outcome = self.outcome
        if outcome.classes is None:
            return None
        if not len(outcome.classes):
            outcome.classes = np.unique(self.true)
        actual = classification.encode(self.true, outcome.classes)
        predicted = outcome.codes
        if predicted is None:
            predicted = classification.encode(outcome.predicted, outcome.classes)
        return None if actual is None or predicted is None else (actual, predicted)

    def metrics(self) -> dict[str, float]:
        """Name (without ``training_``) to value; undefined ones are left out."""
        if self.codes is not None:
            found = self._label_metrics()
        elif self.outcome.classifier:
            found = self._metrics_of_scikit_learn()
        else:
            found = {**regression.errors(self.true, self.outcome.predicted, self.weight)}
        return {name: float(v) for name, v in found.items() if v is not None and not np.isnan(v)}

    def _label_metrics(self) -> dict[str, float | None]:
        actual, predicted = self.codes  # type: ignore[misc]
        classes = self.outcome.classes
        weight, probabilities = self.weight, self.outcome.probabilities
        count = len(classes)
        positive = self._positive()
        of_class = None if positive == -1 else positive
        found: dict[str, float | None] = {
            **classification.label_scores(actual, predicted, count, weight, of_class)
        }
        if positive == -1:  # scikit-learn defines none of these for this label
            found = {"accuracy_score": found["accuracy_score"]}
        if isinstance(probabilities, np.ndarray) and probabilities.shape == (len(actual), count):
            found["log_loss"] = classification.log_loss(actual, probabilities, weight)
            if count == 2:
                found["roc_auc"] = classification.area(self._rates())
            elif count > 2 and weight is None:
                found["roc_auc"] = classification.area_of_pairs(actual, probabilities)
        return found

    def _positive(self) -> int | None:
        """Position of `pos_label`; None if none was chosen, -1 if it has no meaning here."""
        if self.pos_label is None:
            return None
        classes = self.outcome.classes.tolist()
        if len(classes) != 2 or self.pos_label not in classes:
            return -1
        return int(classes.index(self.pos_label))

    def _metrics_of_scikit_learn(self) -> dict[str, float | None]:
        """Several labels a row: too rare for formulas of our own."""
        from contextlib import suppress

        from sklearn import metrics

        predicted, weight = self.outcome.predicted, self.weight
        found: dict[str, float | None] = {}
        for name in ("accuracy_score", "precision_score", "recall_score", "f1_score"):
            average = {} if name == "accuracy_score" else {"average": "weighted"}
            with suppress(ValueError):  # not defined for such labels
                found[name] = getattr(metrics, name)(
                    self.true, predicted, sample_weight=weight, **average
                )
        return found

    def _score(self) -> Any:
        """Values that rise with the second of two classes; None without."""
        if self.outcome.probabilities is not None:
            return self.outcome.probabilities[:, 1]
        return self.outcome.decision

    @cached_property
    def _curve(self) -> classification.Curve:
        actual, _ = self.codes  # type: ignore[misc]
        return classification.curve(actual == 1, self._score(), self.weight)

    def _rates(self) -> Any:
        return classification.roc(self._curve)

    def figures(self) -> dict[str, Callable[[], Any]]:
        """File name (without ``training_``) to the function that draws it; small arrays only."""
        name, classes = self.outcome.name, self.outcome.classes
        if self.codes is None or classes is None or len(classes) > MOST_CLASSES_DRAWN:
            return {}
        actual, predicted = self.codes
        labels = [str(c) for c in classes.tolist()]
        counts = classification.confusion(actual, predicted, len(labels), self.weight)
        found: dict[str, Callable[[], Any]] = {
            "confusion_matrix.png": figures.confusion_matrix(counts, labels, name)
        }
        if len(labels) == 2 and self._score() is not None:
            rates = self._rates()
            points = classification.precision_recall(self._curve)
            area = classification.area(rates)
            if rates is not None and points is not None and area is not None:
                found["roc_curve.png"] = figures.roc_curve(rates, area, labels[1], name)
                found["precision_recall_curve.png"] = figures.precision_recall_curve(
                    points, labels[1], name
                )
        return found

    def log(self, run: Recorder, own_score: str | None, step: int | None = None) -> None:
        """Write the scores to the run.

        Args:
            run: where to.
            own_score: the metric that ``training_score`` is another name of.
            step: of a batch, if the scores are points of a curve.
        """
        found = self.metrics()
        if own_score in found:
            found["score"] = found[own_score]
        metrics = {f"training_{name}": value for name, value in found.items()}
        run.log_metrics(metrics, step=step or 0)

    def draw(self, run: Recorder) -> None:
        """Draw the figures and keep them."""
        for name, draw in self.figures().items():
            run.log_figure(draw, f"training_{name}")


def _is_one_of(names: frozenset[str], estimator: Any) -> bool:
    """Whether it is of one of these classes of scikit-learn, and not of a subclass."""
    kind = type(estimator)
    return kind.__name__ in names and kind.__module__.startswith("sklearn.")


def _probabilities_of(estimator: Any, decision: Any) -> Callable[[], Any]:
    """What its `predict_proba` makes of that decision, though it may be fitted anew meanwhile."""
    stand_in = copy(estimator)
    stand_in.decision_function = lambda X: np.array(decision)
    return lambda: stand_in.predict_proba(np.empty((0, 0)))


def own_score(estimator: Any) -> str | None:
    """Which score `estimator.score` is, if it is the one that its kind inherits."""
    if is_pipeline(estimator):
        return own_score(estimator.steps[-1][1])
    if hasattr(estimator, "best_estimator_") and hasattr(estimator, "scoring"):
        return own_score(estimator.best_estimator_) if estimator.scoring is None else None
    method = getattr(estimator, "score", None)
    if not getattr(method, "__module__", "").startswith("sklearn."):
        return None
    return SCORES.get(method.__qualname__)  # type: ignore[union-attr]


def _predictor(estimator: Any) -> Any:
    """The estimator that predicts in the end: last of a pipeline, best of a search."""
    if is_pipeline(estimator):
        return _predictor(estimator.steps[-1][1])
    if hasattr(estimator, "best_estimator_"):
        return _predictor(estimator.best_estimator_)
    return estimator
