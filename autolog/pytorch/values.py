"""Values in tensors: kept on their device as they are, and fetched together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import torch

from autolog.loops import values
from autolog.pytorch.captures import apart

if TYPE_CHECKING:
    from autolog.engine.recorder import Recorder

HAS_CUDA = torch.backends.cuda.is_built()


def kept(tensor: Any) -> Any:
    """A tensor's value to be read later: no graph is kept, and nothing waits for a device.

    What the training does to the tensor afterwards, such as adding to it, does not change it.
    """
    return tensor.detach().clone()


class Values(values.Values):
    """Takes numbers, tensors of one element that are `kept`, and lists of them to be summed up.

    Args:
        run: where they go.
    """

    def __init__(self, run: Recorder) -> None:
        super().__init__(run)
        self._streams: dict[Any, set[Any]] = {}  # by device: where values are computed

    if HAS_CUDA:  # else nothing is to be noted, after each step

        def take(self, step: int, values: Mapping[str, Any]) -> bool:
            """Take the values of one step; True if it is time to `flush`."""
            self._note_streams(values)
            return super().take(step, values)

    def _note_streams(self, values: Mapping[str, Any]) -> None:
        for value in values.values():
            tensor = value[-1] if type(value) is list else value
            if isinstance(tensor, torch.Tensor) and tensor.is_cuda:
                streams = self._streams.setdefault(tensor.device, set())
                streams.add(torch.cuda.current_stream(tensor.device))

    def marks(self) -> dict[Any, list[Any]]:
        """Events on each GPU: what it has to reach before its values are there."""
        return {
            device: [stream.record_event() for stream in list(streams)]
            for device, streams in list(self._streams.items())
        }

    def read(self, values: Sequence[Any], marks: Mapping[Any, Any]) -> list[float]:
        """The values as numbers: one transfer for each device and type, however many there are."""
        numbers = [0.0] * len(values)
        elsewhere: dict[tuple[Any, Any], list[tuple[int, Any]]] = {}
        for place, value in enumerate(values):
            for one in value if type(value) is list else (value,):
                if not isinstance(one, torch.Tensor):
                    numbers[place] += float(one)
                elif one.is_cpu:
                    numbers[place] += one.item()  # there is nothing to wait for
                else:
                    elsewhere.setdefault((one.device, one.dtype), []).append((place, one))
        for (device, _), some in elsewhere.items():
            tensors = [one.detach().reshape(()) for _, one in some]
            for (place, _), number in zip(some, _fetched(tensors, marks.get(device)), strict=True):
                numbers[place] += number
        return numbers


def _fetched(tensors: list[Any], marks: Sequence[Any] | None) -> list[float]:
    if marks is None:
        found: list[float] = torch.stack(tensors).tolist()
        return found
    # A stream of our own waits for the values, not for what the GPU was told to do since.
    stream = _stream(tensors[0].device)
    with apart():
        for mark in marks:
            stream.wait_event(mark)
        with torch.cuda.stream(stream):
            found = torch.stack(tensors).tolist()
    return found


@cache
def _stream(device: Any) -> Any:
    """The stream on which values are read from one GPU."""
    return torch.cuda.Stream(device)
