"""Small data for trainings of boosted trees, and the curves that they leave behind."""

from __future__ import annotations

from typing import Any

import numpy as np

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
