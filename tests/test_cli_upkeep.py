"""`autolog gc`, `autolog db` and `autolog doctor`, as a script and a person meet them."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

import autolog
from core_client import destination
from core_client.client import Client
from core_client.events import RunDeleted
from tests.command_line import COLOURS, document, in_terminal, piped, said
from tests.mantik_platform import running
from tests.project import ROOT

DAY = 86_400_000  # ms


@pytest.fixture
def deleted() -> list[str]:
    """Three runs with a file each: one kept, one deleted now, one deleted forty days ago."""
    ids = []
    for number in range(3):
        with autolog.start_run(run_name=f"run-{number}") as run:
            autolog.log_metric("loss", number)
            autolog.log_param("number", number)
            autolog.log_text("content", "file.txt")
            ids.append(run.run_id)
    client = Client()
    client.delete_run(ids[1])
    before = time.time_ns() // 1_000_000 - 40 * DAY
    destination.destination(client.tracking_uri).spool.append_events(RunDeleted(ids[2], before))
    client.flush()
    return ids


def rows(place: Path) -> dict[str, int]:
    """How many rows of each table belong to runs."""
    tables = ("runs", "metrics", "latest_metrics", "params", "tags")
    with contextlib.closing(sqlite3.connect(place / "mlflow.db")) as db:
        query = "SELECT count(DISTINCT run_uuid) FROM {}"
        return {table: db.execute(query.format(table)).fetchone()[0] for table in tables}


def test_deleted_runs_are_removed_for_good(deleted: list[str], own_place: Path) -> None:
    assert document("gc", "--older-than", "30d") == {"removed": [deleted[2]], "kept": {}}
    assert set(rows(own_place).values()) == {2}
    assert said("gc") == "1 deleted run removed for good\n"
    assert said("gc") == "0 deleted runs removed for good\n"
    assert set(rows(own_place).values()) == {1}
    assert [path.name for path in (own_place / "mlruns" / "0").iterdir()] == [deleted[0]]
    assert piped("runs", "restore", deleted[1]).exit_code == 2
    assert [row["run_id"] for row in document("runs")] == [deleted[0]]


def test_runs_in_files_are_removed_for_good(
    own_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (own_place / "mlruns").as_uri())
    with autolog.start_run() as run:
        autolog.log_metric("loss", 1)
        autolog.log_text("content", "file.txt")
    autolog.flush_async_logging()
    folder = own_place / "mlruns" / "0" / run.run_id
    assert (folder / "artifacts" / "file.txt").exists()
    said("runs", "delete", run.run_id)
    assert document("gc") == {"removed": [run.run_id], "kept": {}}
    assert not folder.exists()
    assert document("runs", "--deleted") == []


@pytest.mark.parametrize("age", ["", "30", "d", "3 d", "-3d", "30days"])
def test_an_age_is_not_guessed(deleted: list[str], age: str) -> None:
    result = piped("gc", "--older-than", age)
    assert (result.exit_code, result.stdout) == (2, "")
    assert len(document("runs", "--deleted")) == 2


def test_a_person_is_asked(deleted: list[str]) -> None:
    text = in_terminal(80, "gc", typed=b"n\n")
    assert "Remove 2 deleted runs for good? [y/N]" in text
    assert len(document("runs", "--deleted")) == 2
    assert "2 deleted runs removed" in COLOURS.sub("", in_terminal(80, "gc", "--yes"))


@pytest.mark.parametrize("place", ["{}", "{}/mlruns/0/other/artifacts", "{}/mlruns/0/{}/../x"])
def test_files_outside_of_the_run_are_never_removed(
    deleted: list[str], own_place: Path, place: str
) -> None:
    elsewhere = place.format(own_place, deleted[1])
    with contextlib.closing(sqlite3.connect(own_place / "mlflow.db")) as db:
        update = "UPDATE runs SET artifact_uri = ? WHERE run_uuid = ?"
        db.execute(update, (elsewhere, deleted[1]))
        db.commit()
    result = piped("gc")
    assert result.exit_code == 1
    assert f"kept: {deleted[1]}: its files lie outside" in result.stdout
    assert (own_place / "mlruns" / "0" / deleted[1] / "artifacts" / "file.txt").exists()
    assert [row["run_id"] for row in document("runs", "--deleted")] == [deleted[1]]


def test_a_server_removes_nothing_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    with running() as server:
        server.good.add("token")
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "token")
        result = piped("gc", "--tracking-uri", server.url)
        assert (result.exit_code, result.stdout) == (1, "")
        assert "`mlflow gc`" in result.stderr
        result = piped("db", "upgrade", "--tracking-uri", server.url)
        assert (result.exit_code, "on its own machine" in result.stderr) == (1, True)


def test_an_upgrade_takes_mlflow(deleted: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [p for p in sys.path if not (Path(p) / "mlflow").is_dir()])
    result = piped("db", "upgrade")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "pip install mlflow" in result.stderr


def test_the_doctor_of_a_new_folder(own_place: Path) -> None:
    found = document("doctor")
    assert found["store"]["uri"] == f"sqlite:///{own_place}/mlflow.db"
    assert found["store"]["reachable"] is None
    assert found["spool"]["waiting"] == []
    assert not (own_place / "mlflow.db").exists(), "a look makes no database"
    assert "not there yet" in said("doctor")


def test_the_doctor_of_a_store_that_works(deleted: list[str]) -> None:
    found = document("doctor")
    assert (found["store"]["reachable"], found["store"]["experiments"]) == (True, 1)
    assert "1 experiment\n" in said("doctor")


def test_the_doctor_finds_what_waits(own_place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = "http://user:secret@127.0.0.1:9"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    code = "from autolog import log_metric, start_run\nstart_run(); log_metric('loss', 1)"
    subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    result = piped("doctor", "--json")
    assert result.exit_code == 1
    assert '"events": 3' in result.stdout
    assert "cannot be connected to" in result.stdout
    assert "secret" not in result.stdout
    told = piped("doctor")
    assert told.exit_code == 1
    assert "3 events for http://user:***@127.0.0.1:9" in told.stdout
    assert "cannot be used: The tracking server" in told.stdout


def test_frameworks_as_json() -> None:
    assert [row["framework"] for row in document("status")] == [
        row.framework for row in autolog.status()
    ]
