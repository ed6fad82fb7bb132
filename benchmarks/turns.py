"""Two trainings in turns of a few milliseconds each: a machine that slows down favours neither."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable

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
    train: Train, record: Callable[[], Callable[[], object]], rounds: int
) -> list[tuple[float, float]]:
    """Seconds of the same training without and with recording, of each round.

    Args:
        train: trains, and calls what it is given every few milliseconds.
        record: switches the recording on, and gives what waits until all is written.
        rounds: trainings of each kind.
    """
    (ours, to_us), (theirs, to_them), (results, to_results) = os.pipe(), os.pipe(), os.pipe()
    if not os.fork():
        train(lambda: None)
        turns = Turns(theirs, to_us)
        bare = [turns.seconds(train, lambda: None) for _ in range(rounds)]
        os.write(to_results, json.dumps(bare).encode())
        sys.stdout.flush()
        os._exit(0)
    written = record()
    train(lambda: None)
    written()
    os.write(to_us, b".")
    turns = Turns(ours, to_them)
    recorded = [turns.seconds(train, written) for _ in range(rounds)]
    return list(zip(json.loads(os.read(results, 65536)), recorded, strict=True))
