"""Two trainings in turns of a few milliseconds each: a machine that slows down favours neither."""

from __future__ import annotations

import importlib
import json
import os
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any

Train = Callable[[Callable[[], None]], object]


class Turns:
    """One of two processes that train in turns.

    Args:
        other: leads to the other one; a byte goes there when a turn is over.
    """

    def __init__(self, other: socket.socket) -> None:
        self._other = other
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
        self._other.sendall(b".")
        return self._seconds

    def _next(self) -> None:
        self._end()
        self._other.sendall(b".")
        self._begin()

    def _begin(self) -> None:
        if not self._other.recv(1):
            raise RuntimeError("the other process is gone")
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
    ours, theirs = socket.socketpair()
    if not os.fork():
        ours.close()
        try:
            train(lambda: None)
            theirs.sendall(b".")  # the first turn is not ours
            turns = Turns(theirs)
            bare = [turns.seconds(train, lambda: None) for _ in range(rounds)]
            theirs.sendall(json.dumps(bare).encode())
        finally:
            os._exit(0)
    theirs.close()
    mlflow: Any = importlib.import_module(library)
    mlflow.pytorch.autolog(silent=True, **(options or {}))
    train(lambda: None)
    mlflow.flush_async_logging()
    turns = Turns(ours)
    recorded = [turns.seconds(train, mlflow.flush_async_logging) for _ in range(rounds)]
    if not mlflow.search_runs(search_all_experiments=True, output_format="list"):
        raise RuntimeError("nothing recorded")
    with ours.makefile("rb") as file:
        bare = json.loads(file.read().lstrip(b"."))  # after the byte for the last turn
    return list(zip(bare, recorded, strict=True))
