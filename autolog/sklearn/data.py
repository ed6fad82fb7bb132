"""The data that a fit was given: which arguments it is, copies, and its first rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

EXAMPLE_ROWS = 5
TARGETS = ("y", "Y", "target", "targets", "labels")


def data_of(arguments: Mapping[str, Any], estimator: Any) -> tuple[Any, Any, Any]:
    """Features, targets and sample weights among the arguments of a fit.

    Weights count if fit has a parameter of that name; others it hands on, who knows where to.
    """
    from inspect import signature

    names = list(arguments)
    X = arguments[names[0]] if names else None
    y = next((arguments[name] for name in names[1:] if name in TARGETS), None)
    weight = arguments.get("sample_weight")
    if weight is not None and "sample_weight" not in signature(estimator.fit).parameters:
        weight = None
    return X, y, weight


def duplicate(data: Any) -> Any:
    """A copy of data that fitting may write into."""
    return data.copy() if hasattr(data, "copy") else data


def indexable(data: Any) -> Any:
    """The data in a form that has rows; some sparse matrices have none, and are copied."""
    has_rows = getattr(data, "format", None) in ("csr", "csc")
    return data.tocsr() if hasattr(data, "tocsr") and not has_rows else data


def head(data: Any) -> Any:
    """The first rows, as an object of their own; None if the data has no rows to speak of."""
    if hasattr(data, "iloc"):
        return data.iloc[:EXAMPLE_ROWS].copy()
    data = indexable(data)
    if hasattr(data, "shape") and hasattr(data, "copy"):
        return data[:EXAMPLE_ROWS].copy() if len(data.shape) else None
    return list(data[:EXAMPLE_ROWS]) if isinstance(data, list | tuple) else None
