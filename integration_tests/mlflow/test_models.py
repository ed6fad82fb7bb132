"""scikit-learn models: MLflow loads ours with nothing of ours installed, and we load MLflow's."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from core_client.entities import DatasetInput
from core_client.exceptions import MlflowException
from core_client.fluent import start_run
from flavors import pyfunc, sklearn
from flavors.dataset import describe
from flavors.model import Model

X, y = load_iris(return_X_y=True, as_frame=True)

MODELS: dict[str, Callable[[], Any]] = {
    "logistic": lambda: LogisticRegression(max_iter=500),
    "forest": lambda: RandomForestClassifier(5, random_state=0),
    "pipeline": lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)),
    "lambda": lambda: make_pipeline(
        FunctionTransformer(lambda x: x * 2), LogisticRegression(max_iter=500)
    ),
}

# MLflow in a process where our packages cannot be imported; prints what it sees of each model.
THEIRS = """
import json, sys, warnings
for name in ("autolog", "flavors", "core_client"):
    sys.modules[name] = None
warnings.simplefilter("ignore")
import mlflow
from sklearn.datasets import load_iris
X, y = load_iris(return_X_y=True, as_frame=True)
mlflow.set_tracking_uri(sys.argv[1])
seen = {}
for uri in sys.argv[2:]:
    model = mlflow.pyfunc.load_model(uri)
    info = mlflow.models.get_model_info(uri)
    seen[uri] = {
        "pyfunc": model.predict(X).tolist(),
        "sklearn": mlflow.sklearn.load_model(uri).predict(X).tolist(),
        "signature": info.signature.to_dict(),
        "example": model.input_example.values.tolist(),
        "run_id": info.run_id,
        "requirements": mlflow.pyfunc.get_model_dependencies(uri).rsplit("/", 1)[1],
    }
print("SEEN" + json.dumps(seen))
"""


def seen_by_mlflow(tracking_uri: str, *uris: str) -> dict[str, Any]:
    """What MLflow 3 finds at each URI."""
    command = [sys.executable, "-c", THEIRS, tracking_uri, *uris]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    assert "SEEN" in result.stdout, result.stderr
    seen: dict[str, Any] = json.loads(result.stdout.split("SEEN")[1])
    return seen


def test_mlflow_loads_what_we_save(tmp_path: Path) -> None:
    expected = {}
    for name, make in MODELS.items():
        model = make().fit(X, y)
        for format in (None, "cloudpickle"):
            path = tmp_path / f"{name}-{format}"
            sklearn.save_model(model, path, serialization_format=format, input_example=X[:3])
            expected[str(path)] = model.predict(X).tolist()
    seen = seen_by_mlflow("sqlite:///unused.db", *expected)
    for path, predictions in expected.items():
        assert seen[path]["pyfunc"] == predictions
        assert seen[path]["sklearn"] == predictions
        signature = Model.load(path).signature
        assert signature is not None
        assert seen[path]["signature"] == signature.to_dict()
        assert seen[path]["example"] == X[:3].values.tolist()


def test_mlflow_loads_what_we_log_by_the_uri_of_its_run() -> None:
    model = RandomForestClassifier(5, random_state=0).fit(X, y)
    with start_run() as run:
        info = sklearn.log_model(model, name="model", input_example=X[:3])
    assert run.data.tags  # read back, so that all of it is in the store
    seen = seen_by_mlflow("sqlite:///mlflow.db", info.model_uri)[info.model_uri]
    assert seen["pyfunc"] == seen["sklearn"] == model.predict(X).tolist()
    assert seen["run_id"] == run.run_id
    assert seen["requirements"] == "requirements.txt"


@pytest.mark.parametrize("format", ["skops", "cloudpickle", "pickle"])
@pytest.mark.parametrize("name", ["logistic", "forest", "pipeline"])
def test_we_load_what_mlflow_saves(tmp_path: Path, name: str, format: str) -> None:
    mlflow = pytest.importorskip("mlflow")
    model = MODELS[name]().fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.sklearn.save_model(
            model, str(tmp_path / "m"), serialization_format=format, input_example=X[:3],
            pip_requirements=["scikit-learn"], skops_trusted_types=["sklearn.tree._tree.Tree"],
        )  # fmt: skip
    for load in (sklearn.load_model, pyfunc.load_model):
        if format != "skops" or name == "forest":
            # MLflow's pickles are nobody's; nor does its list of trusted types count for us.
            with pytest.raises(MlflowException, match="trusted=True"):
                load(tmp_path / "m")
        trusted = format != "skops" or name == "forest"
        loaded = load(tmp_path / "m", trusted=trusted)
        np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    ours, theirs = Model.load(tmp_path / "m"), mlflow.models.Model.load(str(tmp_path / "m"))
    assert ours.signature is not None
    assert ours.signature.to_dict() == theirs.signature.to_dict()


def test_examples_are_the_ones_that_mlflow_writes(tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow")
    model = LogisticRegression(max_iter=500).fit(X.values, y)
    for number, example in enumerate(
        [X[:3], X[:3].values, X[:3].values.tolist(), X[:2].set_axis(range(4), axis=1)]
    ):
        theirs, ours = tmp_path / f"theirs{number}", tmp_path / f"ours{number}"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            mlflow.sklearn.save_model(
                model, str(theirs), input_example=example, signature=False,
                pip_requirements=["scikit-learn"],
            )  # fmt: skip
        sklearn.save_model(model, ours, input_example=example, signature=False)
        for name in ("input_example.json", "serving_input_example.json"):
            assert json.loads((ours / name).read_text()) == json.loads((theirs / name).read_text())
        assert (
            Model.load(ours).saved_input_example_info == Model.load(theirs).saved_input_example_info
        )


@pytest.mark.parametrize("targets", [None, y.values])
@pytest.mark.parametrize("data", [X, X.values], ids=["frame", "array"])
def test_datasets_read_as_those_of_mlflow(data: Any, targets: Any) -> None:
    mlflow_data = pytest.importorskip("mlflow.data")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if hasattr(data, "iloc"):
            theirs = mlflow_data.from_pandas(data).to_dict()
        else:
            theirs = mlflow_data.from_numpy(data, targets=targets).to_dict()
    ours: DatasetInput = describe(data, targets)
    assert json.loads(ours.dataset.schema or "") == json.loads(theirs["schema"])
    assert json.loads(ours.dataset.profile or "") == json.loads(theirs["profile"])
    assert ours.dataset.source_type == "code"
    assert [(tag.key, tag.value) for tag in ours.tags] == [("mlflow.data.context", "train")]
