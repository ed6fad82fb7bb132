"""A result's table of parameters as plain values, for JSON."""

from __future__ import annotations

from contextlib import suppress
from math import isfinite
from typing import Any

import numpy as np

CONFIDENCE = 0.95
# Where the estimates of each window would be taken for equations.
NO_TABLE = "statsmodels.regression.rolling"
# Column of the table: attribute of a result.
COLUMNS = {
    "estimate": "params",
    "standard_error": "bse",
    "statistic": "tvalues",
    "p_value": "pvalues",
}


def summary(result: Any, metrics: dict[str, float]) -> dict[str, Any] | None:
    """The result as plain values; None if it has no table of parameters.

    Each parameter has its name, estimate, standard error, statistic (t or z), p-value and both
    ends of its confidence interval; of a model with several equations, the equation too. What
    the result does not have, or is not finite, is None: JSON has no other way to say it.

    Args:
        result: a fitted result, which computes and keeps what it is asked.
        metrics: its statistics.
    """
    inner = getattr(result, "_results", result)
    estimates = _array(inner, "params")
    if estimates is None or estimates.ndim not in (1, 2) or not estimates.size:
        return None
    if type(inner).__module__ == NO_TABLE:
        return None
    names, equations = _names(result, estimates)
    columns = {name: _array(inner, of) for name, of in COLUMNS.items()}
    low, high = _interval(inner, estimates.shape)
    columns |= {"confidence_low": low, "confidence_high": high}
    rows = []
    for place in np.ndindex(estimates.T.shape):  # one equation after the other
        row: dict[str, Any] = {"name": names[place[-1]]}
        if equations is not None:
            row["equation"] = equations[place[0]]
        for name, column in columns.items():
            fits = column is not None and column.shape == estimates.shape
            row[name] = plain(column.T[place]) if fits else None
        rows.append(row)
    return {
        "model": type(getattr(inner, "model", inner)).__name__,
        "parameters": rows,
        "confidence": CONFIDENCE,
        "statistic": "t" if getattr(inner, "use_t", False) else "z",
        "metrics": {name: plain(value) for name, value in metrics.items()},
    }


def plain(value: Any) -> float | None:
    """The number, if it is one that JSON has."""
    if isinstance(value, complex | np.complexfloating):
        return None
    number = float(value)
    return number if isfinite(number) else None


def _array(result: Any, name: str) -> Any:
    # Results offer what their kind has; what this one lacks, it raises.
    with suppress(Exception):
        found = np.asarray(getattr(result, name))
        return found if found.dtype.kind in "fiuc" else None
    return None


def _interval(result: Any, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Lower and upper ends, each of the shape of the estimates."""
    with suppress(Exception):
        ends = np.asarray(result.conf_int(alpha=1 - CONFIDENCE), dtype=float)
        ends = ends.reshape(*reversed(shape), 2)
        return ends[..., 0].T, ends[..., 1].T
    return None, None


def _names(result: Any, estimates: Any) -> tuple[list[str], list[str] | None]:
    """Names of the parameters, and of the equations if there are several."""
    labelled = getattr(result, "params", None)
    model = getattr(result, "model", None)
    known = (
        (model, "param_names"),
        (labelled, "index"),
        (getattr(model, "data", None), "param_names"),
        (model, "exog_names"),
        (model, "names"),
    )
    count, equations = len(estimates), estimates.shape[1:]
    names = next(filter(None, (_labels(owner, name, count) for owner, name in known)), None)
    names = names or [f"x{place + 1}" for place in range(count)]
    if not equations:
        return names, None
    labels = _labels(labelled, "columns", *equations)
    return names, labels or [f"y{place + 1}" for place in range(*equations)]


def _labels(owner: Any, name: str, count: int) -> list[str] | None:
    with suppress(Exception):  # such as of a model that has no parameters yet
        found = getattr(owner, name)
        return [str(label) for label in found] if len(found) == count else None
    return None
