"""A whole store moved into another one is the same there; broken off, it goes on."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from autolog.cli import main
from core_client import destination
from core_client import move as moving
from core_client.artifacts import LocalArtifacts
from core_client.client import Client
from core_client.entities import Metric, Param, RunTag, ViewType
from core_client.events import Event, Inputs, Metrics, Params, RunEnded, RunStarted, Tags
from core_client.exceptions import MlflowException, StoreUnavailable
from core_client.move import Moved, move
from core_client.stores.file import FileStore
from tests.command_line import COMMAND, document, said
from tests.project import ROOT
from tests.store_contract import dataset

URIS = {"files": "here/mlruns", "database": "sqlite:///here/mlflow.db"}


def filled(uri: str) -> Client:
    """Two experiments with runs of every kind, and one that is deleted."""
    client = Client(uri)
    trees = client.create_experiment("trees", tags={"team": "blue"})
    gone = client.create_experiment("gone")
    for number, experiment in enumerate(("0", trees, trees, gone)):
        run_id = client.create_run(
            experiment, start_time=number + 1, run_name=f"r{number}"
        ).info.run_id
        points = [Metric("loss", n / 7, n, n) for n in range(20)]
        odd = [
            Metric("odd/one", value, 1, 1)
            for value in (float("nan"), float("inf"), 1.7976931348623157e308)
        ]
        client.log_batch(run_id, points + odd, [Param("depth", "3\n4")], [RunTag("note", "é")])
        client.log_text(run_id, f"text {number}", "notes/a.txt")
        client.log_text(run_id, "{}", "b.json")
        if number != 2:
            client.set_terminated(run_id, "FAILED", number + 10)
        if number == 1:
            client.delete_run(run_id)
    destination = client._destination
    destination.spool.append_events(Inputs(run_id, [dataset()]))
    client.delete_experiment(gone)
    return client


def told(client: Client) -> list[str]:
    """All there is in a store, but where it lies."""
    story = []
    for experiment in sorted(client.search_experiments(ViewType.ALL), key=lambda one: one.name):
        story.append(f"{experiment.name} {experiment.lifecycle_stage} {experiment.tags}")
        for run in client.search_runs([experiment.experiment_id], run_view_type=ViewType.ALL):
            info = run.info
            story.append(f"{info.run_id} {info.run_name} {info.user_id} {info.status}")
            story.append(f"{info.start_time} {info.end_time} {info.lifecycle_stage}")
            story.append(f"{sorted(run.data.params.items())} {sorted(run.data.tags.items())}")
            story.append(str(run.inputs))
            for key in sorted(run.data.metrics):
                history = client.get_metric_history(info.run_id, key)
                story += [f"{p.key} {p.value:.12g} {p.timestamp} {p.step}" for p in history]
            for name in ("notes/a.txt", "b.json"):
                path = client.download_artifacts(info.run_id, name)
                story.append(f"{name}: {Path(path).read_text()}")
    return story


@pytest.mark.parametrize(("first", "second"), [("files", "database"), ("database", "files")])
def test_a_moved_store_tells_the_same(own_place: Path, first: str, second: str) -> None:
    source, target = URIS[first], URIS[second].replace("here", "there")
    client = filled(source)
    before = told(client)
    reports = list(move(source, target))
    assert [report.problem for report in reports] == [""] * 4
    assert all(report.news and report.new_id == report.run_id for report in reports)
    assert told(Client(target)) == before
    assert told(client) == before
    assert [report.news for report in move(source, target)] == [False] * 4


def test_a_move_that_was_broken_off_goes_on(
    own_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = URIS["database"], "there"
    before = told(filled(source))
    monkeypatch.setattr(moving, "POINTS", 7)
    whole = FileStore.apply
    calls = 0

    def dies(self: FileStore, batch: list[object]) -> None:
        nonlocal calls
        calls += 1
        if calls % 9 == 0:
            raise StoreUnavailable("pulled the plug")
        whole(self, batch)  # type: ignore[arg-type]

    monkeypatch.setattr(FileStore, "apply", dies)
    reports: list[Moved] = []
    for _ in range(30):
        try:
            reports = list(move(source, target))
            break
        except StoreUnavailable:
            continue
    assert calls > 18
    assert [report.problem for report in reports] == [""] * 4
    monkeypatch.undo()
    assert told(Client(str(own_place / target))) == before


def test_what_the_second_store_has_otherwise_is_told(own_place: Path) -> None:
    client = filled(URIS["files"])
    (run,) = client.search_runs(["0"])
    list(move(URIS["files"], URIS["database"]))
    later = Client(URIS["files"])
    later.log_param(run.info.run_id, "width", "1")
    Client(URIS["database"]).log_param(run.info.run_id, "width", "2")
    later._destination.spool.append_events(Metrics(run.info.run_id, 99, 99, {"loss": 0.5}))
    reports = {report.run_id: report for report in move(URIS["files"], URIS["database"])}
    assert "'width'" in reports[run.info.run_id].problem
    assert [report.problem for report in reports.values()].count("") == 3
    assert Client(URIS["database"]).get_run(run.info.run_id).data.metrics["loss"] == 0.5


@pytest.mark.parametrize(
    ("kind", "told_of"),
    [(Params, "Not all of its params"), (Metrics, "'loss' does not have the same points"),
     (Tags, "Not all of its tags"), (Inputs, "Its datasets"), (RunEnded, "Its status")],
)  # fmt: skip
def test_what_the_second_store_loses_in_silence_is_told(
    own_place: Path, monkeypatch: pytest.MonkeyPatch, kind: type[Event], told_of: str
) -> None:
    source = URIS["database"]
    client = filled(source)
    (run,) = client.search_runs(["0"])
    client._destination.spool.append_events(Inputs(run.info.run_id, [dataset()]))
    destination.close_all()
    whole = FileStore.apply

    def forgets(self: FileStore, batch: list[Event]) -> None:
        kept = [one for one in batch if not isinstance(one, kind)]
        if kind is Tags:
            kept = [msgspec.structs.replace(one, tags={}) if isinstance(one, RunStarted) else one
                    for one in kept]  # fmt: skip
        whole(self, kept)

    monkeypatch.setattr(FileStore, "apply", forgets)
    reports = {one.run_id: one for one in move(source, "there")}
    assert told_of in reports[run.info.run_id].problem


def test_files_that_the_second_store_loses_in_silence_are_told(
    own_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(URIS["database"])
    monkeypatch.setattr(LocalArtifacts, "add_all", lambda *_: None)
    reports = list(move(URIS["database"], "there"))
    assert all("these are not there, or not whole: b.json" in one.problem for one in reports)


@pytest.mark.parametrize(("first", "second"), [("files", "database"), ("database", "files")])
def test_two_that_move_at_once_move_each_run_once(own_place: Path, first: str, second: str) -> None:
    source, target = URIS[first], URIS[second].replace("here", "there")
    before = told(filled(source))
    command = [*COMMAND, "sync", "--from", source, "--to", target, "--json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    both = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    reports = [report for one in both for report in json.loads(one.communicate(timeout=120)[0])]
    assert [report["problem"] for report in reports] == [""] * 8
    assert [report["news"] for report in reports].count(True) == 4
    assert told(Client(target)) == before


def test_a_dry_run_tells_and_writes_nothing(own_place: Path) -> None:
    filled(URIS["files"])
    words = ["--from", URIS["files"], "--to", URIS["database"].replace("here", "there")]
    assert "4 runs to be moved" in said("sync", *words, "--dry-run")
    assert not Path("there").exists()
    assert "4 runs were moved" in said("sync", *words)
    later = Client(URIS["files"])
    (run,) = later.search_runs(["0"])
    later.log_text(run.info.run_id, "new", "notes/new.txt")
    plan = {one["run_id"]: one["news"] for one in document("sync", *words, "--dry-run")}
    assert plan.pop(run.info.run_id) is True, "a file is lacking"
    assert list(plan.values()) == [False] * 3
    assert not list(Path("there").rglob("new.txt"))


@pytest.mark.parametrize("source", ["nowhere", "sqlite:///no.db"])
def test_a_store_that_is_not_there_is_not_made(own_place: Path, source: str) -> None:
    with pytest.raises(MlflowException, match="There is nothing at"):
        list(move(source, URIS["database"]))
    assert list(own_place.iterdir()) == []


def test_a_store_is_not_moved_into_itself(own_place: Path) -> None:
    with pytest.raises(MlflowException, match="into itself"):
        list(move("mlruns", f"{own_place}/mlruns"))


def test_the_command_moves_and_counts(own_place: Path) -> None:
    filled(URIS["files"])
    words = ["sync", "--from", URIS["files"], "--to", URIS["database"]]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    assert "4 runs were moved" in done.output
    assert "4 runs were there already" in CliRunner().invoke(main, words).output
    alone = CliRunner().invoke(main, words[:3])
    assert alone.exit_code == 2
    assert "--to" in alone.output
