"""One database, used by us directly and by MLflow's server: each sees what the other writes."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from core_client import destination
from core_client.client import Client
from integration_tests.databases.servers import PostgreSQL
from integration_tests.servers.conftest import python
from integration_tests.servers.mlflow_server import MlflowServer
from tests.core_client.test_move import filled, told

THEIRS = """
import sys
from mlflow import MlflowClient
client = MlflowClient(sys.argv[1])
experiment = client.create_experiment("theirs", artifact_location=sys.argv[2], tags={"a": "b"})
run_id = client.create_run(experiment, tags={"by": "mlflow"}, run_name="theirs").info.run_id
client.log_param(run_id, "depth", "3")
for step, value in enumerate((1.0, float("nan"), float("inf"), 0.25)):
    client.log_metric(run_id, "loss", value, step, step)
client.log_text(run_id, "text", "notes/a.txt")
client.log_text(run_id, "{}", "b.json")
client.set_terminated(run_id)
"""


def mlflow(version: str, *words: str) -> None:
    done = subprocess.run([python(version), *words], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@contextlib.contextmanager
def served(version: str, uri: str, folder: Path) -> Iterator[Client]:
    """A client of MLflow's server on that database."""
    server = MlflowServer(python(version), folder, uri)
    server.start()
    try:
        yield Client(server.url)
    finally:
        server.kill()


def assert_both_go_on(ours: Client, theirs: Client) -> None:
    """Both have the same story to tell, and also when each has written more."""
    assert told(theirs) == told(ours)
    (run,) = ours.search_runs(["0"])
    for number, client in enumerate((ours, theirs)):
        client.log_metric(run.info.run_id, "later", number / 3, 50 + number, number)
        client.set_tag(run.info.run_id, f"by {number}", "é")
    destination.close_all()
    assert told(theirs) == told(ours)
    assert ours.get_run(run.info.run_id).data.metrics["later"] == 1 / 3


def test_a_database_of_ours_is_upgraded_and_served(postgresql: PostgreSQL, tmp_path: Path) -> None:
    uri = postgresql.new_database()
    ours = filled(uri)
    before = told(ours)
    mlflow("3.17.2", "-m", "mlflow", "db", "upgrade", uri)
    with served("3.17.2", uri, tmp_path) as theirs:
        assert told(theirs) == before
        assert_both_go_on(ours, theirs)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_database_of_an_older_mlflow_stays_its_own(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    uri = f"sqlite:///{tmp_path}/theirs.db"
    if kind == "postgresql":
        uri = request.getfixturevalue(kind).new_database()
    mlflow("2.22", "-c", THEIRS, uri, str(tmp_path / "files"))
    ours = filled(uri)
    with served("2.22", uri, tmp_path) as theirs:
        assert "theirs active {'a': 'b'}" in told(theirs)
        assert_both_go_on(ours, theirs)
