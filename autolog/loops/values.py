"""Values as a training has them, perhaps still on a device: read in the background, many at once."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autolog.engine.recorder import Recorder

MOST = 500  # rows held at a time: a value takes 512 bytes of a GPU's memory
LONGEST = 500_000_000  # ns until a value is read, as long as more of them come

Row = tuple[int, int, Mapping[str, Any]]  # step, time in ns since 1970, values by name


class Values(ABC):
    """Takes values as the training has them, and never waits for a device to give them.

    Args:
        run: where they go.
    """

    def __init__(self, run: Recorder) -> None:
        self.run = run
        self._rows: list[Row] = []
        self.failed = False
        self._due = 0  # when they are to be read, in ns since 1970
        self._flushing = threading.Lock()  # who reads a run flushes too, in any thread

    def add(self, step: int, values: Mapping[str, Any]) -> None:
        """Take the values of one step, and have them read when it is time to."""
        if self.take(step, values):
            self.flush()

    def take(self, step: int, values: Mapping[str, Any]) -> bool:
        """Take the values of one step, as far as they need it `Library.kept` before.

        Returns:
            Whether it is time to `flush`.
        """
        at = time.time_ns()
        rows = self._rows
        if not rows:
            self._due = at + LONGEST
        rows.append((step, at, values))
        return at > self._due or len(rows) >= MOST

    def flush(self) -> None:
        """Have all that was taken so far read and written in the background."""
        with self._flushing:
            rows = self._rows[:]
            del self._rows[: len(rows)]  # the training may have added to them meanwhile
            if rows:
                self.run.later(self.write, rows, self.marks())

    def write(self, rows: Sequence[Row], marks: Any) -> None:
        """Read all values of some steps, and write them; in the background."""
        asked = [value for _, _, values in rows for value in values.values()]
        numbers = iter(self.read(asked, marks))
        self.run.log_steps(
            [(step, at // 1_000_000, _named(values, numbers)) for step, at, values in rows]
        )

    def marks(self) -> Any:
        """What each device has to reach before the values taken so far are there."""
        return None

    @abstractmethod
    def read(self, values: Sequence[Any], marks: Any) -> Sequence[float | None]:
        """The values as numbers; None for one that never came."""

    def give_up(self) -> None:
        """The training has failed: values that have not come yet may never come."""
        self.failed = True


def _named(names: Iterable[str], numbers: Iterator[float | None]) -> dict[str, float]:
    """The next numbers by these names, without those that never came."""
    return {name: one for name, one in zip(names, numbers, strict=False) if one is not None}
