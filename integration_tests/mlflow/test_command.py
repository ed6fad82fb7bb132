"""The `autolog` command on databases that MLflow upgrades, makes and reads."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities import LoggedModelInput

import autolog
from tests.command_line import document, piped


@pytest.fixture
def uri(own_place: Path) -> str:
    return f"sqlite:///{own_place}/mlflow.db"


def test_a_database_of_ours_is_upgraded_and_goes_on(uri: str) -> None:
    with autolog.start_run(run_name="before"):
        autolog.log_metric("loss", 1)
    autolog.flush_async_logging()
    upgraded = json.loads(piped("db", "upgrade", "--json").stdout)  # MLflow logs on stderr
    assert upgraded["before"] == "7f2a7d5fae7d" != upgraded["after"]
    assert piped("db", "upgrade").stdout.splitlines()[0] == "Nothing to upgrade"
    with autolog.start_run(run_name="after"):
        autolog.log_metric("loss", 2)
    autolog.flush_async_logging()
    assert {run["run_name"] for run in document("runs")} == {"before", "after"}
    assert {run.info.run_name for run in MlflowClient(uri).search_runs(["0"])} == {
        "before",
        "after",
    }


def test_runs_that_mlflow_deleted_are_removed_for_good(uri: str, own_place: Path) -> None:
    client = MlflowClient(uri)
    mlflow.set_tracking_uri(uri)
    ids = [client.create_run("0", run_name=name).info.run_id for name in ("kept", "gone")]
    for run_id in ids:
        client.log_metric(run_id, "loss", 1)
        client.log_param(run_id, "depth", 3)
        client.log_text(run_id, "text", "notes.txt")
        with mlflow.start_run(run_id=run_id) as run:
            model = client.create_logged_model("0", source_run_id=run.info.run_id)
            client.log_inputs(run_id, models=[LoggedModelInput(model.model_id)])
            mlflow.log_metric("score", 1, model_id=model.model_id)
    client.delete_run(ids[1])
    assert document("gc") == {"removed": [ids[1]], "kept": {}}
    assert [run.info.run_id for run in client.search_runs(["0"], run_view_type=3)] == [ids[0]]
    assert client.get_run(ids[0]).data.metrics == {"loss": 1, "score": 1}
    left = []
    with contextlib.closing(sqlite3.connect(own_place / "mlflow.db")) as db:
        tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            rows = db.execute(f'SELECT * FROM "{table}"').fetchall()
            left += [table for row in rows if ids[1] in row]
    assert set(left) <= {"logged_models"}, "a model outlives the run that made it"
