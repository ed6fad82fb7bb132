"""The points of metrics: one file per metric, one line per point, each point once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from core_client.stores.file.layout import make_room
from core_client.stores.values import Unfit

_MOST_FILES = 100_000  # files of which the end is remembered


class Point(NamedTuple):
    """A point in the order of a history; NaN is a flag, so that points can be compared."""

    timestamp: int
    step: int
    value: float
    is_nan: bool

    def number(self) -> float:
        """The value itself."""
        return float("nan") if self.is_nan else self.value

    def recency(self) -> tuple[int, int, float, bool]:
        """Of a metric's points, the one with the greatest is its latest value."""
        return (self.step, self.timestamp, self.value, self.is_nan)

    def line(self) -> bytes:
        """The point as MLflow writes it."""
        return b"%d %s %d\n" % (self.timestamp, repr(self.number()).encode(), self.step)


class _Known(NamedTuple):
    """What has been read of a file so far."""

    size: int
    newest: tuple[int, int]  # the greatest timestamp and step
    latest: Point | None


_NOTHING = _Known(0, (-(2**63), -(2**63)), None)


class PointFiles:
    """Reads and extends the files. A file is only ever appended to, so it is read once."""

    def __init__(self) -> None:
        self._known: dict[Path, _Known] = {}

    def latest(self, path: Path) -> float | None:
        """The latest value; None while there is no point."""
        point = self._look(path).latest
        return point.number() if point else None

    def add(self, path: Path, points: Iterable[Point]) -> None:
        """Append those points that are not there yet.

        Raises:
            Unfit: there is a folder of that name.
        """
        make_room(path)
        known = self._look(path)
        wanted = dict.fromkeys(points)
        if min(point[:2] for point in wanted) <= known.newest:
            for there in read_points(path):
                wanted.pop(there, None)
        if not wanted:
            return
        try:
            file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o666)
        except IsADirectoryError:
            raise Unfit(f"'{path.name}' is the beginning of other metrics' keys.") from None
        try:
            data = b"".join(point.line() for point in wanted)
            end = known.size  # where the last whole line ends
            os.ftruncate(file, end)
            written = os.pwrite(file, data, end)
            if written != len(data):
                os.ftruncate(file, end)
                raise OSError(28, os.strerror(28))
        finally:
            os.close(file)
        self._remember(path, _extended(known, wanted, end + len(data)))

    def _look(self, path: Path) -> _Known:
        known = self._known.get(path, _NOTHING)
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            return _NOTHING
        if size < known.size:
            known = _NOTHING
        if size > known.size and path.is_file():
            for point, end in _read(path, known.size):
                known = _extended(known, [point] if point else [], end)
            self._remember(path, known)
        return known

    def _remember(self, path: Path, known: _Known) -> None:
        if len(self._known) > _MOST_FILES:
            self._known.clear()
        self._known[path] = known


def _extended(known: _Known, points: Iterable[Point], size: int) -> _Known:
    newest, latest = known.newest, known.latest
    for point in points:
        newest = max(newest, point[:2])
        latest = max(latest, point, key=Point.recency) if latest else point
    return _Known(size, newest, latest)


def read_points(path: Path) -> Iterator[Point]:
    """All points, in the order of the file. Raises FileNotFoundError."""
    return (point for point, _ in _read(path, 0) if point)


def _read(path: Path, start: int) -> Iterator[tuple[Point | None, int]]:
    """What each line from an offset on holds, with the offset of the next line."""
    with path.open("rb") as file:
        file.seek(start)
        for line in file:
            if not line.endswith(b"\n"):
                return  # it is being written
            start += len(line)
            try:
                timestamp, value, *rest = line.split()
                number = float(value)
                step = int(rest[0]) if len(rest) in (1, 3) else 0
                is_nan = number != number
                yield Point(int(timestamp), step, 0.0 if is_nan else number, is_nan), start
            except ValueError:
                yield None, start
