"""Work off the training thread: one daemon thread per process, in the order of submission."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from core_client import threads
from core_client.report import warn

MOST_WAITING = 256  # tasks; whoever submits more waits, so that memory stays bounded


class _Worker:
    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._tasks: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._unfinished = 0
        self._thread: threading.Thread | None = None

    def submit(self, may_wait: bool, function: Callable[..., object], *args: Any) -> None:
        with self._changed:
            if may_wait and threading.current_thread() is not self._thread:
                self._changed.wait_for(lambda: self._unfinished < MOST_WAITING)
            if self._thread is None:
                self._thread = threads.start("autolog-background", self._work)
            if self._thread is not None:
                self._tasks.append((function, args))
                self._unfinished += 1
                self._changed.notify_all()
                return
        _do(function, *args)  # the process is ending

    def wait(self, timeout: float | None) -> bool:
        if threading.current_thread() is self._thread:
            return True  # a task that reads a run sees what earlier tasks did
        with self._changed:
            return self._changed.wait_for(lambda: self._unfinished == 0, timeout)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._tasks)
                function, args = self._tasks.popleft()
            try:
                _do(function, *args)
            finally:
                del function, args  # what a task holds is free as soon as it is done
                with self._changed:
                    self._unfinished -= 1
                    self._changed.notify_all()


def _do(function: Callable[..., object], *args: Any) -> None:
    try:
        function(*args)
    except Exception as error:  # noqa: BLE001 - the thread outlives any task
        warn(f"{getattr(function, '__qualname__', function)} failed: {error!r}")


_worker = _Worker()
_holders: dict[Callable[[], object], None] = {}


def submit(function: Callable[..., object], *args: Any) -> None:
    """Call the function in the background thread; its error is reported, never raised."""
    _worker.submit(True, function, *args)


def hand_over(function: Callable[..., object], *args: Any) -> None:
    """The same from where nothing may wait, such as what the garbage collector calls."""
    _worker.submit(False, function, *args)


def wait(timeout: float | None = None) -> bool:
    """Wait for everything submitted so far, and for what is still held to be submitted.

    Args:
        timeout: seconds to wait at most.

    Returns:
        Whether all of it is done.
    """
    for hand_in in list(_holders):
        hand_in()
    return _worker.wait(timeout)


def before_waiting(hand_in: Callable[[], object]) -> None:
    """Have a function submit what it holds back whenever somebody waits. It must not raise."""
    _holders[hand_in] = None


def not_before_waiting(hand_in: Callable[[], object]) -> None:
    """Take back what `before_waiting` was told."""
    _holders.pop(hand_in, None)


def _after_fork() -> None:
    global _worker
    _worker = _Worker()
    _holders.clear()


os.register_at_fork(after_in_child=_after_fork)
