"""The `autolog` command as a person at a terminal, a pipe and a script meet it."""

from __future__ import annotations

import math
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import autolog
from tests.command_line import COLOURS, in_terminal, piped, said
from tests.project import ROOT

HOSTILE = "\x1b]0;owned\x07[red]name[/red] [link=http://x]x[/link] :smile: a\nb\u202e"
SHOWN = r"\x1b]0;owned\x07[red]name[/red] [link=http://x]x[/link] :smile: a\nb\u202e"


@pytest.fixture
def search() -> str:
    """A parent with seven children in an experiment of theirs, and another run; the parent's id."""
    autolog.set_experiment("tuning")
    with autolog.start_run(run_name="search") as parent:
        autolog.log_param("cv", 3)
        for step in range(200):
            autolog.log_metric("loss", 1 / (step + 1), step=step)
        autolog.log_metric("gaps", math.nan, step=0)
        autolog.log_metric("gaps", 2, step=1)
        autolog.log_metric("best_score", 0.75)
        autolog.set_tag("team", "blue")
        autolog.log_text("hello", "notes/deep/hello.txt")
        for number in range(7):
            with autolog.start_run(run_name=f"candidate-{number}", nested=True):
                autolog.log_metric("mean_test_score", number / 10)
    autolog.set_experiment("other")
    with autolog.start_run(run_name="plain"):
        autolog.log_metric("loss", 0.5)
    autolog.flush_async_logging()
    return parent.run_id


def test_runs_are_listed_with_children_below_parents(search: str) -> None:
    heading, *lines = said("runs").splitlines()
    assert heading.split()[:6] == ["name", "id", "experiment", "status", "started", "duration"]
    assert lines[0].startswith("plain ")
    assert re.match(rf"search +{search} +tuning +FINISHED +\d{{4}}-\d\d-\d\d ", lines[1])
    assert [line[: len("  candidate-")] for line in lines[2:7]] == ["  candidate-"] * 5
    assert lines[7] == "  … 2 more"
    assert len(lines) == 8


def test_an_experiment_is_chosen_by_name_or_id(search: str) -> None:
    experiment = autolog.get_experiment_by_name("other")
    for chosen in ("other", experiment.experiment_id):
        text = said("runs", "-e", chosen)
        assert "plain" in text
        assert "search" not in text
    both = said("runs", "-e", "other", "--experiment", "tuning")
    assert "plain" in both
    assert "search" in both


def test_filter_order_and_limit(search: str) -> None:
    asked = ("--filter", "metrics.mean_test_score >= 0.3", "-o", "metrics.mean_test_score DESC")
    heading, *lines = said("runs", *asked, "--limit", "3").splitlines()
    assert heading.split()[-1] == "mean_test_score"
    assert [line.split()[0] for line in lines] == ["candidate-6", "candidate-5", "candidate-4"]
    assert [line.split()[-1] for line in lines] == ["0.6", "0.5", "0.4"]


def test_nothing_found_is_no_error(search: str) -> None:
    result = piped("runs", "--filter", "metrics.loss > 9")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "No run matches.\n")


def test_show_tells_all_about_a_run(search: str) -> None:
    text = said("show", search)
    head, *sections = text.split("\n\n")
    assert head.startswith("search  FINISHED\n")
    assert f"  id          {search}\n" in head
    assert "  experiment  tuning\n" in head
    titles = [section.splitlines()[0] for section in sections]
    assert titles == ["Params", "Metrics", "Tags", "Artifacts", "Children"]
    params, metrics, tags, files, children = (s.splitlines()[1:] for s in sections)
    assert params == ["  cv  3"]
    rows = {line.split()[0]: line.split()[1:] for line in metrics}
    assert rows["metric"] == ["last", "min", "max", "points"]
    assert rows["loss"] == ["0.005", "0.005", "1", "200"]
    assert rows["gaps"] == ["2", "2", "2", "2"]
    assert rows["best_score"] == ["0.75"]
    assert tags == ["  team  blue"]
    assert files == ["  notes/", "    deep/", "      hello.txt  5 B"]
    assert sorted(line.split()[0] for line in children[1:]) == [f"candidate-{n}" for n in range(7)]


def test_a_run_is_known_by_the_beginning_of_its_id_and_by_its_name(search: str) -> None:
    assert said("show", search[:12]) == said("show", search) == said("show", "search")


def test_a_name_that_several_runs_have_is_not_guessed(search: str) -> None:
    with autolog.start_run(run_name="plain"):
        pass
    autolog.flush_async_logging()
    result = piped("show", "plain")
    assert result.exit_code == 2
    assert len(re.findall(r"\b[0-9a-f]{32}\b", result.stderr)) == 2
    assert result.stderr.startswith("Error: 'plain' can mean 2 runs: ")


@pytest.mark.parametrize("width", [80, 120])
def test_in_a_terminal_lines_fit_and_are_coloured(search: str, width: int) -> None:
    for args in (("runs",), ("runs", "-e", "tuning"), ("show", "search")):
        coloured = in_terminal(width, *args)
        assert "\x1b[32mFINISHED" in coloured
        text = COLOURS.sub("", coloured)
        assert "\x1b" not in text
        assert max(map(len, text.splitlines())) <= width
    assert "▁" in text
    listed = COLOURS.sub("", in_terminal(width, "runs", "-e", "tuning"))
    assert re.search(rf"^search +{search[:8]} +FINISHED ", listed, re.MULTILINE)
    assert "best_score" in listed


def test_names_cannot_speak_to_the_terminal() -> None:
    with autolog.start_run(run_name=HOSTILE) as run:
        autolog.log_param("p", HOSTILE)
        autolog.set_tag("t", HOSTILE)
        autolog.log_text("", "[bold]\x1b[1m.txt")
    autolog.flush_async_logging()
    for text in (said("runs"), said("show", run.run_id), said("show", HOSTILE)):
        assert SHOWN in text
        assert text.replace("\n", "").isprintable()
    assert r"[bold]\x1b[1m.txt" in text
    for args in (("runs",), ("show", run.run_id)):
        text = COLOURS.sub("", in_terminal(120, *args))
        assert SHOWN[:20] in text
        assert text.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (("show", "nowhere"), 2, "no run with the id or name 'nowhere'"),
        (("runs", "-e", "nowhere"), 2, "no experiment 'nowhere'"),
        (("runs", "--filter", "metrics.loss ~ 3"), 2, "Invalid filter 'metrics.loss ~ 3'"),
        (("runs", "--order-by", "loss SIDEWAYS"), 2, "loss SIDEWAYS"),
        (("runs", "--tracking-uri", "ftp://x"), 2, "No store for the tracking URI 'ftp://x'"),
        (("runs", "--tracking-uri", "sqlite:///nowhere.db"), 1, "no database"),
        (("runs", "--tracking-uri", "sqlite:///text.db"), 1, "no SQLite database"),
    ],
)
def test_errors_are_one_sentence(
    search: str, own_place: Path, args: tuple[str, ...], code: int, told: str
) -> None:
    (own_place / "text.db").write_text("not a database " * 100)
    result = piped(*args)
    assert result.exit_code == code, result
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert told in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_look_makes_no_database(own_place: Path) -> None:
    result = piped("runs")
    assert result.exit_code == 1
    assert "There is no database" in result.stderr
    assert list(own_place.iterdir()) == []


def test_sync_tells_what_it_sent(own_place: Path) -> None:
    assert said("sync") == "Nothing is left to send.\n"
    (own_place / "mlflow.db").mkdir()  # so that nothing is sent before the process is killed
    code = (
        "from autolog import start_run, log_metric\n"
        "start_run(run_name='doomed'); log_metric('a', 1); log_metric('a', 2, step=1)\n"
        "print('ready', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGKILL)
    uri = f"sqlite:///{own_place}/mlflow.db"
    result = piped("sync")
    assert result.exit_code == 1
    assert result.stdout.startswith(f"{uri}\n  0 events sent\n  not sent: The database")

    (own_place / "mlflow.db").rmdir()
    assert said("sync") == f"{uri}\n  3 events sent, 1 run closed as KILLED\n"
    assert said("sync") == "Nothing is left to send.\n"
    assert re.search(r"^doomed +\w+ +Default +KILLED ", said("runs"), re.MULTILINE)


def test_status_lists_every_framework() -> None:
    heading, *lines = said("status").splitlines()
    assert heading.split() == ["framework", "installed", "tested", "autologging"]
    assert [line.split()[0] for line in lines] == [row.framework for row in autolog.status()]


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom autolog.cli import main\nmain(['--help'], standalone_mode=False)\n"
        "print({'rich', 'sqlalchemy', 'msgspec', 'sklearn', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("set()\n")
    for command in ("runs", "show", "sync", "status"):
        assert f"  {command} " in done.stdout
