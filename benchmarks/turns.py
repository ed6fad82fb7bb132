"""Two trainings in turns of a tenth of a second: a machine that slows down favours neither."""

from __future__ import annotations

import contextlib
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
            train: is given what to call every so often.
            afterwards: is called in the last turn, and not counted.
        """
        self._seconds = 0.0
        self._begin()
        train(self._next)
        self._end()
        afterwards()
        self.over()
        return self._seconds

    def over(self) -> None:
        """It is the other one's turn, unless that has had its last."""
        with contextlib.suppress(BrokenPipeError):
            self._other.sendall(b".")

    def _next(self) -> None:
        self._end()
        self.over()
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
        train: trains, and calls what it is given every so often.
        library: what records, `autolog` or `mlflow`.
        rounds: trainings of each kind.
        options: of the library's `pytorch.autolog`.

    Raises:
        RuntimeError: one of the two has failed, such as for having recorded nothing.
    """
    # A process and the one that it forks do not share their memory evenly: neither trains here.
    ours, theirs = socket.socketpair()
    bare = _forked(lambda: _bare(train, rounds, Turns(ours)), without=theirs)
    recorded = _forked(
        lambda: _recorded(train, rounds, Turns(theirs), library, options or {}), without=ours
    )
    ours.close()
    theirs.close()
    return list(zip(bare(), recorded(), strict=True))


def _forked(work: Callable[[], list[float]], without: socket.socket) -> Callable[[], list[float]]:
    """Begin some work in a process of its own; what is returned waits for its result."""
    reading, writing = os.pipe()
    if not os.fork():
        try:
            without.close()  # else nobody sees that the other process is gone
            answer = {"seconds": work()}
        except Exception as error:  # noqa: BLE001 - it is raised again where it is waited for
            answer = {"error": repr(error)}
        os.write(writing, json.dumps(answer).encode())
        os._exit(0)
    os.close(writing)

    def result() -> list[float]:
        with os.fdopen(reading) as pipe:
            answer = json.load(pipe)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["seconds"]

    return result


def _bare(train: Train, rounds: int, turns: Turns) -> list[float]:
    train(lambda: None)
    turns.over()  # the first turn is not ours
    return [turns.seconds(train, lambda: None) for _ in range(rounds)]


def _recorded(
    train: Train, rounds: int, turns: Turns, library: str, options: Mapping[str, Any]
) -> list[float]:
    mlflow: Any = importlib.import_module(library)
    mlflow.pytorch.autolog(silent=True, **options)
    train(lambda: None)
    mlflow.flush_async_logging()
    seconds = [turns.seconds(train, mlflow.flush_async_logging) for _ in range(rounds)]
    if not mlflow.search_runs(search_all_experiments=True, output_format="list"):
        raise RuntimeError("nothing recorded")
    return seconds
