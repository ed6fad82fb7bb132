"""From the spool to the store: one background thread per tracking URI."""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from core_client import threads
from core_client.entities import Run, RunStatus
from core_client.events import Event, RunEnded, encode
from core_client.exceptions import MlflowException, StoreUnavailable
from core_client.report import warn
from core_client.segment import SUFFIX, Segment, later_ones, writer
from core_client.settings import mode, without_password
from core_client.spool import Spool
from core_client.stores.base import Refused

REST = 1.0  # seconds between two rounds: a transaction has its price, however little is in it
WORK_SHARE = 4  # rest so many times the last round's work: the training has the interpreter
LONGEST_REST = 30.0  # seconds between two tries while the store cannot be reached


class Receiver(Protocol):
    """What a drain leads to: a store, or what stands in for one."""

    def apply(self, batch: Sequence[Event]) -> None:
        """See `Store.apply`."""

    def get_run(self, run_id: str) -> Run:
        """See `Store.get_run`."""


class Account:
    """What has been sent for processes that are gone; it grows while that is under way.

    Args:
        watch: called with the number of events each time that some have been sent.
    """

    def __init__(self, watch: Callable[[int], object] = lambda events: None) -> None:
        self._watch = watch
        self.events = 0
        self.killed = 0  # runs that were closed as KILLED
        self.runs: dict[str, None] = {}  # by the ids that they had here, in their order

    def add(self, events: Sequence[Event]) -> None:
        """These have reached the store."""
        self.events += len(events)
        ids = (getattr(event, "run_id", "") for event in events)
        self.runs |= dict.fromkeys(filter(None, ids))
        self._watch(self.events)


class Drain:
    """Sends what the spool holds, in order, and tries again for as long as it has to.

    Args:
        spool: this process's end of the queue.
        open_store: gives the store; called in the background thread.
        trouble: what the warning says of the store when it cannot be reached.
    """

    def __init__(
        self, spool: Spool, open_store: Callable[[], Receiver], trouble: str = "nothing reaches"
    ) -> None:
        self._spool = spool
        self._open_store = open_store
        self._trouble = trouble
        self.after_fork()

    def after_fork(self) -> None:
        """In a new process nothing is under way."""
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._news = False
        self._asked = self._answered = 0
        self._failure: MlflowException | None = None
        self._segments: dict[Path, Segment] = {}
        self._closing = False
        self._deadline = math.inf  # of the work that is done in the thread that waits for it

    def notify(self) -> None:
        """The spool has grown."""
        if mode() == "offline":
            return
        with self._changed:
            self._news = True
            self._wake()

    def flush(self, timeout: float | None = None) -> None:
        """Wait until everything appended so far is in the store, dead processes' events too.

        Args:
            timeout: seconds to wait at most.

        Raises:
            StoreUnavailable: not in time, or the store cannot be reached; all is kept.
            MlflowException: the store cannot be used as it is; all is kept.
        """
        if mode() == "offline":
            raise StoreUnavailable("AUTOLOG_MODE=offline keeps everything here for now.")
        with self._changed:
            self._asked += 1
            ticket = self._asked
            awake = self._wake()
            if not awake:
                self._thread = threading.current_thread()
        if not awake:
            self._work_here(timeout)
        with self._changed:
            self._changed.wait_for(lambda: self._answered >= ticket, timeout)
            failure = self._failure
            if self._answered < ticket:
                failure = StoreUnavailable(f"The store took longer than {timeout} s.")
        if failure:
            raise failure

    def adopt(self, every_host: bool = False, account: Account | None = None) -> None:
        """Send what processes that are gone have left, and close the runs that died with them.

        Args:
            every_host: also take what another machine has left in a shared folder.
            account: is told what has been sent.
        """
        account = account or Account()
        store = self._open_store()
        own = self._spool.segments()
        earlier: dict[str, list[Path]] = {}
        for path in sorted(self._spool.folder.glob("*" + SUFFIX)):
            before = earlier.setdefault(writer(path), [])
            in_turn = not any(one.exists() for one in before)
            before.append(path)
            if path in own or not in_turn:
                continue  # what was written first is sent first, whoever sends it
            with _claimed(path) as segment:
                if segment is None:
                    continue
                if every_host or segment.header.host == os.uname().nodename:
                    self._send(segment, store, account.add)
                    if segment.open_runs and not later_ones(path):  # else they end there
                        account.killed += self._close_runs(segment, store)
                    segment.remove()

    def close(self, timeout: float) -> None:
        """Send everything, take the own files away and end the thread. Raises as `flush` does."""
        self._closing = True
        self.flush(timeout)

    def _wake(self) -> bool:
        """Tell the thread. False without one, when the process is ending: then `flush` does it."""
        if self._thread is None:
            self._thread = threads.start("autolog-drain", self._work)
        self._changed.notify_all()
        return self._thread is not None

    def _work(self) -> None:
        rest = 0.0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._news or self._asked > self._answered)
                self._changed.wait_for(lambda: self._asked > self._answered, rest)
            began = time.thread_time()  # waiting for a disk or a server costs the training nothing
            if not self._goes_on():
                return
            spent = time.thread_time() - began
            pause = min(2 * rest, LONGEST_REST) * random.uniform(0.7, 1.3) if self._failure else 0
            rest = max(REST, spent * WORK_SHARE, pause)

    def _work_here(self, timeout: float | None) -> None:
        """Do the thread's work until all who wait are answered. After so many seconds nothing more
        is handed to the store; what it has begun to take, it takes."""
        self._deadline = math.inf if timeout is None else time.monotonic() + timeout
        try:
            while self._goes_on(until_answered=True):
                pass
        finally:
            with self._changed:
                self._deadline = math.inf
                if self._thread is threading.current_thread():  # it was interrupted
                    self._thread = None

    def _goes_on(self, until_answered: bool = False) -> bool:
        """One round. False if it was the last: all is closed, or else answered."""
        with self._changed:
            asked, self._news = self._asked, False
            wanted = asked > self._answered
        failure = self._round(wanted)
        with self._changed:
            self._answered, self._failure = asked, failure
            self._news = self._news or failure is not None
            self._changed.notify_all()
            done = until_answered or (self._closing and not self._news)
            if done and self._asked == asked:
                self._closing, self._thread = False, None
                return False
        return True

    def _round(self, adopt: bool) -> MlflowException | None:
        try:
            if adopt or not self._segments:
                self.adopt()
            self._spool.hush()
            self._send_own()
            return None
        except MlflowException as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - no fault may end the thread that keeps data
            failure = MlflowException(f"{type(error).__name__}: {error}")
        if self._failure is not None:
            return failure  # an outage is told of once
        warn(
            f"Recording goes on, but {self._trouble} '{without_password(self._spool.uri)}': "
            f"{failure} All is kept in '{self._spool.folder}'; "
            "`autolog sync` or the next start sends it.",
            once=str(failure),
        )
        return failure

    def _send_own(self) -> None:
        store = self._open_store()
        paths = self._spool.segments()
        for path in paths:
            if path not in self._segments:
                self._segments[path] = Segment(path)
            segment = self._segments[path]
            self._send(segment, store)
            done = path != paths[-1] or self._closing or self._spool.needs_room
            if done and self._spool.release(path, segment.offset):
                self._segments.pop(path).remove()

    def _send(
        self,
        segment: Segment,
        store: Receiver,
        tell: Callable[[Sequence[Event]], object] = lambda events: None,
    ) -> None:
        while chunk := segment.read():
            if time.monotonic() > self._deadline:
                raise StoreUnavailable("The store took too long.")
            refused: list[tuple[bytes, str]] = chunk.broken
            try:
                store.apply(chunk.events)
            except Refused as error:
                refused = refused + [(encode(event), why) for event, why in error.reasons]
            for line, why in refused:
                segment.set_aside(line, why)
            segment.sent(chunk.end)
            tell(chunk.events)

    def _close_runs(self, segment: Segment, store: Receiver) -> int:
        ends = []
        for run_id in segment.open_runs:
            try:
                run = store.get_run(run_id).info
            except StoreUnavailable:
                raise
            except MlflowException:  # a run that was refused has no end
                continue
            if run.status == RunStatus.RUNNING:
                # A file's time comes from a coarser clock than the run's.
                end_time = max(segment.last_write(), run.start_time)
                ends.append(RunEnded(run_id, RunStatus.KILLED, end_time))
        store.apply(ends)
        return len(ends)


@contextlib.contextmanager
def _claimed(path: Path) -> Iterator[Segment | None]:
    """The segment, ours as long as its lock is; None while its writer lives or if it is gone."""
    try:
        fd = os.open(path, os.O_RDWR)
    except FileNotFoundError:  # another process was faster
        yield None
        return
    segment = None
    try:
        segment = _locked(fd, path)
        yield segment
    finally:
        if segment:
            segment.close()
        os.close(fd)


def _locked(fd: int, path: Path) -> Segment | None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return Segment(path)
    except (BlockingIOError, FileNotFoundError):
        return None
    except msgspec.DecodeError as error:
        aside = path.with_suffix(".broken")
        path.rename(aside)
        warn(f"'{aside}' is not a spool file of autolog ({error}); it was set aside.")
        return None
