"""The one snippet of the documents that needs scikit-learn (the others: tests/)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.datasets import load_iris

import flavors.sklearn
from core_client.client import Client
from tests.spec_snippets import mantik_snippets, run

FITTED = """
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier
model = DecisionTreeClassifier(random_state=0).fit(*load_iris(return_X_y=True))
"""


def test_mantik_models(tmp_path: Path) -> None:
    run(mantik_snippets()[4], tmp_path, FITTED)
    (recorded,) = Client(f"sqlite:///{tmp_path}/mlflow.db").search_runs(["0"])
    model = flavors.sklearn.load_model(f"{recorded.info.artifact_uri}/model")
    x, y = load_iris(return_X_y=True)
    assert np.array_equal(model.predict(x), y)
