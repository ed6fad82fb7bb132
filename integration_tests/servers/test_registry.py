"""Registered models on MLflow's servers: logged here, loaded here and by MLflow."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import autolog
import flavors.sklearn
from core_client import destination, fluent
from core_client.client import Client
from core_client.exceptions import MlflowException
from integration_tests.servers.mlflow_server import MlflowServer

ROWS = np.random.default_rng(1).normal(size=(50, 3))


@pytest.fixture
def server(any_server: MlflowServer, monkeypatch: pytest.MonkeyPatch) -> MlflowServer:
    any_server.wipe()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", any_server.url)
    # The address is that of the test before, the spool is not.
    monkeypatch.setattr(destination, "_destinations", {})
    monkeypatch.setattr(fluent.active, "_clients", {})
    return any_server


def fitted(positive: int) -> LogisticRegression:
    return LogisticRegression(C=positive).fit(ROWS, ROWS[:, 0] > 0)


def post(server: MlflowServer, path: str, **body: str) -> None:
    request = urllib.request.Request(
        f"{server.url}/api/2.0/mlflow/{path}",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request).close()


def c_of(uri: str) -> float:
    return float(flavors.sklearn.load_model(uri).C)


def test_versions_aliases_and_the_latest(server: MlflowServer) -> None:
    for c in (1, 2):
        with fluent.start_run():
            flavors.sklearn.log_model(
                fitted(c),
                name="model",
                serialization_format="cloudpickle",  # the only one that MLflow 2 knows
                registered_model_name="tree of life",
            )
    assert [c_of(f"models:/tree of life/{which}") for which in (1, 2, "latest")] == [1, 2, 2]
    post(server, "registered-models/alias", name="tree of life", alias="best", version="1")
    assert c_of("models:/tree of life@best") == 1
    folder = fluent.download_artifacts("models:/tree of life@best")
    listed = fluent.list_artifacts("models:/tree of life/1")
    assert sorted(os.listdir(folder)) == sorted(os.path.basename(one.path) for one in listed)
    assert "MLmodel" in os.listdir(folder)
    for lacking in ("models:/tree of life/3", "models:/tree of life@worst", "models:/oak/latest"):
        with pytest.raises(MlflowException) as caught:
            c_of(lacking)
        assert caught.value.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
    code = """
import sys, mlflow
mlflow.set_tracking_uri(sys.argv[1])
print(mlflow.sklearn.load_model("models:/tree of life@best").C)
"""
    done = subprocess.run(
        [server.python, "-W", "ignore", "-c", code, server.url], capture_output=True, text=True
    )
    assert done.stdout == "1\n", done.stderr


def test_autologging_registers_the_model(server: MlflowServer) -> None:
    autolog.sklearn.autolog(registered_model_name="auto")
    fitted(3)
    fluent.flush_async_logging()
    assert c_of("models:/auto/1") == 3


def test_a_model_is_registered_once_and_may_be_later(server: MlflowServer) -> None:
    with fluent.start_run() as run:
        flavors.sklearn.log_model(fitted(4), name="model")
    uri = f"runs:/{run.run_id}/model"
    first = fluent.register_model(uri, "late", tags={"by": "mia"})
    assert fluent.register_model(uri, "late") == first
    assert (first.name, first.version, first.run_id) == ("late", "1", run.run_id)
    assert first.tags == {"by": "mia"}
    assert c_of("models:/late/1") == 4
    with pytest.raises(MlflowException, match="'runs:/"):
        fluent.register_model("/some/folder", "late")


def test_one_of_several_models_of_a_name_is_registered(server: MlflowServer) -> None:
    if not server.keeps_models:
        pytest.skip("logged models came with MLflow 3")
    with fluent.start_run() as run:
        ids = [flavors.sklearn.log_model(fitted(c), name="model").model_id for c in (5, 6)]
    first = fluent.register_model(f"models:/{ids[0]}", "chosen")
    last = fluent.register_model(f"runs:/{run.run_id}/model", "chosen")
    assert (first.version, last.version) == ("1", "2")
    assert [c_of(f"models:/chosen/{version}") for version in (1, 2)] == [5, 6]
    assert fluent.register_model(f"models:/{ids[0]}", "chosen") == first


def test_a_model_logged_by_mlflow_is_loaded(server: MlflowServer) -> None:
    code = """
import sys, mlflow, pickle
from sklearn.linear_model import LogisticRegression
mlflow.set_tracking_uri(sys.argv[1])
with mlflow.start_run():
    model = LogisticRegression(C=7).fit([[0.0], [1.0]], [0, 1])
    print(mlflow.sklearn.log_model(model, "model", registered_model_name="theirs").model_uri)
"""
    done = subprocess.run(
        [server.python, "-W", "ignore", "-c", code, server.url], capture_output=True, text=True
    )
    for uri in (done.stdout.split()[0], "models:/theirs/1"):
        assert flavors.sklearn.load_model(uri, trusted=True).C == 7, done.stderr


def test_a_store_without_names_says_so() -> None:
    with pytest.raises(MlflowException, match="tracking servers only"):
        flavors.sklearn.log_model(fitted(1), registered_model_name="x")
    assert fluent.active_run() is None
    with fluent.start_run() as run:
        flavors.sklearn.log_model(fitted(1), name="model")
        for call in (
            lambda: flavors.sklearn.log_model(fitted(1), registered_model_name="x"),
            lambda: fluent.register_model(f"runs:/{run.run_id}/model", "x"),
            lambda: flavors.sklearn.load_model("models:/x/1"),
        ):
            with pytest.raises(MlflowException, match="tracking servers only") as caught:
                call()
            assert caught.value.error_code == "FEATURE_DISABLED"
    assert [one.path for one in Client().list_artifacts(run.run_id)] == ["model"]
