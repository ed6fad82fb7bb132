"""Training and saving with scikit-learn."""

from __future__ import annotations

import importlib
import os
import pickle
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from benchmarks.measure import Row, measure


def seconds(action: Callable[[], object]) -> float:
    """How long the action takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def cpu_seconds(action: Callable[[], object]) -> float:
    """What the action costs this process and those that it starts."""
    before = os.times()
    action()
    return sum(os.times()[:4]) - sum(before[:4])


def iris_fit() -> Callable[[], object]:
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    x, y = load_iris(return_X_y=True)
    return lambda: LogisticRegression(max_iter=500).fit(x, y)


def large_fit() -> Callable[[], object]:
    from sklearn.datasets import make_classification
    from sklearn.linear_model import LogisticRegression

    x, y = make_classification(100_000, 20, random_state=0)
    return lambda: LogisticRegression().fit(x, y)


def search_fit() -> Callable[[], object]:
    import numpy as np
    from sklearn.datasets import make_classification
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV

    x, y = make_classification(30_000, 20, random_state=0)
    grid = {"C": list(np.logspace(-3, 3, 50))}
    return lambda: GridSearchCV(LogisticRegression(), grid, cv=3).fit(x, y)


def times_slower(
    library: str, fit: Callable[[], object], repeats: int, of: str = "sklearn", **options: Any
) -> float:
    """A recorded fit with the framework `of`, over the same fit before autologging is on."""
    fit()
    bare = median(seconds(fit) for _ in range(repeats))
    mlflow: Any = importlib.import_module(library)
    getattr(mlflow, of).autolog(silent=True, **options)
    fit()  # opens the database
    recorded = []
    for _ in range(repeats):
        mlflow.flush_async_logging()
        recorded.append(seconds(fit))
    return median(recorded) / bare


@measure(
    Row("LogisticRegression on iris, all on, until fit returns", "ms more", at_most=15),
    Row("LogisticRegression on iris, all on, CPU in all", "ms more", at_most=150),
    Row("LogisticRegression on iris, first fit of a process", "ms more"),
    pairs=3,
)
def iris(library: str) -> list[float]:
    fit = iris_fit()
    fit()
    bare = median(seconds(fit) for _ in range(5))
    bare_cpu = cpu_seconds(lambda: [fit() for _ in range(10)]) / 10
    mlflow: Any = importlib.import_module(library)
    mlflow.sklearn.autolog(silent=True)
    first = seconds(fit)
    mlflow.flush_async_logging()
    durations, cpu = [], []

    def recorded() -> None:
        durations.append(seconds(fit))
        mlflow.flush_async_logging()

    for _ in range(3):
        cpu.append(cpu_seconds(recorded))
    return [
        (median(durations) - bare) * 1e3,
        (median(cpu) - bare_cpu) * 1e3,
        (first - bare) * 1e3,
    ]


@measure(Row("LogisticRegression 100k x 20, models off", "x", at_most=1.15), pairs=3)
def large(library: str) -> list[float]:
    return [times_slower(library, large_fit(), 7, log_models=False)]


@measure(Row("GridSearchCV 50 x 3, every child, models off", "x", at_most=1.05), pairs=3)
def search(library: str) -> list[float]:
    return [times_slower(library, search_fit(), 3, log_models=False, max_tuning_runs=None)]


@measure(Row("GridSearchCV 50 x 3, every child, with models", "x", at_most=1.10), pairs=2)
def search_with_models(library: str) -> list[float]:
    return [times_slower(library, search_fit(), 2, max_tuning_runs=None)]


def over_the_dump(library: str, model: object, **options: Any) -> list[float]:
    """What `log_model` takes beyond a pickle: later ones, and the first of the process."""
    mlflow: Any = importlib.import_module(library)
    dump = median(seconds(lambda: pickle.dumps(model)) for _ in range(5))
    with mlflow.start_run():
        first, *later = (
            seconds(lambda: mlflow.sklearn.log_model(model, name="model", **options))
            for _ in range(4)
        )
    return [(median(later) - dump) * 1e3, (first - dump) * 1e3]


@measure(
    Row("log_model of a LogisticRegression, over the dump", "ms", at_most=15),
    Row("log_model of a LogisticRegression, first of a process", "ms"),
    pairs=3,
)
def log_small_model(library: str) -> list[float]:
    return over_the_dump(library, iris_fit()())


@measure(
    Row("log_model of a forest of 50, over the dump", "ms", at_most=15),
    Row("log_model of a forest of 50, first of a process", "ms"),
    pairs=3,
)
def log_forest(library: str) -> list[float]:
    from sklearn.datasets import load_iris
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(50, random_state=0).fit(*load_iris(return_X_y=True))
    # MLflow's default, skops, refuses a forest.
    options = {"serialization_format": "cloudpickle"} if library == "mlflow" else {}
    return over_the_dump(library, forest, **options)
