"""A training that is recorded on a server, read by MLflow."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score

import autolog
import flavors.sklearn
from core_client import fluent
from core_client.client import Client
from integration_tests.servers.conftest import python
from integration_tests.servers.mlflow_server import MlflowServer

SEEN_BY_MLFLOW = """
import sys, mlflow
mlflow.set_tracking_uri(sys.argv[1])
run = mlflow.get_run(sys.argv[2])
model = mlflow.sklearn.load_model(f"runs:/{sys.argv[2]}/model")
[logged] = mlflow.search_logged_models(
    ["0"], filter_string=f"source_run_id = '{sys.argv[2]}'", output_format="list")
assert run.outputs.model_outputs[0].model_id == logged.model_id
assert mlflow.get_logged_model(logged.model_id).params == run.data.params == logged.params
assert {one.key: one.value for one in logged.metrics} == run.data.metrics
assert mlflow.pyfunc.load_model(f"models:/{logged.model_id}").metadata.model_id == logged.model_id
assert mlflow.models.get_model_info(f"runs:/{sys.argv[2]}/model").model_id == logged.model_id
print(run.info.status, logged.status, logged.name, run.data.params["C"], run.data.tags["mlflow.autologging"],
      run.inputs.dataset_inputs[0].tags[0].value, type(model).__name__,
      sorted(one.path for one in mlflow.artifacts.list_artifacts(f"runs:/{sys.argv[2]}/model"))[0])
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """A server that tells where artifacts are kept."""
    server = MlflowServer(python("3.17.2"), tmp_path_factory.mktemp("server"))
    server.start()
    yield server
    server.kill()


@pytest.mark.parametrize("away", [False, True], ids=["there", "away"])
def test_a_fit_with_its_model_and_figures(
    server: MlflowServer, away: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
    rows = np.random.default_rng(1).normal(size=(200, 4))
    autolog.sklearn.autolog()
    if away:
        server.pause()
    began = time.perf_counter()
    model = LogisticRegression(C=0.5).fit(rows, rows[:, 0] > 0)
    assert time.perf_counter() - began < 2
    server.go_on()
    fluent.flush_async_logging()
    accuracy_score(rows[:, 0] > 0, model.predict(rows))  # its run and all of that has been sent
    fluent.flush_async_logging()
    [run, *_] = Client().search_runs(["0"])
    assert "accuracy_score_rows" in run.data.metrics
    loaded = flavors.sklearn.load_model(f"runs:/{run.info.run_id}/model")
    assert (loaded.predict(rows) == model.predict(rows)).all()
    done = subprocess.run(
        [server.python, "-W", "ignore", "-c", SEEN_BY_MLFLOW, server.url, run.info.run_id],
        capture_output=True,
        text=True,
    )
    seen = "FINISHED READY model 0.5 sklearn train LogisticRegression model/MLmodel\n"
    assert done.stdout == seen, done.stderr
