"""Runs side by side: a line for each param that differs and each metric, a column for each run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.text import Text

from autolog.terminal import STYLES, Terminal, middle
from core_client.entities import Run
from core_client.readable import duration, number, printable

LABEL = 26  # characters for the names of params and metrics
NARROWEST = 14  # characters for a run's values


def compared(values: Sequence[Mapping[str, object]]) -> tuple[list[str], list[str]]:
    """The keys whose values differ, and those that are the same everywhere."""
    keys = sorted({key for some in values for key in some})
    same = [key for key in keys if len({some.get(key) for some in values}) == 1]
    return [key for key in keys if key not in same], same


def print_comparison(terminal: Terminal, runs: Sequence[Run]) -> None:
    """Print the runs side by side; those for which a terminal has no room come below."""
    together = max(1, (terminal.width - LABEL) // (NARROWEST + 2))
    most = (terminal.width - LABEL) // min(together, len(runs)) - 2
    differing, same = compared([one.data.params for one in runs])
    for start in range(0, len(runs), together):
        if start:
            terminal.heading("")
        _print(terminal, runs[start : start + together], differing, most)
    if same:
        terminal.faint(f"The same everywhere: {', '.join(same)}")


def _print(terminal: Terminal, runs: Sequence[Run], params: Sequence[str], most: int) -> None:
    def cut(text: object, length: int = most) -> Text:
        whole = printable(text)
        return Text(middle(whole, length) if terminal.interactive else whole, no_wrap=True)

    infos = [one.info for one in runs]
    rows: list[list[object]] = [
        [Text("id", "dim"), *(one.run_id[: terminal.id_length] for one in infos)],
        [Text("status", "dim"), *(Text(one.status, STYLES.get(one.status, "")) for one in infos)],
        [Text("started", "dim"), *(terminal.moment(one.start_time) for one in infos)],
        [Text("duration", "dim"), *(duration(one.start_time, one.end_time) for one in infos)],
    ]
    for key in params:
        rows.append([cut(key, LABEL - 2), *(cut(one.data.params.get(key, "")) for one in runs)])
    for key in sorted({key for one in runs for key in one.data.metrics}):
        values = [one.data.metrics.get(key) for one in runs]
        rows.append(
            [cut(key, LABEL - 2), *("" if value is None else number(value) for value in values)]
        )
    names = [cut(one.run_name).plain for one in infos]
    terminal.print(terminal.table(("", *names), rows))
