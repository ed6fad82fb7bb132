"""Scores and curves of a classifier from one pass of predictions, in scikit-learn's own formulas.

scikit-learn checks, sorts and encodes the labels anew for every score. Here they are encoded
once; the tests hold each value against ``sklearn.metrics``.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]

# Sorting every pair of classes beyond this many values would take minutes.
MOST_PAIRED_VALUES = 50_000_000


class Curve(NamedTuple):
    """Counts (or weights) of false and true positives at falling thresholds."""

    false_positives: Array
    true_positives: Array


def encode(labels: Any, classes: Array) -> Array | None:
    """Position of each label in the sorted `classes`; None where that is not possible."""
    values = np.asarray(labels)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1 or classes.ndim != 1 or not len(classes):
        return None
    codes: Array = np.asarray(np.searchsorted(classes, values))
    codes[codes == len(classes)] = 0
    return codes if bool(np.all(classes[codes] == values)) else None


def confusion(true: Array, predicted: Array, classes: int, weight: Array | None) -> Array:
    """Matrix of counts (or weights): rows are the true classes, columns the predicted ones."""
    pairs: Array = np.bincount(
        true * classes + predicted, weights=weight, minlength=classes * classes
    )
    return pairs.reshape(classes, classes)


def label_scores(
    true: Array, predicted: Array, classes: int, weight: Array | None, positive: int | None
) -> dict[str, float]:
    """Accuracy, precision, recall and F1: weighted over the classes, or of the positive one."""
    hit = true == predicted
    hit_weight = None if weight is None else weight[hit]
    found = np.bincount(true[hit], weights=hit_weight, minlength=classes)
    # scikit-learn goes by way of the false positives and negatives; in floats that is a step.
    chosen = found + (np.bincount(predicted, weights=weight, minlength=classes) - found)
    actual = found + (np.bincount(true, weights=weight, minlength=classes) - found)
    each = {
        "precision_score": _ratio(found, chosen),
        "recall_score": _ratio(found, actual),
        "f1_score": _ratio(2.0 * found, actual + chosen.astype(float)),
    }
    scores = {"accuracy_score": float(np.average(hit, weights=weight))}
    for name, values in each.items():
        if positive is not None:
            scores[name] = float(values[positive])
        else:
            present = (actual > 0) | (chosen > 0)
            scores[name] = (
                float(np.average(values[present], weights=actual[present]))
                if actual.sum() > 0
                else 0.0
            )
    return scores


def log_loss(true: Array, probabilities: Array, weight: Array | None) -> float | None:
    """Mean of -log(probability of the true class); None where scikit-learn defines none."""
    if len(np.unique(true)) != probabilities.shape[1]:
        return None
    if not np.allclose(probabilities.sum(axis=1), 1):
        return None
    chosen = probabilities[np.arange(len(true)), true]
    smallest = np.finfo(probabilities.dtype).eps
    chosen = np.clip(chosen, smallest, 1 - smallest).astype(float)
    return float(np.average(-np.log(chosen), weights=weight))


def curve(positive: Array, score: Array, weight: Array | None) -> Curve:
    """False and true positives at each distinct threshold, from the highest down."""
    order = np.argsort(score)[::-1]
    score, hits = score[order], positive[order].astype(float)
    ends: Array = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)
    if weight is None:
        true_positives = np.cumsum(hits)[ends]
        return Curve(1 + ends - true_positives, true_positives)
    weight = weight[order]
    return Curve(np.cumsum((1 - hits) * weight)[ends], np.cumsum(hits * weight)[ends])


def roc(counts: Curve) -> tuple[Array, Array] | None:
    """False and true positive rates without collinear points; None if one class is missing."""
    falses, trues = counts
    if falses[-1] <= 0 or trues[-1] <= 0:
        return None
    if len(falses) > 2:
        corner = np.concatenate(
            [[True], (np.diff(falses, 2) != 0) | (np.diff(trues, 2) != 0), [True]]
        )
        falses, trues = falses[corner], trues[corner]
    return np.append(0.0, falses) / falses[-1], np.append(0.0, trues) / trues[-1]


def area(rates: tuple[Array, Array] | None) -> float | None:
    """Area under a ROC curve."""
    if rates is None:
        return None
    x, y = rates
    return float((np.diff(x) * (y[1:] + y[:-1]) / 2.0).sum())


def area_of_pairs(true: Array, probabilities: Array) -> float | None:
    """Area under the ROC curve for three and more classes: one against one, weighted."""
    rows, classes = probabilities.shape
    if rows * classes > MOST_PAIRED_VALUES:
        return None
    members = [np.flatnonzero(true == c) for c in range(classes)]
    if not all(len(m) for m in members) or not np.allclose(probabilities.sum(axis=1), 1):
        return None
    areas, prevalence = [], []
    for a, b in combinations(range(classes), 2):
        both = np.concatenate([members[a], members[b]])
        is_a = np.arange(len(both)) < len(members[a])
        area_a = area(roc(curve(is_a, probabilities[both, a], None)))
        area_b = area(roc(curve(~is_a, probabilities[both, b], None)))
        areas.append((area_a + area_b) / 2)  # type: ignore[operator]  # both classes are there
        prevalence.append(len(both) / rows)
    return float(np.average(areas, weights=prevalence))


def precision_recall(counts: Curve) -> tuple[Array, Array, float] | None:
    """Recall and precision from the lowest threshold up, and the average precision."""
    falses, trues = counts
    if trues[-1] <= 0:
        return None
    precision = _ratio(trues, trues + falses)
    recall = trues / trues[-1]
    average = float(np.sum(np.diff(np.append(0.0, recall)) * precision))
    return np.append(recall[::-1], 0.0), np.append(precision[::-1], 1.0), average


def _ratio(part: Array, whole: Array) -> Array:
    """Quotients, 0 where the denominator is 0."""
    quotients: Array = np.divide(part, whole, out=np.zeros(len(part)), where=whole != 0)
    return quotients
