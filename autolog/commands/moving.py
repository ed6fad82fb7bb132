"""`autolog sync --from URI --to URI`: a whole store into another one, with an account of it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from core_client.move import Moved


def move_store(source: str, target: str) -> None:
    """Move it, and say which runs are not alike afterwards; then the exit code is 1."""
    from autolog.terminal import Terminal
    from core_client.move import move

    counts = {True: 0, False: 0}
    wrong = []
    with _counting(move(source, target)) as reports:
        for report in reports:
            if report.problem:
                wrong.append(report)
            else:
                counts[report.news] += 1
    terminal = Terminal()
    terminal.line(f"{_runs(counts[True])} moved, and read back alike")
    if counts[False]:
        terminal.line(f"{_runs(counts[False])} there already")
    for report in wrong:
        terminal.line(f"not moved as it is: {report.run_id} in '{report.experiment}'")
        terminal.line(f"  {report.problem}")
    if wrong:
        raise SystemExit(1)


@contextlib.contextmanager
def _counting(reports: Iterator[Moved]) -> Iterator[Iterable[Moved]]:
    """The same with a count that grows, where a person watches."""
    if not sys.stderr.isatty():
        yield reports
        return
    with click.progressbar(reports, label="Runs", show_pos=True, file=sys.stderr) as bar:
        yield bar


def _runs(count: int) -> str:
    return f"{count:,} run{' was' if count == 1 else 's were'}"
