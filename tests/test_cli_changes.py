"""What the `autolog` command changes or compares: runs, experiments, artifacts; and its JSON."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

import autolog
from core_client.client import Client
from tests.command_line import COLOURS, document, in_terminal, piped, said


@pytest.fixture
def pair() -> list[str]:
    """Two runs of an experiment that differ in a param and a metric, and share a param."""
    autolog.set_experiment("tuning")
    ids = []
    for depth in (3, 4):
        with autolog.start_run(run_name=f"tree of depth {depth}") as run:
            autolog.log_params({"depth": depth, "criterion": "gini"})
            autolog.log_metric("loss", 1 / depth)
            ids.append(run.run_id)
    autolog.flush_async_logging()
    return ids


def test_runs_list_is_what_runs_alone_is(pair: list[str]) -> None:
    assert said("runs", "list", "-n", "1") == said("runs", "-n", "1")
    assert said("runs", "show", pair[0]) == said("show", pair[0])
    assert "compare" in said("runs", "--help")
    assert piped("runs", "nowhere").exit_code == 2


def test_runs_are_deleted_and_restored(pair: list[str]) -> None:
    assert said("runs", "delete", *pair).count("Deleted tree of depth") == 2
    assert piped("runs").stderr == "No runs yet.\n"
    assert {row["run_id"] for row in document("runs", "--deleted")} == set(pair)
    assert "deleted" in said("show", pair[0])
    result = piped("runs", "delete", pair[0])
    assert (result.exit_code, result.stderr) == (
        2,
        "Error: 'tree of depth 3' is deleted already.\n",
    )
    assert said("runs", "restore", pair[1][:10]) == f"Restored tree of depth 4\n  {pair[1]}\n"
    assert [row["run_id"] for row in document("runs")] == pair[1:]
    assert piped("runs", "restore", pair[1]).exit_code == 2


def test_no_run_is_deleted_if_one_of_them_is_not_there(pair: list[str]) -> None:
    assert piped("runs", "delete", pair[0], "nowhere").exit_code == 2
    assert len(document("runs")) == 2


def test_runs_side_by_side(pair: list[str]) -> None:
    lines = said("runs", "compare", *pair).splitlines()
    assert re.split("  +", lines[0].strip()) == ["tree of depth 3", "tree of depth 4"]
    assert re.split("  +", lines[1]) == ["id", *pair]
    assert re.split("  +", lines[5]) == ["depth", "3", "4"]
    assert re.split("  +", lines[6]) == ["loss", "0.3333", "0.25"]
    assert lines[7] == "The same everywhere: criterion"
    compared = document("runs", "compare", *pair)
    assert compared["differing"] == ["depth"]
    assert [run["params"]["depth"] for run in compared["runs"]] == ["3", "4"]
    assert piped("runs", "compare", pair[0]).exit_code == 2


@pytest.mark.parametrize("width", [80, 120])
def test_lines_fit_a_terminal(width: int, own_place: Path) -> None:
    ids = []
    for number in range(8):
        with autolog.start_run(run_name=f"a name that is longer than its column {number}") as run:
            autolog.log_param("a name that is longer than its column", "x" * 200 + str(number))
            autolog.log_text("", f"folder/{'long' * 20}.txt")
            ids.append(run.run_id)
    autolog.flush_async_logging()
    for args in (
        ("runs", "compare", *ids),
        ("experiments",),
        ("artifacts", "list", ids[0]),
        ("doctor",),
        ("--help",),
        ("runs", "--help"),
    ):
        text = COLOURS.sub("", in_terminal(width, *args))
        assert max(map(len, text.splitlines())) <= width, text
        assert "..." not in text or args[-1] == "--help"
    text = COLOURS.sub("", in_terminal(width, "runs", "compare", *ids))
    assert all(one[:8] in text for one in ids)
    assert len(re.findall(r"column \d\b|umn \d\b", text)) >= 8, "names differ at their ends"


def test_a_run_as_json() -> None:
    with autolog.start_run(run_name="parent") as parent:
        autolog.log_metric("gap", math.nan)
        autolog.log_metric("loss", math.inf)
        with autolog.start_run(run_name="child", nested=True):
            autolog.set_tag("note", "two\nlines \x1b[1m")
    autolog.flush_async_logging()
    child, whole = document("runs")[::-1]
    assert (child["run_name"], child["parent"]) == ("child", parent.run_id)
    assert child["tags"]["note"] == "two\nlines \x1b[1m"
    assert whole["metrics"] == {"gap": "nan", "loss": "inf"}
    assert whole["experiment"] == "Default"
    assert document("show", parent.run_id) == whole
    assert document("runs", "--filter", "metrics.loss < 0") == []


def test_json_has_every_child() -> None:
    with autolog.start_run():
        for _ in range(9):
            with autolog.start_run(nested=True):
                pass
    autolog.flush_async_logging()
    assert len(document("runs", "--limit", "1")) == 10


def test_errors_leave_no_half_document() -> None:
    autolog.create_experiment("one")
    result = piped("show", "nowhere", "--json")
    assert (result.exit_code, result.stdout) == (2, "")


def test_an_experiment_is_created_renamed_deleted_and_restored(own_place: Path) -> None:
    created = document("experiments", "create", "first", "--artifact-location", "/elsewhere")
    assert (created["name"], created["artifact_location"]) == ("first", "/elsewhere")
    assert (own_place / "mlflow.db").exists()
    assert piped("experiments", "create", "first").exit_code == 1
    assert said("experiments", "rename", "first", "second").startswith("Renamed to second\n")
    result = piped("experiments", "rename", "second", "Default")
    assert (result.exit_code, "already" in result.stderr) == (2, True)
    said("experiments", "delete", "second")
    assert [one["name"] for one in document("experiments")] == ["Default"]
    assert [one["name"] for one in document("experiments", "list", "--deleted")] == ["second"]
    said("experiments", "restore", created["experiment_id"])
    listed = said("experiments").splitlines()
    assert listed[0].split() == ["name", "id", "changed", "artifacts"]
    assert {line.split()[0] for line in listed[1:]} == {"second", "Default"}
    result = piped("experiments", "delete", "nowhere")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)


def test_artifacts_go_there_and_back(pair: list[str], own_place: Path) -> None:
    (own_place / "notes").mkdir()
    (own_place / "notes" / "a.txt").write_text("a")
    (own_place / "b.txt").write_text("bb")
    run = Client().get_run(pair[0])
    text = said("artifacts", "upload", pair[0], "notes", "b.txt", "--as", "more")
    assert text == "Uploaded to tree of depth 3\n  more/notes\n  more/b.txt\n"
    assert Client().get_run(pair[0]).info == run.info, "an upload is not the run's life"
    listed = document("artifacts", "list", pair[0])
    assert [(file["path"], file["file_size"]) for file in listed if not file["is_dir"]] == [
        ("more/b.txt", 2),
        ("more/notes/a.txt", 1),
    ]
    assert said("artifacts", "list", pair[0], "more/notes").split()[2:] == [
        "more/notes/a.txt", "1", "B",
    ]  # fmt: skip
    said("artifacts", "download", pair[0], "--to", "new/place")
    assert (own_place / "new" / "place" / "more" / "notes" / "a.txt").read_text() == "a"
    one = document("artifacts", "download", pair[0], "more/b.txt", "--to", "one")
    assert Path(one["path"]).read_text() == "bb"
    assert piped("artifacts", "list", pair[1]).stderr == "No artifacts.\n"


@pytest.mark.parametrize("path", ["../../mlflow.db", "/etc/passwd", "a/%2e%2e/%2e%2e/x"])
def test_artifacts_stay_in_their_run(pair: list[str], path: str, own_place: Path) -> None:
    (own_place / "x").write_text("x")
    for args in (
        ("list", pair[0], path),
        ("download", pair[0], path),
        ("upload", pair[0], "x", "--as", path),
    ):
        result = piped("artifacts", *args)
        assert (result.exit_code, result.stdout) == (2, "")
        assert "is refused" in result.stderr


def test_no_password_of_an_artifact_store_is_shown(own_place: Path) -> None:
    place = "ftp://me:s3cret@127.0.0.1:1/x"
    shown = [
        *piped("experiments", "create", "e", "--artifact-location", place),
        *piped("experiments"),
        *piped("experiments", "--json"),
    ]
    (experiment,) = (one for one in autolog.search_experiments() if one.name == "e")
    with autolog.start_run(experiment_id=experiment.experiment_id) as run:
        autolog.log_metric("m", 1)
    shown += [*piped("show", run.run_id), *piped("show", run.run_id, "--json")]
    shown += [*piped("runs", "delete", run.run_id), *piped("gc"), experiment._repr_html_()]
    text = " ".join(map(str, shown))
    assert "s3cret" not in text
    assert text.count("me:***@127.0.0.1:1") > 4
