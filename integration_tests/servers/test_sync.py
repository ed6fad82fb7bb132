"""`autolog sync` to MLflow's own server: what was kept offline, and whole stores."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sklearn.linear_model import LogisticRegression

import autolog
from core_client import destination, fluent
from core_client.client import Client
from core_client.settings import home
from integration_tests.servers.mlflow_server import MlflowServer
from tests.command_line import COMMAND, document, said
from tests.core_client.test_logged_models import log, upgraded
from tests.core_client.test_move import filled, told
from tests.project import ROOT

POINTS = 2000
OFFLINE = f"""
import os, signal, sys
from core_client import fluent, spool
spool.SEGMENT_SIZE = 20_000  # bytes: a process leaves several files
fluent.set_experiment("trip")
with fluent.start_run(run_name=sys.argv[1]) as run:
    with fluent.start_run(nested=True, run_name="child") as child:
        fluent.log_param("of", run.run_id)
    fluent.log_text("kept " + sys.argv[1], "notes/a.txt")
    for step in range({POINTS}):
        fluent.log_metric("m", step * 0.5, step=step)
        fluent.set_tag("last", step)
    if sys.argv[2:]:
        os.kill(os.getpid(), signal.SIGKILL)
"""
# Sends until so many events have gone, and is killed.
BROKEN_OFF = """
import os, signal, sys
from core_client import segment, sync
segment.CHUNK = 3000  # bytes
def watch(events):
    if events > int(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)
list(sync.sync(watch))
"""
# Loads the model of a run, gives it a name, and loads it by that.
BY_MLFLOW = """
import sys, mlflow
mlflow.set_tracking_uri(sys.argv[1])
mlflow.register_model(sys.argv[2], "old tree")
print(*[mlflow.sklearn.load_model(uri).C for uri in (sys.argv[2], "models:/old tree/1")])
"""


@pytest.fixture
def server(any_server: MlflowServer, monkeypatch: pytest.MonkeyPatch) -> MlflowServer:
    any_server.wipe()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", any_server.url)
    # The address is that of the test before, the spool is not.
    monkeypatch.setattr(destination, "_destinations", {})
    return any_server


def start(*command: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def recorded_offline(name: str, *more: str) -> None:
    process = start(sys.executable, "-c", OFFLINE, name, *more, AUTOLOG_MODE="offline")
    error = process.communicate(timeout=120)[1]
    assert process.returncode in (0, -signal.SIGKILL), error


def both(*words: str) -> list[Any]:
    """What two processes say that are given the same command at once."""
    processes = [start(*COMMAND, *words, "--json") for _ in range(2)]
    said = []
    for process in processes:
        out, error = process.communicate(timeout=300)
        assert (process.returncode, error) == (0, "")
        said += json.loads(out)
    return said


def contents() -> dict[str, bytes]:
    """The spool as it lies on the disk."""
    return {str(path): path.read_bytes() for path in home().rglob("*") if path.is_file()}


def assert_all_there_once(server: MlflowServer, status: dict[str, str]) -> dict[str, str]:
    """Each offline run, by its name, ended so and is whole; returns their ids by the local ones."""
    client = Client(server.url)
    trip = client.get_experiment_by_name("trip")
    assert trip is not None
    found = client.search_runs([trip.experiment_id])
    outer = {run.info.run_name: run for run in found if run.info.run_name != "child"}
    assert len(found) == 2 * len(outer)
    assert {name: run.info.status for name, run in outer.items()} == status
    ids = {server.tags(run.info.run_id)["autolog.local_run_id"]: run.info.run_id for run in found}
    for name, run in outer.items():
        history = client.get_metric_history(run.info.run_id, "m")
        assert [(p.step, p.value) for p in history] == [(n, n / 2) for n in range(POINTS)]
        assert run.data.tags["last"] == str(POINTS - 1)
        assert client.artifacts(run.info.run_id).read("notes/a.txt").decode() == f"kept {name}"
        (child,) = [one for one in found if one.data.params.get("of") in ids
                    and ids[one.data.params["of"]] == run.info.run_id]  # fmt: skip
        assert child.data.tags["mlflow.parentRunId"] == run.info.run_id
        assert child.info.status == "FINISHED"
    return ids


def test_two_at_once_send_what_was_kept_offline(server: MlflowServer) -> None:
    recorded_offline("one")
    recorded_offline("two")
    recorded_offline("killed", "in the middle")
    before = contents()
    (plan,) = document("sync", "--dry-run")
    assert (plan["uri"], plan["events"] > 3 * POINTS, plan["held"]) == (server.url, True, [])
    assert len(plan["runs"]) == 6
    assert plan["size"] == sum(len(f"kept {name}") for name in ("one", "two", "killed"))
    assert "to be sent" in said("sync", "--dry-run")
    assert contents() == before, "a look changes nothing"

    reports = both("sync")
    assert sum(report["events"] for report in reports) == plan["events"]
    assert sum(report["killed"] for report in reports) == 1
    ids = assert_all_there_once(server, {"one": "FINISHED", "two": "FINISHED", "killed": "KILLED"})
    told = {local: there for report in reports for local, there in report["runs"].items()}
    assert told == ids
    assert set(plan["runs"]) == set(ids)
    assert said("sync") == "Nothing is left to send.\n"
    assert not list(home().rglob("*.events"))


def test_a_sync_that_is_killed_goes_on_where_it_was(server: MlflowServer) -> None:
    recorded_offline("one")
    (plan,) = document("sync", "--dry-run")
    left = plan["events"]
    for _ in range(2):
        process = start(sys.executable, "-c", BROKEN_OFF, str(left // 3))
        process.communicate(timeout=120)
        assert process.returncode == -signal.SIGKILL
        (plan,) = document("sync", "--dry-run")
        assert plan["events"] < left
        left = plan["events"]
    text = said("sync")
    ids = assert_all_there_once(server, {"one": "FINISHED"})
    (run,) = Client(server.url).search_runs(["0", *all_ids(server)], "attributes.run_name = 'one'")
    local = next(local for local, there in ids.items() if there == run.info.run_id)
    assert f"run {local} is {run.info.run_id} there" in text


def all_ids(server: MlflowServer) -> list[str]:
    return [one.experiment_id for one in Client(server.url).search_experiments()]


@pytest.mark.parametrize("source", ["mlruns", "sqlite:///here.db"])
def test_a_store_is_moved_to_a_server(server: MlflowServer, own_place: Path, source: str) -> None:
    client = filled(source)
    (parent,) = client.search_runs(["0"])
    # The child was begun at the same instant, and is found first.
    child = client.create_run(
        "0", parent.info.start_time, {"mlflow.parentRunId": parent.info.run_id}, "child"
    ).info.run_id
    client.log_text(child, "text", "notes/a.txt")
    client.log_text(child, "{}", "b.json")
    before = told(client)
    words = ("sync", "--from", source, "--to", server.url)
    assert "5 runs to be moved" in said(*words, "--dry-run")
    assert all_ids(server) == ["0"]

    reports = both(*words)
    assert [report["problem"] for report in reports] == [""] * 10
    assert [report["news"] for report in reports].count(True) == 5, "each was moved once"
    ids = {report["run_id"]: report["new_id"] for report in reports}
    expected = "\n".join(before)
    for local, there in ids.items():
        assert local != there
        expected = expected.replace(local, there)
    assert sorted(told(Client(server.url))) == sorted(expected.splitlines())
    assert told(client) == before
    assert "5 runs were there already" in said(*words)
    assert [report["news"] for report in document(*words, "--dry-run")] == [False] * 5
    for more in (["--dry-run"], []):
        with another_account():
            again = document(*words, *more)
        assert [report["news"] for report in again] == [False] * 5, "the copies are known by tags"
        assert {report["run_id"]: report["new_id"] for report in again} == ids
    assert sorted(told(Client(server.url))) == sorted(expected.splitlines())


@contextlib.contextmanager
def another_account() -> Iterator[None]:
    """Commands are given by somebody else, who knows of no server's ids."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setenv("AUTOLOG_HOME", folder)
        patch.setattr(destination, "_destinations", {})
        yield
        destination.close_all()


@pytest.mark.parametrize("any_server", ["3.17.2"], indirect=True)
def test_models_that_were_moved_are_not_moved_again_by_another_account(
    server: MlflowServer, own_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = upgraded(f"sqlite:///{own_place}/here.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", source)
    with fluent.start_run() as run:
        fluent.log_metric("loss", 0.5)
        models = [log(run, "model", content) for content in ("old", "new")]
    destination.close_all()
    words = ("sync", "--from", source, "--to", server.url)
    (first,) = document(*words)
    with another_account():
        (plan,) = document(*words, "--dry-run")
        (again,) = document(*words)
    assert (first["news"], plan["news"], again["news"], again["problem"]) == (
        True,
        False,
        False,
        "",
    )
    assert again["new_id"] == first["new_id"]
    there = Client(server.url)
    assert len(there.get_run(first["new_id"]).outputs.model_outputs) == len(models)
    assert there.artifacts(first["new_id"]).read("model/data/model.txt") == b"new"


@pytest.mark.parametrize("any_server", ["3.17.2"], indirect=True)
def test_models_among_the_files_of_old_runs_stay_there_and_are_loaded_and_registered(
    server: MlflowServer, own_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store of before MLflow 3, as ours is made, has no other place for them."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "mlruns")
    with fluent.start_run() as run:
        autolog.sklearn.log_model(LogisticRegression(C=3).fit([[0.0], [1.0]], [0, 1]), name="model")
    destination.close_all()
    (moved,) = document("sync", "--from", "mlruns", "--to", server.url)
    assert moved["problem"] == ""
    uri = f"runs:/{moved['new_id']}/model"
    done = subprocess.run(
        [server.python, "-W", "ignore", "-c", BY_MLFLOW, server.url, uri],
        capture_output=True,
        text=True,
    )
    assert done.stdout == "3 3\n", done.stderr
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
    for name in (uri, f"runs:/{run.run_id}/model", "models:/old tree/1"):
        assert autolog.sklearn.load_model(name).C == 3
