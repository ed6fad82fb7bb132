"""How the `autolog` command prints: tables for people, plain columns for pipes, no surprises."""

from __future__ import annotations

import itertools
import math
import re
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from core_client import curve, readable
from core_client.artifacts import Artifacts, open_artifacts
from core_client.entities import FileInfo, Run, RunStatus
from core_client.readable import printable
from core_client.run import PARENT
from core_client.settings import without_password

if TYPE_CHECKING:
    from core_client.stores.base import Store

STYLES = {
    RunStatus.RUNNING: "blue",
    RunStatus.FINISHED: "green",
    RunStatus.FAILED: "red",
    RunStatus.KILLED: "yellow",
}
MOST_CHILDREN = 5  # below each run in a list
MOST_FILES = 200
MOST_METRICS = 4  # in a list of runs, beside those that were asked for
HEADING, NARROW = 18, 14  # characters of a name above its column, on a wide and a narrow terminal
LONG = 300  # characters of a value that a person sees
PATIENCE = 5.0  # seconds for reading curves
BARS = "▁▂▃▄▅▆▇█"
# In the header of a run already, or bookkeeping for other programs.
SYSTEM_TAGS = re.compile(
    r"mlflow\.(user|runName|source\..*|parentRunId|note\.content|log-model\.history|logged\w+)$"
)


class Terminal:
    """Standard output: in colour and cut to its width for people, else whole and plain."""

    def __init__(self) -> None:
        self.interactive = sys.stdout.isatty()
        if hasattr(sys.stdout, "reconfigure"):  # a name must not end the command
            sys.stdout.reconfigure(errors="backslashreplace")
        self.console = Console(
            highlight=False, markup=False, emoji=False,
            width=None if self.interactive else 100_000,
        )  # fmt: skip
        self.width = self.console.width
        self.id_length = 8 if self.interactive else 32

    def print(self, what: Any, indent: int = 0) -> None:
        """Print a table or a text."""
        with self.console.capture() as captured:
            self.console.print(what, width=self.width - indent)
        for line in captured.get().splitlines():
            sys.stdout.write(" " * indent + line.rstrip() + "\n")

    def heading(self, text: str) -> None:
        """A title of what follows."""
        self.print(Text(printable(text), style="bold"))

    def faint(self, text: str) -> None:
        """A remark."""
        self.print(Text(printable(text), style="dim"))

    def line(self, text: str) -> None:
        """A line below a title."""
        self.print(Text(printable(text)), indent=2)

    def moment(self, ms: int | None) -> str:
        """An instant; for people without seconds, and without the year if it is this one."""
        whole = readable.moment(ms)
        if not self.interactive:
            return whole
        return whole[5 if whole[:4] == time.strftime("%Y") else 0 : 16]

    def value(self, text: object) -> Text:
        """A value of the user's."""
        return Text(printable(text, LONG if self.interactive else None), overflow="fold")

    def table(
        self, headings: Sequence[str], rows: Iterable[Sequence[object]], numbers: int = 0
    ) -> Table:
        """Columns with a line of headings; the last `numbers` of them to the right."""
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        for place, heading in enumerate(headings):
            right = place >= len(headings) - numbers and self.interactive
            table.add_column(Text(heading), justify="right" if right else "left")
        for row in rows:
            table.add_row(*(cell if isinstance(cell, Text) else self.value(cell) for cell in row))
        return table


def tree(
    runs: Sequence[Run], limit: int, children_limit: int = MOST_CHILDREN
) -> tuple[list[tuple[int, Run | int]], bool]:
    """The runs in their order, each with its depth and followed by its children.

    Args:
        runs: what was found.
        limit: how many runs at the top.
        children_limit: how many below each run.

    Returns:
        Pairs of depth and run, or of depth and the number of children left out; and whether
        runs at the top were left out.
    """
    here = {one.info.run_id for one in runs}
    below: dict[str, list[Run]] = {}
    top = []
    for one in runs:
        parent = one.data.tags.get(PARENT)
        if parent in here and parent != one.info.run_id:
            below.setdefault(parent, []).append(one)
        else:
            top.append(one)
    rows: list[tuple[int, Run | int]] = []

    def add(depth: int, some: Sequence[Run]) -> None:
        for one in some:
            rows.append((depth, one))
            children = below.pop(one.info.run_id, [])
            add(depth + 1, children[:children_limit])
            if len(children) > children_limit:
                rows.append((depth + 1, len(children) - children_limit))

    add(0, top[:limit])
    return rows, len(top) > limit


def run_table(
    terminal: Terminal,
    rows: Sequence[tuple[int, Run | int]],
    experiments: Mapping[str, str],
    wanted: str = "",
) -> Table:
    """Runs, a line each, with as many metrics as there is room for.

    Args:
        terminal: where it will be printed.
        rows: what `tree` gives.
        experiments: names by ids.
        wanted: a text; the metrics that it names come first.
    """
    runs = [one for _, one in rows if isinstance(one, Run)]
    several = len({one.info.experiment_id for one in runs}) > 1 or not terminal.interactive
    name_width = max(16, terminal.width // 4)
    most = HEADING if terminal.width >= 100 else NARROW
    headings = ["name", "id", *(["experiment"] if several else []), "status", "started", "duration"]
    cells: list[list[Text]] = []
    for depth, one in rows:
        indent = "  " * depth
        if isinstance(one, int):
            cells.append(
                [Text(f"{indent}… {one} more", style="dim")] + [Text()] * len(headings[1:])
            )
            continue
        info = one.info
        experiment = experiments.get(info.experiment_id, info.experiment_id)
        cells.append([
            Text(indent + printable(info.run_name, name_width - len(indent)), no_wrap=True),
            Text(info.run_id[: terminal.id_length], no_wrap=True),
            *([Text(printable(experiment, most), no_wrap=True)] if several else []),
            Text(info.status, style=STYLES.get(info.status, ""), no_wrap=True),
            Text(terminal.moment(info.start_time), no_wrap=True),
            Text(readable.duration(info.start_time, info.end_time), no_wrap=True),
        ])  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*cells, map(Text, headings), strict=True)]
    room = terminal.width - sum(widths) - 2 * len(widths)
    added = 0
    for key in _metrics(rows, wanted):
        values = [
            readable.number(one.data.metrics[key])
            if isinstance(one, Run) and key in one.data.metrics
            else ""
            for _, one in rows
        ]
        heading = middle(printable(key), most) if terminal.interactive else printable(key)
        needed = max(map(len, [heading, *values])) + 2
        if needed > room:
            break
        room -= needed
        added += 1
        headings.append(heading)
        for row, value in zip(cells, values, strict=True):
            row.append(Text(value, no_wrap=True))
    return terminal.table(headings, cells, numbers=added)


def _metrics(rows: Sequence[tuple[int, Run | int]], wanted: str) -> list[str]:
    """Which metrics to show: those that the text names, then one after the other the metric that
    says something about most lines that are silent until now, runs at the top before others.
    """
    lines = [
        (10 if depth == 0 else 1, set(one.data.metrics))
        for depth, one in rows
        if isinstance(one, Run)
    ]
    keys = sorted(set().union(*(metrics for _, metrics in lines)))
    chosen = [key for key in keys if re.search(rf"\bmetrics?\.[`\"']?{re.escape(key)}\b", wanted)]
    others = [key for key in keys if key not in chosen]

    def worth(key: str) -> tuple[int, bool, int]:
        silent = [line for line in lines if not line[1] & {*chosen}]
        new, all_in_all = (
            sum(weight for weight, metrics in some if key in metrics) for some in (silent, lines)
        )
        return new, not readable.technical(key), all_in_all

    for _ in range(min(MOST_METRICS, len(others))):
        chosen.append(max(others, key=worth))
        others.remove(chosen[-1])
    return chosen


def middle(text: str, most: int) -> str:
    """The text with its middle cut out: names of metrics differ at their ends."""
    if len(text) <= most:
        return text
    head = (most - 1) // 2
    return f"{text[:head]}…{text[len(text) - (most - 1 - head) :]}"


def show_run(
    terminal: Terminal,
    store: Store,
    one: Run,
    children: Sequence[Run],
    experiments: Mapping[str, str],
) -> None:
    """All about one run."""
    info, data = one.info, one.data
    terminal.print(
        Text.assemble(
            (printable(info.run_name), "bold"), "  ", (info.status, STYLES.get(info.status, ""))
        )
    )
    commit = data.tags.get("mlflow.source.git.commit", "")
    facts = {
        "id": info.run_id,
        "deleted": "yes" if info.lifecycle_stage == "deleted" else "",
        "experiment": experiments.get(info.experiment_id, info.experiment_id),
        "parent": data.tags.get(PARENT, ""),
        "started": readable.moment(info.start_time),
        "duration": readable.duration(info.start_time, info.end_time),
        "user": info.user_id,
        "source": data.tags.get("mlflow.source.name", ""),
        "git": f"{commit[:12]} {data.tags.get('mlflow.source.git.branch', '')}".strip(),
        "artifacts": without_password(info.artifact_uri),
        "note": data.tags.get("mlflow.note.content", ""),
    }
    _section(terminal, "", {key: text for key, text in facts.items() if text})
    _section(terminal, "Params", data.params)
    if data.metrics:
        _heading(terminal, "Metrics")
        terminal.print(_metric_table(terminal, store, one), indent=2)
    own = {key: text for key, text in data.tags.items() if not SYSTEM_TAGS.match(key)}
    _section(terminal, "Tags", own)
    if one.inputs.dataset_inputs:
        _heading(terminal, "Datasets")
        rows = [
            (each.dataset.name, ", ".join(tag.value for tag in each.tags), each.dataset.digest)
            for each in one.inputs.dataset_inputs
        ]
        terminal.print(terminal.table(("name", "used for", "digest"), rows), indent=2)
    listed = list(
        itertools.islice(files(open_artifacts(info.artifact_uri, store.uri)), MOST_FILES + 1)
    )
    if listed:
        _heading(terminal, "Artifacts")
        for depth, file in listed[:MOST_FILES]:
            name = printable(file.path.rpartition("/")[2]) + ("/" if file.is_dir else "")
            text = Text("  " * depth + name).append(f"  {readable.size(file.file_size)}", "dim")
            terminal.print(text, indent=2)
        if len(listed) > MOST_FILES:
            terminal.line("…")
    if children:
        _heading(terminal, "Children")
        terminal.print(run_table(terminal, [(0, child) for child in children], experiments), 2)


def _heading(terminal: Terminal, text: str) -> None:
    sys.stdout.write("\n")
    terminal.heading(text)


def _section(terminal: Terminal, title: str, values: Mapping[str, str]) -> None:
    """Keys and values below a title."""
    if not values:
        return
    if title:
        _heading(terminal, title)
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="" if title else "dim", overflow="fold")
    table.add_column(overflow="fold")
    for key, text in sorted(values.items()) if title else values.items():
        table.add_row(terminal.value(key), terminal.value(text))
    terminal.print(table, indent=2)


def _metric_table(terminal: Terminal, store: Store, one: Run) -> Table:
    """Each metric with its last value, and where there are more, their range and curve."""
    until = time.monotonic() + PATIENCE
    bars = 20 if terminal.width >= 100 else 10
    rows: list[list[str]] = []
    for key, last in sorted(one.data.metrics.items()):
        row = [key, readable.number(last), "", "", "", ""]
        if time.monotonic() < until:
            each = curve.read(store, one.info.run_id, key, until)
            if len(each.points) > 1:
                finite = each.finite or [math.nan]
                row[2:] = [
                    readable.number(min(finite)),
                    readable.number(max(finite)),
                    f"{len(each.points)}{'' if each.whole else '+'}",
                    _sparkline(each.points, bars) if terminal.interactive else "",
                ]
        rows.append(row)
    headings = ["metric", "last", "min", "max", "points", ""]
    columns = 6 if any(row[4] for row in rows) else 2
    return terminal.table(headings[:columns], [row[:columns] for row in rows])


def _sparkline(points: Sequence[curve.Point], most: int) -> str:
    """The curve in at most so many characters; a gap where no value is a finite number."""
    means: list[float | None] = []
    for stretch in curve.stretches(points, most):
        finite = [value for _, value in stretch if math.isfinite(value)]
        means.append(sum(value / len(finite) for value in finite) if finite else None)
    low = min((mean for mean in means if mean is not None), default=0.0)
    high = max((mean for mean in means if mean is not None), default=0.0)
    return "".join(" " if mean is None else _bar(mean, low, high) for mean in means)


def _bar(value: float, low: float, high: float) -> str:
    if low == high:
        return BARS[3]
    return BARS[round((value / 2 - low / 2) / (high / 2 - low / 2) * (len(BARS) - 1))]


def files(artifacts: Artifacts, path: str = "", depth: int = 0) -> Iterable[tuple[int, FileInfo]]:
    """Every file and folder with its depth, folders before what is in them."""
    for file in artifacts.list(path):
        yield depth, file
        if file.is_dir:
            yield from files(artifacts, file.path, depth + 1)
