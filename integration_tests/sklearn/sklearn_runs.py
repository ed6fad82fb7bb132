"""What the tests of this folder share: data, and a look at what was recorded."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris

import autolog
from core_client import background, client

IRIS = load_iris(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)
_cancer_X, _cancer_y = load_breast_cancer(return_X_y=True)
CANCER = (_cancer_X[:200, :6] / _cancer_X[:200, :6].max(axis=0), _cancer_y[:200])


def runs() -> list[Any]:
    """All runs, the oldest first."""
    background.wait()
    return list(reversed(autolog.search_runs(search_all_experiments=True, output_format="list")))


def only_run() -> Any:
    """The one run that there is."""
    (run,) = runs()
    return run


def artifacts(run: Any, path: str | None = None) -> set[str]:
    """Paths of a run's artifacts, one level deep."""
    return {file.path for file in client.Client().list_artifacts(run.info.run_id, path)}


def weights(rows: int) -> np.ndarray[Any, Any]:
    """Sample weights that differ."""
    return np.linspace(0.1, 2.0, rows)
