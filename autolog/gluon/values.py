"""Values that MXNet has still to compute: delivered by itself, so that nobody waits for it.

To ask an array for its numbers waits for MXNet, and takes away the error of what they are computed
from: MXNet raises each only once, and the training would go on without it. So MXNet is told to copy
each value into memory of ours that is then looked at: a number that has not come yet is one that no
computation gives.
"""

from __future__ import annotations

import ctypes
import time
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import mxnet as mx
import numpy as np
from mxnet.base import _LIB, check_call

from autolog.loops import values

if TYPE_CHECKING:
    from autolog.engine.recorder import Recorder

NOT_YET = 0x7FC0DEAD  # bits of a NaN that is not the one of computations
PATIENCE, LITTLE = 60.0, 2.0  # seconds without any value; the second if the training has failed


class Slot(NamedTuple):
    """Memory for one number: an array each, for an error of MXNet's stays with an array."""

    array: Any  # as MXNet sees it
    bits: Any  # as we do


class Mean(NamedTuple):
    """The mean of values: slot, factor and weight of each."""

    parts: list[tuple[Slot, float, int]]


_free: deque[Slot] = deque()


def sent(array: Any) -> Slot:
    """Have MXNet deliver the mean of an array, when it is computed."""
    slot = _free.popleft() if _free else _slot()
    array.detach().as_nd_ndarray().mean().copyto(slot.array)
    return slot


def _slot() -> Slot:
    array = mx.nd.array(np.full(1, NOT_YET, "uint32").view("float32"), mx.cpu(), "float32")
    address = ctypes.POINTER(ctypes.c_uint32)()
    check_call(_LIB.MXNDArrayGetData(array.handle, ctypes.byref(address)))
    return Slot(array, np.ctypeslib.as_array(address, (1,)))


class Values(values.Values):
    """Takes numbers, and those that were `sent`.

    Args:
        run: where they go.
    """

    def __init__(self, run: Recorder) -> None:
        super().__init__(run)
        self._last = 0.0  # when the last number came

    def read(self, values: Sequence[Any], marks: Any) -> list[float | None]:
        """The values as numbers; None for what never came."""
        self._last = time.monotonic()
        return [self._number(one) for one in values]

    def _number(self, value: Any) -> float | None:
        if isinstance(value, Slot):
            return self._arrived(value)
        if not isinstance(value, Mean):
            return float(value)
        sums, weights = 0.0, 0
        for slot, factor, weight in value.parts:
            number = self._arrived(slot)
            if number is None:
                return None
            sums, weights = sums + number * factor * weight, weights + weight
        return sums / weights

    def _arrived(self, slot: Slot) -> float | None:
        """The number, as soon as it has come."""
        while slot.bits[0] == NOT_YET:
            patience = LITTLE if self.failed else PATIENCE
            if time.monotonic() - self._last > patience:
                return None  # it may still come: its memory is not used again
            time.sleep(0.001)
            if slot.bits[0] != NOT_YET:
                self._last = time.monotonic()
        number = float(slot.bits.view("float32")[0])
        slot.bits[0] = NOT_YET
        _free.append(slot)
        return number
