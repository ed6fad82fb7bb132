"""Metric values that are still on their device: kept as they are, read together in the background."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from autolog.engine.recorder import Recorder

MOST = 500  # rows held at a time: a value takes 512 bytes of a GPU's memory
LONGEST = 500  # ms until a value is read, as long as more of them come

Row = tuple[int, int, Mapping[str, Any]]  # step, time in ms since 1970, values by name


def kept(tensor: Any) -> Any:
    """A tensor's value to be read later: no graph is kept, and nothing waits for a device.

    What the training does to the tensor afterwards, such as adding to it, does not change it.
    """
    return tensor.detach().clone()


class Values:
    """Takes values as the training has them, and never waits for a device to give them.

    Args:
        run: where they go.
    """

    def __init__(self, run: Recorder) -> None:
        self.run = run
        self._rows: list[Row] = []
        self._since = 0
        self._streams: dict[Any, Any] = {}  # by device: where the last value is computed
        self._flushing = threading.Lock()  # who reads a run flushes too, in any thread

    def add(self, step: int, values: Mapping[str, Any]) -> None:
        """Take the values of one step, and have them read when it is time to."""
        if self.take(step, values):
            self.flush()

    def take(self, step: int, values: Mapping[str, Any]) -> bool:
        """Take the values of one step: numbers, tensors of one element, or lists of them to sum up.

        A tensor must not be changed in place by the training later on; see `kept`.

        Returns:
            Whether it is time to `flush`.
        """
        now = time.time_ns() // 1_000_000
        rows = self._rows
        if not rows:
            self._since = now
        if torch.cuda.is_initialized():
            self._note_streams(values)
        rows.append((step, now, values))
        return now - self._since > LONGEST or len(rows) >= MOST

    def _note_streams(self, values: Mapping[str, Any]) -> None:
        for value in values.values():
            tensor = value[-1] if type(value) is list else value
            if isinstance(tensor, torch.Tensor) and tensor.is_cuda:
                self._streams[tensor.device] = torch.cuda.current_stream(tensor.device)

    def flush(self) -> None:
        """Have all that was taken so far read and written in the background."""
        with self._flushing:
            rows = self._rows[:]
            del self._rows[: len(rows)]  # the training may have added to them meanwhile
            if rows:
                marks = {device: one.record_event() for device, one in self._streams.items()}
                self.run.later(write, self.run, rows, marks)


def write(run: Recorder, rows: Sequence[Row], marks: Mapping[Any, Any] = {}) -> None:
    """Read all values of some steps, and write them.

    Args:
        run: where to.
        rows: the steps.
        marks: what each GPU has to reach before its values are there.
    """
    parts = [_parts(value) for _, _, values in rows for value in values.values()]
    numbers = iter(read([part for some in parts for part in some], marks))
    sums = iter([sum(next(numbers) for _ in some) for some in parts])
    run.log_steps([(step, at, {name: next(sums) for name in values}) for step, at, values in rows])


def read(values: Sequence[Any], marks: Mapping[Any, Any]) -> list[float]:
    """The values as numbers: one transfer for each device and type, however many there are."""
    numbers = [0.0] * len(values)
    alike: dict[tuple[Any, Any], list[int]] = {}
    for place, value in enumerate(values):
        if isinstance(value, torch.Tensor):
            alike.setdefault((value.device, value.dtype), []).append(place)
        else:
            numbers[place] = float(value)
    for (device, _), places in alike.items():
        some = [values[place].detach().reshape(()) for place in places]
        for place, number in zip(places, _fetched(some, marks.get(device)), strict=True):
            numbers[place] = number
    return numbers


def _fetched(tensors: list[Any], mark: Any) -> list[float]:
    if mark is None:
        found: list[float] = torch.stack(tensors).tolist()
        return found
    # A stream of our own waits for the values, not for what the GPU was told to do since.
    stream = torch.cuda.Stream(tensors[0].device)
    stream.wait_event(mark)
    with torch.cuda.stream(stream):
        found = torch.stack(tensors).tolist()
    return found


def _parts(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
