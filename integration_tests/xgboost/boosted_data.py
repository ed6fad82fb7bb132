"""Small data for trainings of boosted trees, and the curves that they leave behind."""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any

import numpy as np

import autolog
from core_client import client

_random = np.random.RandomState(0)
X = _random.rand(300, 5)
Y = (X[:, 0] + X[:, 1] + 0.3 * _random.rand(300) > 1.1).astype(int)
CLASSES = np.digitize(X[:, 0] + X[:, 1], [0.7, 1.3])
TARGET = X @ np.arange(5.0) + _random.rand(300)
TRAIN, VALID = slice(0, 200), slice(200, 300)


def curve(run: Any, key: str) -> tuple[list[int], list[float]]:
    """Steps and values of a metric."""
    history = client.Client().get_metric_history(run.info.run_id, key)
    return [point.step for point in history], [point.value for point in history]


# Of one training: the rounds after which what is held is measured.
EARLY, LATE = 200, 1200
MOST_GROWTH = 50_000  # bytes; a point of each round kept would be several times that


def held_by_us() -> int:
    """Bytes of all objects made by our code that are alive."""
    autolog.flush_async_logging()
    gc.collect()  # the last batch that went to the store, however large it was
    ours = [tracemalloc.Filter(True, f"*/{package}/*") for package in ("autolog", "core_client")]
    snapshot = tracemalloc.take_snapshot().filter_traces(ours)
    return sum(trace.size for trace in snapshot.traces)
