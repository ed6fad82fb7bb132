"""What notebooks show of runs, experiments and results: readable, escaped, bounded, never in the way."""

from __future__ import annotations

import math
import os
import sqlite3
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest

import autolog
from core_client import curve, display
from core_client.client import Client
from core_client.entities import Dataset, DatasetInput, Experiment, InputTag, PagedList, Run

HOSTILE = "<script>alert(1)</script><img src=x onerror='alert(1)'>\"'>&\x1b[31m\u202e"
ALLOWED = {
    "b", "circle", "code", "details", "div", "polyline", "span", "summary", "svg", "table",
    "tbody", "td", "th", "thead", "tr",
}  # fmt: skip


class Page(HTMLParser):
    """What a browser would make of it."""

    def __init__(self, text: str | None) -> None:
        super().__init__()
        assert text is not None
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.places: list[list[str]] = []  # of each curve's pieces
        self.open: list[str] = []
        self.text = ""
        self.rows: list[list[str]] = []
        self.feed(text)
        self.close()
        assert self.open == [], "a tag is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag == "svg":
            self.places.append([])
        if tag == "polyline":
            self.places[-1].append(dict(attrs)["points"] or "")
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if {"td", "th"} & {*self.open}:
            self.rows[-1][-1] += data

    def row(self, first: str) -> list[str]:
        """The cells of the line that begins so."""
        (found,) = (row for row in self.rows if row[0] == first)
        return found


def shown(thing: object) -> Page:
    return Page(thing._repr_html_())  # type: ignore[attr-defined]


@pytest.fixture
def run() -> Run:
    autolog.set_experiment("shown")
    with autolog.start_run(run_name="swift-otter-1", description="why") as active:
        autolog.log_params({"depth": 3, "rate": 0.1})
        for step in range(1000):
            autolog.log_metric("loss", 1 / (step + 1), step=step)
        autolog.log_metric("score", 0.75)
        autolog.set_tag("team", "blue")
        autolog.log_text("hello", "notes/hello.txt")
        autolog.log_text("hello", "readme.md")
        autolog.log_inputs([
            DatasetInput(Dataset("iris", "abc", "local", "{}"), [InputTag("context", "train")])
        ])  # fmt: skip
    return autolog.get_run(active.run_id)


def test_a_run_shows_all_about_itself(run: Run) -> None:
    page = shown(run)
    for text in (
        "swift-otter-1", run.info.run_id, "FINISHED", "why", "notes/, readme.md", "iris (train)",
    ):  # fmt: skip
        assert text in page.text
    assert page.row("metric") == ["metric", "last", "curve", "min", "max", "points"]
    assert page.row("loss") == ["loss", "0.001", "", "0.001", "1", "1000"]
    assert page.row("score") == ["score", "0.75", "", "", "", ""]
    assert page.row("depth") == ["depth", "3"]
    assert page.row("team") == ["team", "blue"]
    assert len(page.places) == 1
    (line,) = page.places[0]
    places = [tuple(map(float, place.split(","))) for place in line.split()]
    assert len(places) <= display.CURVE_POINTS
    assert [x for x, _ in places] == sorted(x for x, _ in places)
    assert places[0][1] < places[-1][1], "on a page, y grows downwards: the loss falls"
    assert all(0 <= x <= display.WIDTH and 0 <= y <= display.HEIGHT for x, y in places)


def test_a_run_being_written_shows_what_it_has_until_now() -> None:
    with autolog.start_run() as active:
        autolog.log_metric("loss", 2)
        autolog.log_metric("loss", 1, step=1)
        page = shown(active)
        assert "RUNNING" in page.text
        assert page.row("loss")[-1] == "2"


def test_an_experiment_and_results(run: Run) -> None:
    experiment = autolog.get_experiment(run.info.experiment_id)
    assert "shown" in shown(experiment).text
    assert experiment.artifact_location in shown(experiment).text

    with autolog.start_run(run_name="other"):
        autolog.log_params({"depth": 4, "rate": 0.1})
        autolog.log_metric("loss", 0.25)
    page = shown(autolog.search_runs(output_format="list"))
    about = ["name", "status", "started", "duration"]
    assert page.rows[0] == [*about, "depth", "loss", "score", "run"], "the rate is the same"
    assert page.row("other")[4:7] == ["4", "0.25", ""]
    assert page.row("swift-otter-1")[4:7] == ["3", "0.001", "0.75"]
    assert page.row("swift-otter-1")[-1] == run.info.run_id
    assert shown(Client().search_runs([experiment.experiment_id])).rows == page.rows

    names = [row[1] for row in shown(autolog.search_experiments()).rows]
    assert sorted(names) == ["Default", "name", "shown"]


def test_status_shows_a_row_for_each_framework() -> None:
    status = autolog.status()
    page = shown(status)
    assert page.rows[0] == ["framework", "installed", "tested", "autologging"]
    assert page.rows[1:] == [list(row) for row in status]


def test_no_name_becomes_markup(run: Run) -> None:
    with autolog.start_run(run_name=HOSTILE, description=HOSTILE) as active:
        autolog.log_param("p", HOSTILE)
        autolog.set_tag("t", HOSTILE)
        autolog.log_text("", "<img src=x onerror=alert(1)>.txt")
        autolog.log_inputs([
            DatasetInput(Dataset(HOSTILE, "d", "local", "{}"), [InputTag("context", HOSTILE)])
        ])  # fmt: skip
        for step in range(2):
            autolog.log_metric("a", step, step=step)
    things = [
        active,
        autolog.get_run(active.run_id),
        autolog.search_runs(output_format="list"),
        Experiment("1", HOSTILE, HOSTILE, HOSTILE, {HOSTILE: HOSTILE}),
        PagedList([Experiment("1", HOSTILE, HOSTILE, HOSTILE)]),
    ]
    for thing in things:
        page = shown(thing)
        assert "<script>alert(1)</script>" in page.text, "shown as it is written"
        assert set(page.tags) <= ALLOWED
        assert not {name for name in page.attributes if name.startswith("on")}
        assert not {"src", "href"} & page.attributes
        assert page.text.replace("\n", "").isprintable()


def test_gaps_and_extremes_are_drawn() -> None:
    with autolog.start_run() as active:
        for step in range(30):
            hole = math.nan if step < 12 else math.inf
            autolog.log_metric("holes", hole if 10 <= step < 14 else step, step=step)
        for step, value in enumerate([-1.7e308, 1.7e308, 0.0]):
            autolog.log_metric("wide", value, step=2**62 * (step - 1))
        for value in (math.nan, math.inf, -math.inf):
            autolog.log_metric("none", value)
        for value in (3, 1, 2):
            autolog.log_metric("unstepped", value)
        autolog.log_metric("flat", 5, step=0)
        autolog.log_metric("flat", 5, step=9)
    page = shown(active)
    flat, holes, none, unstepped, wide = page.places
    assert len(flat) == 1
    assert len(holes) == 2
    assert none == []
    assert len(unstepped[0].split()) == 3
    assert len(wide[0].split()) == 3
    assert "nan" not in str(page.places)
    assert page.row("holes")[3:] == ["0", "29", "30"]
    assert page.row("none")[3:] == ["nan", "nan", "3"]


def test_size_and_number_of_curves_are_bounded() -> None:
    with autolog.start_run(run_name="n" * 4000) as active:
        for number in range(40):
            for step in range(300):
                autolog.log_metric(f"metric {number}", step % 7, step=step)
        for number in range(3):
            autolog.log_params({f"param {number} {n}": "v" * 6000 for n in range(100)})
        autolog.set_tags({f"tag {n}": "&" * 8000 for n in range(100)})
        text = active._repr_html_()
    page = Page(text)
    assert len(page.places) == display.MOST_CURVES
    assert page.row("metric 39")[1] == "5", "the others are listed"
    assert "… and 250 more" in page.text
    assert len(text) < 200_000


def test_a_thinned_curve_keeps_every_peak() -> None:
    points = [(step, 0.0) for step in range(10_000)]
    points[1234] = (1234, 9.0)
    points[8000] = (8000, -9.0)
    kept = curve.thinned(points, 100)
    assert len(kept) <= 100
    assert {(1234, 9.0), (8000, -9.0)} < set(kept)
    assert kept == sorted(kept)


def test_displaying_makes_no_database(own_place: Path, run: Run) -> None:
    there = Client("sqlite:///elsewhere/other.db")
    found = there.create_run("0")
    autolog.set_tracking_uri(f"sqlite:///{own_place}/nowhere.db")
    assert found.info.run_id in shown(found).text
    assert not (own_place / "nowhere.db").exists()


def test_a_store_that_takes_nothing_does_not_hold_the_display(
    own_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(display, "PATIENCE", 0.3)
    with autolog.start_run(run_name="locked out") as active:
        autolog.flush_async_logging()
        locker = sqlite3.connect(own_place / "mlflow.db", isolation_level=None)
        locker.execute("BEGIN IMMEDIATE")  # so that nothing can be sent
        autolog.log_param("depth", 3)
        began = time.monotonic()
        page = shown(active)
        assert time.monotonic() - began < 5
        assert "locked out" in page.text
        assert page.row("depth") == ["depth", "3"]
        locker.execute("ROLLBACK")
        locker.close()


def test_what_cannot_be_shown_is_left_to_its_plain_text() -> None:
    broken = Experiment("1", "name", "place", "active", tags=None)  # type: ignore[arg-type]
    broken_run = Run(None, None)  # type: ignore[arg-type]
    for thing in (broken_run, PagedList([1, 2]), PagedList([])):
        assert thing._repr_html_() is None
    assert shown(broken).text.startswith("name")
    assert os.listdir() == []
