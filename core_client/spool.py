"""The queue is a file: what was appended here survives the process, a dead server and a fork.

A process writes its events to an own segment, one line each, and holds a lock on that file for
as long as it lives. Whoever can take the lock knows that the writer is gone and sends the rest.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from core_client.events import Event, RunEnded, RunInherited, RunResumed, RunStarted, encode
from core_client.exceptions import MlflowException
from core_client.segment import SUFFIX, Header
from core_client.settings import home, without_password

SEGMENT_SIZE = 16 * 2**20  # bytes; a longer segment is closed and a new one begun


def folder_for(uri: str) -> Path:
    """Where the segments for one tracking URI lie."""
    name = hashlib.sha256(without_password(uri).encode()).hexdigest()[:16]
    return home() / "spool" / name


class Spool:
    """This process's end of the queue for one tracking URI. Safe to use from several threads.

    Args:
        uri: the absolute tracking URI.
        notify: called when something was appended after `hush`.
        folder: where the segments lie, if not where `folder_for` says.
    """

    def __init__(self, uri: str, notify: Callable[[], None], folder: Path | None = None) -> None:
        self.folder = folder or folder_for(uri)
        self.uri = uri
        self._notify = notify
        self._open_runs: dict[str, Event] = {}
        self._reset()

    def _reset(self) -> None:
        # Reentrant: a signal handler may log while the interrupted thread is logging.
        self._lock = threading.RLock()
        self._fd = -1
        self._size = 0  # bytes of events; roughly, for a signal handler may add to it meanwhile
        self._hushed = True
        self.needs_room = False  # what has been sent is to be deleted at once
        self._segments: dict[Path, int] = {}
        # Segments of one writer are known by the end of their names; another process may get the
        # same number later.
        self._writer = f"{os.getpid()}-{os.urandom(4).hex()}"

    def append(self, line: bytes) -> None:
        """Write one or more whole lines; they are safe from `kill -9` when this returns.

        Raises:
            MlflowException: the disk is full or the folder not writable; nothing was written.
        """
        with self._lock:
            if self._fd < 0 or self._size > SEGMENT_SIZE:
                self._begin_segment()
            try:
                self._write(self._fd, line)
            except MlflowException:
                self.needs_room = True
                self._notify()
                raise
            self._size += len(line)
            if self._hushed:
                self._hushed = False
                self._notify()

    def append_events(self, *events: Event) -> None:
        """Write events, all or none, and keep account of the runs that this process has open."""
        with self._lock:
            self.append(b"".join(encode(event) + b"\n" for event in events))
            for event in events:
                if isinstance(event, (RunStarted, RunResumed)):
                    self._open_runs[event.run_id] = event
                elif isinstance(event, RunEnded):
                    self._open_runs.pop(event.run_id, None)

    def beginning(self, run_id: str) -> RunStarted | None:
        """The first event of a run that this process has open, if it began that run."""
        event = self._open_runs.get(run_id)
        if isinstance(event, RunInherited):
            return event.start
        return event if isinstance(event, RunStarted) else None

    def inherit(self, start: RunStarted) -> None:
        """Take part in a run that another process has open, and ends."""
        with self._lock:
            self._open_runs.setdefault(start.run_id, RunInherited(start))

    def sync(self) -> None:
        """Wait until what was appended is on the disk itself, safe from a power cut."""
        with self._lock:
            if self._fd < 0:
                return
            fd = os.dup(self._fd)  # the lock is not kept while the disk works
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def hush(self) -> None:
        """The reader is about to read: tell it of what is appended from now on."""
        with self._lock:
            self._hushed = True

    def segments(self) -> list[Path]:
        """The files of this process that are not released yet; the last one may still grow."""
        with self._lock:
            return list(self._segments)

    def release(self, path: Path, sent: int) -> bool:
        """Delete a segment whose events have been sent up to this offset.

        Returns:
            False if it has grown since: then it stays.
        """
        with self._lock:
            fd = self._segments[path]
            if fd == self._fd:
                if os.fstat(fd).st_size != sent:
                    return False
                self._fd = -1
                self.needs_room = False
            path.unlink(missing_ok=True)  # before the lock goes with its descriptor
            del self._segments[path]
            os.close(fd)
            return True

    def after_fork(self) -> None:
        """In the child: leave the parent its segments, and begin an own one at the next append."""
        for fd in self._segments.values():
            os.close(fd)  # the locks stay with the parent's descriptors
        self._reset()
        self._open_runs = {
            run_id: RunInherited(event) if isinstance(event, RunStarted) else event
            for run_id, event in self._open_runs.items()
            if not isinstance(event, RunResumed)
        }

    def _begin_segment(self) -> None:
        header = Header(os.uname().nodename, os.getpid(), without_password(self.uri))
        # A run that goes on in this segment is named again, so that its end can be told from here.
        lines = [header, *self._open_runs.values()]
        path = self.folder / f"{time.time_ns()}-{self._writer}{SUFFIX}"
        unlocked = path.with_suffix(".new")
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = os.open(unlocked, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            self._write(fd, b"".join(encode(line) + b"\n" for line in lines))
            unlocked.rename(path)  # seen by others only now that it is locked
        except BaseException:
            unlocked.unlink()
            os.close(fd)
            raise
        self._fd, self._size = fd, 0
        self._segments[path] = fd

    def _write(self, fd: int, lines: bytes) -> None:
        """Append to a file, wholly or not at all."""
        try:
            written = os.write(fd, lines)
        except OSError as error:
            raise self._unwritable(error) from error
        if written != len(lines):
            os.ftruncate(fd, os.fstat(fd).st_size - written)
            raise self._unwritable(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))

    def _unwritable(self, error: OSError) -> MlflowException:
        return MlflowException(
            f"Nothing was recorded, for '{self.folder}' cannot be written: {error.strerror}. "
            "Make room there, or set AUTOLOG_HOME to a folder with room, and log it again."
        )
