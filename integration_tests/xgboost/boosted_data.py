"""Small data for trainings of boosted trees, and a look at what they leave behind, and where."""

from __future__ import annotations

import gc
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import sqlalchemy
from matplotlib.figure import Figure

import autolog
from core_client import client
from core_client.settings import home

_random = np.random.RandomState(0)
X = _random.rand(300, 5)
Y = (X[:, 0] + X[:, 1] + 0.3 * _random.rand(300) > 1.1).astype(int)
CLASSES = np.digitize(X[:, 0] + X[:, 1], [0.7, 1.3])
TARGET = X @ np.arange(5.0) + _random.rand(300)
TRAIN, VALID = slice(0, 200), slice(200, 300)


def curve(run: Any, key: str) -> tuple[list[int], list[float]]:
    """Steps and values of a metric."""
    history = client.Client().get_metric_history(run.info.run_id, key)
    return [point.step for point in history], [point.value for point in history]


# Of one training: the rounds after which what is held is measured.
EARLY, LATE = 200, 1200
MOST_GROWTH = 50_000  # bytes; a point of each round kept would be several times that


def held_by_us() -> int:
    """Bytes of all objects made by our code that are alive."""
    autolog.flush_async_logging()
    gc.collect()  # the last batch that went to the store, however large it was
    ours = [tracemalloc.Filter(True, f"*/{package}/*") for package in ("autolog", "core_client")]
    snapshot = tracemalloc.take_snapshot().filter_traces(ours)
    return sum(trace.size for trace in snapshot.traces)


def rounds_on_disk() -> int:
    """How often metrics were written to the spool."""
    return sum(file.read_bytes().count(b'\n["m"') for file in home().glob("spool/*/*.events"))


@contextmanager
def at_work() -> Iterator[dict[str, set[str]]]:
    """Which threads ask the database and draw figures while the block lasts."""
    threads: dict[str, set[str]] = {"database": set(), "figures": set()}

    def asked(*_: Any) -> None:
        threads["database"].add(threading.current_thread().name)

    def watched(method: Callable[..., None]) -> Callable[..., None]:
        def drawn(self: Figure, *args: Any, **kwargs: Any) -> None:
            threads["figures"].add(threading.current_thread().name)
            method(self, *args, **kwargs)

        return drawn

    sqlalchemy.event.listen(sqlalchemy.Engine, "before_cursor_execute", asked)
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name in ("__init__", "savefig"):
                patch.setattr(Figure, name, watched(getattr(Figure, name)))
            yield threads
    finally:
        sqlalchemy.event.remove(sqlalchemy.Engine, "before_cursor_execute", asked)


LARGE = np.random.RandomState(0).rand(50_000, 20)
MOST_BESIDE = LARGE.nbytes / 2


def peak(train: Callable[[Any], object], data: Any) -> int:
    """The most memory, in bytes, that Python and numpy have taken at once for a training."""
    tracemalloc.start()
    try:
        train(data)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
