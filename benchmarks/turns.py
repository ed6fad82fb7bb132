"""Two trainings in turns of a few milliseconds each: a machine that slows down favours neither."""

from __future__ import annotations

import importlib
import json
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

Train = Callable[[Callable[[], None]], object]


class Turns:
    """One of two processes that train in turns.

    Args:
        hears: file descriptor from which a byte comes for each turn.
        tells: file descriptor to which it goes when the turn is over.
    """

    def __init__(self, hears: int, tells: int) -> None:
        self._hears, self._tells = hears, tells
        self._seconds = self._since = 0.0

    def seconds(self, train: Train, afterwards: Callable[[], object]) -> float:
        """How long a training takes in its own turns.

        Args:
            train: is given what to call every few milliseconds.
            afterwards: is called in the last turn, and not counted.
        """
        self._seconds = 0.0
        self._begin()
        train(self._next)
        self._end()
        afterwards()
        os.write(self._tells, b".")
        return self._seconds

    def _next(self) -> None:
        self._end()
        os.write(self._tells, b".")
        self._begin()

    def _begin(self) -> None:
        os.read(self._hears, 1)
        self._since = time.perf_counter()

    def _end(self) -> None:
        self._seconds += time.perf_counter() - self._since


def bare_and_recorded(
    train: Train, library: str, rounds: int, options: Mapping[str, Any] | None = None
) -> list[tuple[float, float]]:
    """Seconds of the same training in PyTorch without and with recording, of each round.

    Args:
        train: trains, and calls what it is given every few milliseconds.
        library: what records, `autolog` or `mlflow`.
        rounds: trainings of each kind.
        options: of the library's `pytorch.autolog`.

    Raises:
        RuntimeError: nothing was recorded.
    """
    (ours, to_us), (theirs, to_them), (results, to_results) = os.pipe(), os.pipe(), os.pipe()
    if not os.fork():
        train(lambda: None)
        turns = Turns(theirs, to_us)
        bare = [turns.seconds(train, lambda: None) for _ in range(rounds)]
        os.write(to_results, json.dumps(bare).encode())
        os._exit(0)
    mlflow: Any = importlib.import_module(library)
    mlflow.pytorch.autolog(silent=True, **(options or {}))
    train(lambda: None)
    mlflow.flush_async_logging()
    os.write(to_us, b".")
    turns = Turns(ours, to_them)
    recorded = [turns.seconds(train, mlflow.flush_async_logging) for _ in range(rounds)]
    if not mlflow.search_runs(search_all_experiments=True, output_format="list"):
        raise RuntimeError("nothing recorded")
    return list(zip(json.loads(os.read(results, 65536)), recorded, strict=True))
