"""Event files, which TensorFlow's summary writers fill: what has been added to them since."""

from __future__ import annotations

import os
import re
import socket
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

import tensorflow as tf

_HEAD = struct.Struct("<QI")  # length of a record, and its checksum
_TAIL = 4  # bytes: the checksum of the record's data
_START = re.compile(r"events\.out\.tfevents\.\d+\.")


class Point(NamedTuple):
    """One value of a scalar: `time` in seconds since 1970."""

    time: float
    step: int
    tag: str
    value: float


class EventFiles:
    """The event files that this process fills in a folder, from now on.

    Args:
        folder: a path, as TensorFlow takes it.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.filled: set[str] = set()  # the paths of those that something has been added to
        self._read = {path: _size(path) for path in self._paths()}  # bytes

    @classmethod
    def since_ever(cls, folder: str) -> EventFiles:
        """What is in them already, too."""
        files = cls(folder)
        files._read.clear()
        return files

    def points(self) -> Iterator[Point]:
        """The scalars that have been added since the last time."""
        for path in self._paths():
            for data, end in _records(path, self._read.get(path, 0)):
                self._read[path] = end
                self.filled.add(path)
                yield from scalars(tf.compat.v1.Event.FromString(data))

    def _paths(self) -> Iterator[str]:
        """The event files in the folder, without those of other processes, as far as they say."""
        if not tf.io.gfile.isdir(self.folder):
            return
        host = socket.gethostname()
        for name in sorted(tf.io.gfile.listdir(self.folder)):
            if start := _START.match(name):
                process = re.match(r"\.(\d+)\.\d+(\.|$)", name[start.end() :].removeprefix(host))
                if process is None or int(process[1]) == os.getpid():
                    yield os.path.join(self.folder, name)


def scalars(event: Any) -> Iterator[Point]:
    """Those in one event."""
    for value in event.summary.value:
        number = _number(value)
        if number is not None:
            yield Point(event.wall_time, event.step, value.tag, number)


def is_scalar(metadata: bytes) -> bool:
    """Whether a summary that is described so is one."""
    about = tf.compat.v1.SummaryMetadata.FromString(metadata)
    return bool(about.plugin_data.plugin_name == "scalars")


def _records(path: str, start: int) -> Iterator[tuple[bytes, int]]:
    """Whole records of a file, each with the place where it ends."""
    size = _size(path)
    if size <= start:
        return
    with tf.io.gfile.GFile(path, "rb") as file:
        file.seek(start)
        while start + _HEAD.size <= size:
            length, _ = _HEAD.unpack(file.read(_HEAD.size))
            start += _HEAD.size + length + _TAIL
            if start > size:  # it is being written
                return
            yield file.read(length + _TAIL)[:-_TAIL], start


def _number(value: Any) -> float | None:
    """The value of a summary, if it is a scalar."""
    kind = value.WhichOneof("value")
    if kind == "simple_value":
        return float(value.simple_value)
    if kind != "tensor" or value.metadata.plugin_data.plugin_name != "scalars":
        return None
    tensor = value.tensor
    if tensor.dtype == tf.float32.as_datatype_enum and tensor.float_val:
        return float(tensor.float_val[0])
    return float(tf.make_ndarray(tensor))


def _size(path: str) -> int:
    return int(tf.io.gfile.stat(path).length)
