"""`autolog sync` sends what killed processes have left, says what it did, and may run at any time."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from core_client.client import Client
from core_client.events import Metrics, encode
from core_client.segment import Header
from core_client.spool import folder_for
from core_client.sync import Synced, Waiting, sync, waiting
from tests.command_line import document, in_terminal, said
from tests.project import ROOT

WRITER = """
import sys
from core_client import fluent
run = fluent.start_run(run_name="doomed")
for step in range(int(sys.argv[1])):
    run.log_metric("loss", 0.5 * step, step=step)
print(run.run_id, flush=True)
sys.stdin.read()
"""
FILES = """
from core_client import fluent
with fluent.start_run(run_name="away") as run:
    fluent.log_text("hello", "notes/a.txt")
    with run.new_model("model").folder() as folder:
        (folder / "MLmodel").write_text("flavors: {}")
"""
SYNC = """
import json
from core_client.sync import sync
input()
print(json.dumps([[one.events, one.killed, one.waiting] for one in sync()]))
"""


def python(code: str, *args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *args],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def written(process: subprocess.Popen[str]) -> str:
    """The id of the process's run, when all its points are logged."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def killed(points: int) -> str:
    """The id of a run with so many points, whose process is gone."""
    with python(WRITER, str(points)) as process:
        run_id = written(process)
        process.send_signal(signal.SIGKILL)
    assert run_id
    return run_id


@pytest.fixture
def closed_store(own_place: Path) -> Path:
    """A folder in the place of the database: no process can send anything until it is removed."""
    place = own_place / "mlflow.db"
    place.mkdir()
    return place


Report = TypeVar("Report", Synced, Waiting)


def only(reports: Iterator[Report]) -> Report:
    (report,) = reports
    return report


def only_of(documents: list[dict[str, Any]]) -> dict[str, Any]:
    (one,) = documents
    return one


def test_an_empty_spool_has_nothing_to_report(own_place: Path) -> None:
    assert list(sync()) == []


def test_what_a_killed_process_left_is_sent_once(closed_store: Path) -> None:
    run_id = killed(points=300)
    first = only(sync())
    assert (first.events, first.killed) == (0, 0)
    assert "unable to open" in first.problem
    assert str(folder_for(f"sqlite:///{closed_store}")) in first.problem

    closed_store.rmdir()
    second = only(sync())
    assert second.uri == f"sqlite:///{closed_store}"
    assert second[2:] == (301, 1, {run_id: run_id}, "", [], [])  # the run's start, and its points
    assert list(sync()) == []

    client = Client()
    run = client.get_run(run_id)
    assert (run.info.run_name, run.info.status) == ("doomed", "KILLED")
    assert [point.step for point in client.get_metric_history(run_id, "loss")] == list(range(300))


def test_two_at_once_share_the_work(closed_store: Path) -> None:
    run_ids = [killed(points=2000) for _ in range(4)]
    closed_store.rmdir()
    both = [python(SYNC) for _ in range(2)]
    for process in both:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    reports = []
    for process in both:
        out, err = process.communicate(timeout=120)
        assert (process.returncode, err) == (0, "")
        reports += json.loads(out)
    assert sum(events for events, _, _ in reports) == 4 * 2001
    assert sum(closed for _, closed, _ in reports) == 4
    for reason in (reason for _, _, held in reports for reason in held):
        assert "is being sent by another process" in reason
    client = Client()
    for run_id in run_ids:
        steps = [point.step for point in client.get_metric_history(run_id, "loss")]
        assert steps == list(range(2000))


def test_what_was_written_first_is_sent_first(closed_store: Path) -> None:
    """Two that share the work must not let an older tag follow a newer one, nor end a run that
    goes on in a later file."""
    code = """
import os
from core_client import fluent, spool
spool.SEGMENT_SIZE = 2_000
fluent.start_run()
for number in range(200):
    fluent.set_tag("last", number)
fluent.end_run()
os._exit(0)
"""
    with python(code) as process:
        assert process.wait() == 0
    closed_store.rmdir()
    first, *others = sorted(folder_for(f"sqlite:///{closed_store}").glob("*.events"))
    assert len(others) > 3
    with first.open("r+b") as file:  # as another process does that is sending it
        fcntl.flock(file, fcntl.LOCK_EX)
        report = only(sync())
        assert (report.events, report.problem) == (0, "")
        assert len(report.waiting) == 1 + len(others)
        assert only(waiting()).living > 0
    assert only(sync()).killed == 0
    (run,) = Client().search_runs(["0"])
    assert (run.info.status, run.data.tags["last"]) == ("FINISHED", "199")


def test_a_dry_run_tells_and_sends_nothing(closed_store: Path) -> None:
    run_id = killed(points=300)
    closed_store.rmdir()
    plan = only_of(document("sync", "--dry-run"))
    assert (plan["events"], plan["runs"], plan["size"]) == (301, [run_id], 0)
    assert (plan["living"], plan["held"], plan["aside"]) == (0, [], [])
    assert "301 events of 1 run to be sent" in said("sync", "--dry-run")
    report = only_of(document("sync"))
    assert (report["events"], report["killed"], report["runs"]) == (301, 1, {run_id: run_id})
    assert document("sync") == document("sync", "--dry-run") == []


def test_a_person_sees_how_far_it_is(closed_store: Path) -> None:
    killed(points=300)
    closed_store.rmdir()
    said = in_terminal(100, "sync")
    assert "Sending events" in said
    assert "301/301" in said


def test_files_are_kept_offline_as_well(own_place: Path) -> None:
    """Of a store on this machine, too, which is not touched meanwhile."""
    done = subprocess.run(
        [sys.executable, "-c", FILES],
        env={**os.environ, "PYTHONPATH": str(ROOT), "AUTOLOG_MODE": "offline"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert "AUTOLOG_MODE=offline" in done.stderr
    assert list(own_place.iterdir()) == []
    [run] = Client().search_runs(["0"])
    assert run.info.run_name == "away"
    assert [one.path for one in Client().list_artifacts(run.info.run_id)] == ["model", "notes"]


def test_it_sends_though_the_mode_is_offline(
    closed_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed(points=3)
    closed_store.rmdir()
    monkeypatch.setenv("AUTOLOG_MODE", "offline")
    assert only_of(document("sync"))["events"] == 4


def test_a_living_process_keeps_its_own(own_place: Path) -> None:
    with python(WRITER, "10") as process:
        run_id = written(process)
        kept = f"Process {process.pid} is still running and sends its own."
        plan = only(waiting())
        assert (plan.events, plan.runs, plan.held) == (0, [], [kept])
        report = only(sync())
        assert report.events == report.killed == 0
        assert report.waiting == [kept]
        process.communicate()
    assert process.returncode == 0
    assert list(sync()) == []
    assert Client().get_run(run_id).info.status == "FINISHED"


def test_every_store_is_served_though_one_cannot_be_reached(
    closed_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed(points=3)
    good = f"sqlite:///{closed_store.parent}/other.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", good)
    (closed_store.parent / "other.db").mkdir()
    killed(points=5)
    (closed_store.parent / "other.db").rmdir()
    reports = {report.uri: report for report in sync()}
    assert reports[good].events == 6
    assert reports[f"sqlite:///{closed_store}"].problem


def test_what_cannot_be_sent_is_set_aside(own_place: Path) -> None:
    uri = f"sqlite:///{own_place}/mlflow.db"
    folder = folder_for(uri)
    folder.mkdir(parents=True)
    lines = [Header(os.uname().nodename, 1, uri), Metrics("no such run", 0, 0, {"a": 1.0})]
    text = b"".join(encode(line) + b"\n" for line in lines) + b"neither JSON\n"
    (folder / "1.events").write_bytes(text)
    (folder / "2.events").write_bytes(b"\n")
    report = only(sync())
    assert report.problem == ""
    assert report.waiting == []
    assert [path.name for path in report.aside] == ["1.refused", "2.broken"]
    refused = (folder / "1.refused").read_bytes()
    assert b"no such run" in refused
    assert b"neither JSON" in refused
    assert list(folder.glob("*.events")) == []
    assert only(sync()).aside == report.aside, "told again, for it is still there"
