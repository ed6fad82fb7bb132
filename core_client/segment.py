"""One file of the spool as it is read: its events, from where the last reader stopped."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from core_client.events import (
    Event,
    RunEnded,
    RunInherited,
    RunResumed,
    RunStarted,
    decode,
    decode_lines,
)
from core_client.report import warn

CHUNK = 512 * 1024  # bytes read and decoded at a time
SUFFIX = ".events"


def writer(path: Path) -> str:
    """What the names of all segments of one writer end with; they begin with a time."""
    return path.name.partition("-")[2]


def later_ones(path: Path) -> list[Path]:
    """The segments that the writer of this one began after it, as far as they are there."""
    return [one for one in path.parent.glob(f"*-{writer(path)}") if one > path]


class Header(msgspec.Struct, tag="autolog-spool-1", array_like=True):
    """The first line of a segment: who writes it, and for which store (never a password)."""

    host: str
    pid: int
    uri: str


class Chunk(msgspec.Struct):
    """A piece of a segment: `end` is the offset behind it."""

    end: int
    events: list[Event] = []
    broken: list[tuple[bytes, str]] = []


class Segment:
    """A reader of one segment, written by this process or by another one.

    Raises:
        msgspec.DecodeError: the first line is not a header of ours.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.open_runs: set[str] = set()
        with path.open("rb") as file:
            self.header = msgspec.json.decode(file.readline(), type=Header)
            self.offset = file.tell()
        self._file = path.open("rb")
        self._offset_file = path.with_suffix(".offset")
        sent = int(self._offset_file.read_bytes() or 0) if self._offset_file.exists() else 0
        while self.offset < sent and (chunk := self.read(min(CHUNK, sent - self.offset))):
            self.offset = chunk.end  # read only to learn which runs these events left open

    def read(self, size: int = CHUNK) -> Chunk | None:
        """What follows, up to `size` bytes; None at the end. An unfinished line is not there yet."""
        data = os.pread(self._file.fileno(), size, self.offset)
        lines = data[: data.rfind(b"\n") + 1]
        if not lines:
            return self.read(2 * size) if len(data) == size else None
        chunk = Chunk(self.offset + len(lines))
        try:
            chunk.events = decode_lines(lines)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._decode_one_by_one(lines, chunk)
        for number, event in enumerate(chunk.events):
            if isinstance(event, (RunStarted, RunResumed)):
                self.open_runs.add(event.run_id)
            elif isinstance(event, RunEnded):
                self.open_runs.discard(event.run_id)
            elif isinstance(event, RunInherited):
                chunk.events[number] = event.start
        return chunk

    def sent(self, offset: int) -> None:
        """Remember that everything before this offset has reached the store."""
        fd = os.open(self._offset_file, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.pwrite(fd, b"%020d" % offset, 0)
        finally:
            os.close(fd)
        self.offset = offset

    def last_write(self) -> int:
        """When the writer was last heard of, in ms since 1970."""
        return os.fstat(self._file.fileno()).st_mtime_ns // 1_000_000

    def set_aside(self, line: bytes, reason: str) -> None:
        """Keep a line that cannot be sent in a file beside the segment, and say so."""
        path = self.path.with_suffix(".refused")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file:
            file.write(line.rstrip(b"\n") + b"\n")
        warn(f"{reason} What was refused is kept in '{path}'; everything else was recorded.")

    def close(self) -> None:
        """Close the files; the segment stays."""
        self._file.close()

    def remove(self) -> None:
        """Everything has been sent: close and delete the files."""
        self.path.unlink(missing_ok=True)
        self._offset_file.unlink(missing_ok=True)
        self.close()

    def _decode_one_by_one(self, lines: bytes, chunk: Chunk) -> None:
        for line in lines.splitlines():
            try:
                chunk.events.append(decode(line))
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                chunk.broken.append((line, f"A line of '{self.path}' is broken: {error}."))
