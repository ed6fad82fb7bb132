"""The data that a model was made from, as the user gave it."""

from __future__ import annotations

import re
from typing import Any

EXAMPLE_ROWS = 5


def given(model: Any) -> tuple[Any, Any] | None:
    """Features and targets, as the user gave them; of a formula, its table alone.

    None where the model does not keep them.
    """
    data = getattr(model, "data", None)
    for table in (data, getattr(data, "frame", None), getattr(data, "data", None)):
        if hasattr(type(table), "iloc"):
            return table, None
    exog = getattr(data, "orig_exog", None)
    endog = getattr(data, "orig_endog", None)
    for name in ("endog", "_endog", "endog_orig"):
        endog = getattr(model, name, None) if endog is None else endog
    if exog is None:
        return None if endog is None else (endog, None)  # a series by itself
    return exog, endog


def of_prediction(model: Any) -> Any:
    """First rows of what `predict` takes; None where it takes times, or that is not known."""
    data = getattr(model, "data", None)
    table = getattr(data, "frame", None)
    formula = getattr(model, "formula", None)
    if _takes_times(model):
        return None
    if table is not None and isinstance(formula, str):
        terms = formula.rpartition("~")[2]
        return table[[name for name in table.columns if _is_in(str(name), terms)]][:EXAMPLE_ROWS]
    exog = getattr(data, "orig_exog", None)
    return None if exog is None else exog[:EXAMPLE_ROWS]


def _takes_times(model: Any) -> bool:
    return any(kind.__module__.startswith("statsmodels.tsa.") for kind in type(model).__mro__)


def _is_in(name: str, terms: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", terms) is not None
