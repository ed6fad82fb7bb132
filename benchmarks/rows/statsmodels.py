"""Fitting with statsmodels."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from statistics import median
from typing import Any

from benchmarks.measure import Row, measure
from benchmarks.rows.sklearn import seconds


def ols_fit() -> Callable[[], object]:
    import numpy as np
    import statsmodels.api as sm

    rng = np.random.default_rng(0)
    x = rng.normal(size=(5000, 10))
    y = x.sum(axis=1) + rng.normal(size=5000)
    return lambda: sm.OLS(y, x).fit()


def added(library: str, **options: Any) -> list[float]:
    """What a recorded fit takes longer than a bare one, in ms: later ones, and the first."""
    fit = ols_fit()
    bare = median(seconds(fit) for _ in range(20))
    mlflow: Any = importlib.import_module(library)
    mlflow.statsmodels.autolog(silent=True, **options)
    first = seconds(fit)
    later = []
    for _ in range(7):
        mlflow.flush_async_logging()
        later.append(seconds(fit))
    return [(median(later) - bare) * 1e3, (first - bare) * 1e3]


@measure(
    Row("OLS 5000 x 10, all on, until fit returns", "ms more", at_most=3),
    Row("OLS 5000 x 10, all on, first fit of a process", "ms more"),
    pairs=3,
)
def ols(library: str) -> list[float]:
    return added(library)


@measure(Row("OLS 5000 x 10, models off, until fit returns", "ms more", at_most=3), pairs=3)
def ols_without_model(library: str) -> list[float]:
    return added(library, log_models=False)[:1]
