"""A bar for what takes long, where a person watches."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def bar(label: str, total: int | None, in_bytes: bool = False) -> Iterator[Callable[[int], object]]:
    """While the body works, show on a terminal how far it is.

    Args:
        label: what is done.
        total: how much there is to do, if that is known.
        in_bytes: it is bytes that are counted.

    Yields:
        What is to be told how much has been done until now.
    """
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TransferSpeedColumn,
    )

    counts = (DownloadColumn(), TransferSpeedColumn()) if in_bytes else (MofNCompleteColumn(),)
    columns = TextColumn(label), BarColumn(), *counts
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=total)
        yield lambda done: progress.update(task, completed=done)
