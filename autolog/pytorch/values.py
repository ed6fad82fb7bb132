"""Metric values that are still on their device: kept as they are, read together in the background."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from core_client.run import now

if TYPE_CHECKING:
    from autolog.engine.recorder import Recorder

MOST = 500  # rows held at a time: a value takes 512 bytes of a GPU's memory
LONGEST = 0.5  # seconds until a value is read, as long as more of them come

Row = tuple[int, int, dict[str, Any]]  # step, time in ms since 1970, values by name


class Values:
    """Takes values as the training has them, and never waits for a device to give them.

    Args:
        run: where they go.
    """

    def __init__(self, run: Recorder) -> None:
        self.run = run
        self._rows: list[Row] = []
        self._since = 0.0

    def add(self, step: int, values: Mapping[str, Any]) -> None:
        """Take the values of one step: numbers, or tensors of one element.

        A tensor must not be changed in place by the training later on.
        """
        clock = time.monotonic()
        if not self._rows:
            self._since = clock
        self._rows.append((step, now(), dict(values)))
        if len(self._rows) >= MOST or clock - self._since > LONGEST:
            self.flush()

    def flush(self) -> None:
        """Have all that was taken so far read and written in the background."""
        rows, self._rows = self._rows, []
        if rows:
            self.run.later(write, self.run, rows, _mark(rows))


def write(run: Recorder, rows: Sequence[Row], mark: Any = None) -> None:
    """Read all values of some steps, and write them.

    Args:
        run: where to.
        rows: the steps.
        mark: what their device has to reach before they are there.
    """
    if mark is not None:
        mark.synchronize()
    numbers = iter(read([value for _, _, values in rows for value in values.values()]))
    for step, timestamp, values in rows:
        run.log_metrics({name: next(numbers) for name in values}, step, timestamp)


def read(values: Sequence[Any]) -> list[float]:
    """The values as numbers: one transfer for each device and type, however many there are."""
    numbers = [0.0] * len(values)
    alike: dict[tuple[Any, Any], list[int]] = {}
    for place, value in enumerate(values):
        if isinstance(value, torch.Tensor):
            alike.setdefault((value.device, value.dtype), []).append(place)
        else:
            numbers[place] = float(value)
    for places in alike.values():
        together = torch.stack([values[place].detach().reshape(()) for place in places])
        for place, number in zip(places, together.tolist(), strict=True):
            numbers[place] = number
    return numbers


def _mark(rows: Sequence[Row]) -> Any:
    """A point in what the GPU was told to do so far; None where no GPU is concerned."""
    if not any(
        isinstance(value, torch.Tensor) and value.is_cuda
        for _, _, values in rows
        for value in values.values()
    ):
        return None
    mark = torch.cuda.Event()
    mark.record()
    return mark
