"""Runs, experiments and tables as HTML for notebooks: no scripts, every value escaped, bounded."""

from __future__ import annotations

import contextlib
import html
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from core_client import curve, destination, readable, settings, threads
from core_client.artifacts import open_artifacts
from core_client.curve import Curve
from core_client.entities import Experiment, FileInfo, Run, RunStatus
from core_client.exceptions import MlflowException

if TYPE_CHECKING:
    from core_client.run import ActiveRun

T = TypeVar("T")

PATIENCE = 1.5  # seconds that a display may wait for its store
MOST_CURVES = 12
MOST_ROWS = 50  # in any table
MOST_COLUMNS = 6  # of metrics, and of params
MOST_TEXT = 200  # characters of a value
CURVE_POINTS = 100
WIDTH, HEIGHT = 160, 28  # of a curve, in pixels

# Half-transparent greys and mid-tones are readable on a white page and on a black one.
LINE = "1px solid rgba(128,128,128,.35)"
FAINT = "opacity:.65"
COLOURS = {
    RunStatus.RUNNING: "#3b8ede",
    RunStatus.FINISHED: "#2f9e5f",
    RunStatus.FAILED: "#e05252",
    RunStatus.KILLED: "#d08a1d",
}
CODE = "background:none;padding:0"
WRAPPED = f"{CODE};white-space:pre-wrap;overflow-wrap:anywhere"  # values may be long
GREY = "#888888"
TABLE = "border-collapse:collapse;border:0;margin:4px 0 8px 0;color:inherit;font-size:inherit"
CELL = (
    "padding:2px 14px 2px 0;text-align:left;border:0;background:none;color:inherit;"
    "white-space:nowrap"
)


def shown(make: Callable[[T], str | None], one: T) -> str | None:
    """The HTML, or None where it cannot be made: then the notebook shows the plain text."""
    try:
        return make(one)
    except Exception:  # noqa: BLE001 - looking at an object never raises
        return None


# The entities


def active_run(one: ActiveRun) -> str:
    """A run being written, as far as the store has it; else what is known without."""
    return run(_in_time(one.stored) or one.known())


def run(one: Run) -> str:
    """A run: a small curve for each metric, its params, tags, datasets and files."""
    curves = _in_time(lambda: _curves(one)) or {}
    found = _in_time(lambda: _files(one.info.artifact_uri)) or []
    info, tags = one.info, one.data.tags
    who = [
        info.user_id,
        tags.get("mlflow.source.name", ""),
        tags.get("mlflow.source.git.commit", "")[:8],
    ]
    about = [
        f"run {_code(info.run_id)}",
        _text(readable.moment(info.start_time)),
        _text(readable.duration(info.start_time, info.end_time)),
        *(_text(part) for part in who if part),
    ]
    own_tags = {key: text for key, text in tags.items() if not key.startswith("mlflow.")}
    note = tags.get("mlflow.note.content")
    datasets = [
        f"{each.dataset.name} ({', '.join(tag.value for tag in each.tags)})"
        if each.tags
        else each.dataset.name
        for each in one.inputs.dataset_inputs
    ]
    files = [f"{file.path}/" if file.is_dir else file.path for file in found]
    return _box(
        f"<div><b style='font-size:1.15em'>{_text(info.run_name)}</b> {_status(info.status)}</div>"
        f"<div style='{FAINT};margin-bottom:6px'>{' · '.join(about)}</div>",
        f"<div style='margin-bottom:6px'>{_text(note)}</div>" if note else "",
        _metrics(one, curves),
        _folded("Params", one.data.params, open_up_to=8),
        _folded("Tags", own_tags, open_up_to=0),
        _listed("Datasets", datasets),
        _listed("Artifacts", files),
    )


def experiment(one: Experiment) -> str:
    """An experiment: its name, id, place and tags."""
    about = [
        f"experiment {_code(one.experiment_id)}",
        _text(readable.moment(one.creation_time)),
        f"artifacts in {_code(settings.without_password(one.artifact_location))}",
    ]
    stage = "" if one.lifecycle_stage == "active" else _pill(one.lifecycle_stage, GREY)
    return _box(
        f"<div><b style='font-size:1.15em'>{_text(one.name)}</b> {stage}</div>"
        f"<div style='{FAINT}'>{' · '.join(part for part in about if part)}</div>",
        _folded("Tags", one.tags, open_up_to=8),
    )


def results(found: Sequence[Any]) -> str | None:
    """Runs or experiments as a table, a row each; None for anything else."""
    if found and all(isinstance(one, Run) for one in found):
        return _box(_run_table(found))
    if found and all(isinstance(one, Experiment) for one in found):
        rows = [
            (one.experiment_id, one.name, readable.moment(one.creation_time), one.lifecycle_stage)
            for one in found
        ]
        return table(("id", "name", "created", "stage"), rows)
    return None


def table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Any table of texts."""
    return _box(_table(headings, [[_text(cell) for cell in row] for row in rows[:MOST_ROWS]], rows))


# What has to be read


def _files(artifact_uri: str) -> list[FileInfo]:
    return open_artifacts(artifact_uri, settings.tracking_uri()).list()


def _in_time(read: Callable[[], T]) -> T | None:
    """What the function returns; None if it raises or takes too long."""
    found: list[T] = []

    def work() -> None:
        with contextlib.suppress(Exception):
            found.append(read())

    reader = threads.start("autolog-display", work)
    if reader is not None:
        reader.join(PATIENCE)
    return found[0] if found else None


def _curves(one: Run) -> dict[str, Curve]:
    until = time.monotonic() + PATIENCE / 2
    curves: dict[str, Curve] = {}
    for store in destination.open_stores():
        with contextlib.suppress(MlflowException):  # another store has the run
            store.get_run(one.info.run_id)
            for key in sorted(one.data.metrics):
                if len(curves) == MOST_CURVES or time.monotonic() > until:
                    break
                each = curve.read(store, one.info.run_id, key, until)
                if len(each.points) > 1:
                    curves[key] = each
            break
    return curves


# Pieces


def _metrics(one: Run, curves: Mapping[str, Curve]) -> str:
    """A line for each metric, those with a curve first."""
    values = one.data.metrics
    rows = []
    for key in sorted(values, key=lambda key: (key not in curves, key))[:MOST_ROWS]:
        row = [_text(key), f"<b>{_number(values[key])}</b>", "", "", "", ""]
        if each := curves.get(key):
            finite = each.finite or [math.nan]
            count = f"{len(each.points)}{'' if each.whole else '+'}"
            row[2:] = [svg(each), _number(min(finite)), _number(max(finite)), count]
        rows.append(row)
    headings = ["metric", "last", "curve", "min", "max", "points"]
    columns = 6 if curves else 2
    table = _table(headings[:columns], [row[:columns] for row in rows], values)
    return table if rows else ""


def svg(one: Curve) -> str:
    """The curve as a picture of its own; NaN and infinities leave gaps."""
    points = curve.thinned(one.points, CURVE_POINTS)
    finite = [value for _, value in points if math.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
    first, last = points[0][0], points[-1][0]

    def place(step: int, value: float) -> str:
        x = 2 + (WIDTH - 4) * ((step - first) / (last - first) if last > first else 0.5)
        height = (value / 2 - low / 2) / (high / 2 - low / 2) if high > low else 0.5
        return f"{x:.1f},{2 + (HEIGHT - 4) * (1 - height):.1f}"

    pieces: list[list[str]] = [[]]
    for step, value in points:
        if math.isfinite(value):
            pieces[-1].append(place(step, value))
        elif pieces[-1]:
            pieces.append([])
    drawn = "".join(
        f"<polyline points='{' '.join(piece)}'/>"
        if len(piece) > 1
        else f"<circle cx='{piece[0].split(',')[0]}' cy='{piece[0].split(',')[1]}' r='1'/>"
        for piece in pieces
        if piece
    )
    return (
        f"<svg width='{WIDTH}' height='{HEIGHT}' viewBox='0 0 {WIDTH} {HEIGHT}' role='img' "
        f"aria-label='{_text(one.key)}' fill='none' stroke='#3b8ede' stroke-width='1.5' "
        f"stroke-linejoin='round' style='vertical-align:middle'>{drawn}</svg>"
    )


def _run_table(runs: Sequence[Run]) -> str:
    """A line for each run, with the params in which they differ."""
    metrics = _most_common(one.data.metrics for one in runs)
    alike = set.intersection(*(set(one.data.params.items()) for one in runs))
    params = _most_common({*dict(one.data.params.items() - alike)} for one in runs)
    rows = [
        [
            f"<b>{_text(one.info.run_name, 40)}</b>",
            _status(one.info.status),
            _text(readable.moment(one.info.start_time)),
            _text(readable.duration(one.info.start_time, one.info.end_time)),
            *(_text(one.data.params.get(key, ""), 40) for key in params),
            *(_number(one.data.metrics[key]) if key in one.data.metrics else "" for key in metrics),
            _code(one.info.run_id),
        ]
        for one in runs[:MOST_ROWS]
    ]
    headings = ("name", "status", "started", "duration", *params, *metrics, "run")
    return _table(headings, rows, runs)


def _most_common(keys: Iterable[Iterable[str]]) -> list[str]:
    counts: dict[str, int] = {}
    for some in keys:
        for key in some:
            counts[key] = counts.get(key, 0) + 1
    order = sorted(counts, key=lambda key: (-counts[key], readable.technical(key), key))
    return order[:MOST_COLUMNS]


def _box(*parts: str) -> str:
    return f"<div style='line-height:1.5;max-width:100%;overflow-x:auto'>{''.join(parts)}</div>"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]], whole: Any) -> str:
    """A table of cells that are HTML; says how many of the whole are not in it."""
    head = "".join(
        f"<th style='{CELL};{FAINT};font-weight:normal'>{_text(heading, 60)}</th>"
        for heading in headings
    )
    body = "".join(
        "<tr style='background:none'>"
        + "".join(f"<td style='{CELL};border-top:{LINE}'>{cell}</td>" for cell in row)
        + "</tr>"
        for row in rows
    )
    more = len(whole) - len(rows)
    return (
        f"<table style='{TABLE}'>"
        f"<thead><tr style='background:none'>{head}</tr></thead><tbody>{body}</tbody></table>"
        + (f"<div style='{FAINT}'>… and {more} more</div>" if more > 0 else "")
    )


def _folded(title: str, values: dict[str, str], open_up_to: int) -> str:
    """Keys and values below a title that opens and closes."""
    if not values:
        return ""
    rows = [[_text(key), _code(text, WRAPPED)] for key, text in sorted(values.items())[:MOST_ROWS]]
    opened = " open" if len(values) <= open_up_to else ""
    return (
        f"<details{opened}><summary style='cursor:pointer'>{title} "
        f"<span style='{FAINT}'>{len(values)}</span></summary>"
        f"{_table((title.lower().rstrip('s'), 'value'), rows, values)}</details>"
    )


def _listed(title: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    more = f" … and {len(names) - MOST_ROWS} more" if len(names) > MOST_ROWS else ""
    texts = ", ".join(_text(name) for name in names[:MOST_ROWS])
    return f"<div><span style='{FAINT}'>{title}</span> {texts}{more}</div>"


def _status(status: str) -> str:
    return _pill(status, COLOURS.get(status, GREY))


def _pill(word: str, colour: str) -> str:
    return (
        f"<span style='color:{colour};border:1px solid {colour};border-radius:8px;"
        f"padding:0 6px;font-size:.85em'>{_text(word)}</span>"
    )


def _number(value: float) -> str:
    return _text(readable.number(value))


def _code(value: object, style: str = CODE) -> str:
    return f"<code style='{style}'>{_text(value)}</code>"


def _text(value: object, most: int = MOST_TEXT) -> str:
    return html.escape(readable.printable(value, most))
