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


class Header(msgspec.Struct, tag="autolog-spool-1", array_like=True):
    """The first line of a segment: who writes it, and for which store (never a password)."""

    host: str
    pid: int
    uri: str


class Segment:
    """A reader of one segment, written by this process or by another one.

    Raises:
        msgspec.DecodeError: the first line is not a header of ours.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.open_runs: set[str] = set()
        self._file = path.open("rb")
        self.header = msgspec.json.decode(self._file.readline(), type=Header)
        self._offset_file = os.open(path.with_suffix(".offset"), os.O_RDWR | os.O_CREAT, 0o600)
        self.offset = self._file.tell()
        sent = int(os.pread(self._offset_file, 20, 0) or 0)
        while self.offset < sent:  # only to learn which runs those events left open
            self.offset = self.read(min(CHUNK, sent - self.offset))[1]

    def read(self, size: int = CHUNK) -> tuple[list[Event], int]:
        """The next events, and the offset behind them; no events at the end of the file.

        A line without its end is not there yet. A broken line is set aside with a warning.
        """
        data = os.pread(self._file.fileno(), size, self.offset)
        end = data.rfind(b"\n") + 1
        if not end and len(data) == size:
            return self.read(2 * size)
        try:
            events = decode_lines(data[:end])
        except (msgspec.DecodeError, UnicodeDecodeError):
            events = self._decode_one_by_one(data[:end])
        for event in events:
            if isinstance(event, (RunStarted, RunResumed)):
                self.open_runs.add(event.run_id)
            elif isinstance(event, RunEnded):
                self.open_runs.discard(event.run_id)
        told = [event.start if isinstance(event, RunInherited) else event for event in events]
        return told, self.offset + end

    def sent(self, offset: int) -> None:
        """Remember that everything before this offset has reached the store."""
        os.pwrite(self._offset_file, b"%020d" % offset, 0)
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
        os.close(self._offset_file)

    def remove(self) -> None:
        """Everything has been sent: delete the files."""
        self.path.unlink(missing_ok=True)
        self.path.with_suffix(".offset").unlink(missing_ok=True)

    def _decode_one_by_one(self, lines: bytes) -> list[Event]:
        events = []
        for line in lines.splitlines(keepends=True):
            try:
                events.append(decode(line))
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                self.set_aside(line, f"A line of '{self.path}' is broken ({error}).")
        return events
