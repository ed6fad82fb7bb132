"""Errors of a regressor from one pass of predictions, in scikit-learn's own formulas."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def errors(true: Any, predicted: Any, weight: Array | None) -> dict[str, float]:
    """Squared and absolute errors and R², averaged over the outputs.

    Args:
        true: targets of shape (rows,) or (rows, outputs).
        predicted: predictions of the same shape.
        weight: one weight per row, or None.
    """
    true, predicted = _columns(true), _columns(predicted)
    if true.shape != predicted.shape:
        return {}
    difference = true - predicted
    squared = difference**2
    mean_squared = float(np.average(np.average(squared, axis=0, weights=weight)))
    mean_absolute = float(np.average(np.average(abs(difference), axis=0, weights=weight)))
    scores = {
        "mean_squared_error": mean_squared,
        "root_mean_squared_error": float(np.sqrt(mean_squared)),
        "mean_absolute_error": mean_absolute,
    }
    if len(true) >= 2:
        scores["r2_score"] = _r2(true, squared, weight)
    return scores


def _r2(true: Array, squared: Array, weight: Array | None) -> float:
    factor = 1.0 if weight is None else weight[:, None]
    left = (factor * squared).sum(axis=0)
    spread = (factor * (true - np.average(true, axis=0, weights=weight)) ** 2).sum(axis=0)
    varies = spread != 0
    each = np.where(left == 0, 1.0, 0.0)  # what counts where the target is constant
    each[varies] = 1 - left[varies] / spread[varies]
    return float(np.average(each))


def _columns(values: Any) -> Array:
    array: Array = np.asarray(values)
    return array.reshape(-1, 1) if array.ndim == 1 else array
