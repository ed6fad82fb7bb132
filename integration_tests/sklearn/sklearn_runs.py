"""What the tests of this folder share: data, and a look at what was recorded."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris

from integration_tests.reading import artifacts, only_run, runs

__all__ = ["CANCER", "DIABETES", "IRIS", "artifacts", "only_run", "runs", "weights"]

IRIS = load_iris(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)
_cancer_X, _cancer_y = load_breast_cancer(return_X_y=True)
CANCER = (_cancer_X[:200, :6] / _cancer_X[:200, :6].max(axis=0), _cancer_y[:200])


def weights(rows: int) -> np.ndarray[Any, Any]:
    """Sample weights that differ."""
    return np.linspace(0.1, 2.0, rows)
