"""A training that is recorded on a server, read by MLflow."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

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
print(run.info.status, run.data.params["C"], run.data.tags["mlflow.autologging"],
      run.inputs.dataset_inputs[0].tags[0].value, type(model).__name__,
      sorted(one.path for one in mlflow.MlflowClient().list_artifacts(sys.argv[2])))
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
    [run, *_] = Client().search_runs(["0"])
    loaded = flavors.sklearn.load_model(f"runs:/{run.info.run_id}/model")
    assert (loaded.predict(rows) == model.predict(rows)).all()
    done = subprocess.run(
        [server.python, "-W", "ignore", "-c", SEEN_BY_MLFLOW, server.url, run.info.run_id],
        capture_output=True,
        text=True,
    )
    assert done.stdout.split(" ", 5) == [
        "FINISHED", "0.5", "sklearn", "train", "LogisticRegression",
        ("['estimator.html', 'model', 'training_confusion_matrix.png', "
        "'training_precision_recall_curve.png', 'training_roc_curve.png']\n"),
    ], done.stderr  # fmt: skip
