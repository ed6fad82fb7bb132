"""Which run is active here: a stack per thread and per context (an asyncio task, say).

A notebook cell that awaits something is a task of its own, whose context ends with the cell. So
in a kernel the stack of a cell is handed on to the next cell of the same thread.
"""

from __future__ import annotations

import os
import sys
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from core_client.run import ActiveRun

    class Watcher(Protocol):
        """Who wants to know of active runs. It raises nothing."""

        def beginning(self, run: ActiveRun) -> None:
            """The run, new or resumed, is about to become the active one."""

        def ending(self, run: ActiveRun) -> None:
            """The run was active and is about to end; it can still be written to."""


_stack: ContextVar[tuple[ActiveRun, ...]] = ContextVar("autolog_active_runs", default=())
_last = threading.local()
_active: dict[str, ActiveRun] = {}  # anywhere in this process
# Called, in the thread concerned, when a run has become the active one or has ended. None raises.
listeners: list[Callable[[], object]] = []
# Told of each run before it becomes active anywhere, and before it ends.
watchers: list[Watcher] = []


class _Cell(threading.local):
    stack: tuple[ActiveRun, ...] = ()
    task: object = None  # the asyncio task that runs the cell; the tasks it starts are others


_cell = _Cell()
_watched: object = None  # the IPython shell that tells us of its cells


def active_run() -> ActiveRun | None:
    """The innermost active run of this thread and context."""
    stack = _stack.get()
    return stack[-1] if stack else None


def last_run_id() -> str | None:
    """The id of the run that was last active in this thread, ended or not."""
    return getattr(_last, "run_id", None)


def push(run: ActiveRun) -> None:
    """Make the run the active one."""
    if run.run_id not in _active:
        for watcher in watchers:
            watcher.beginning(run)
    _set((*_stack.get(), run))
    _active[run.run_id] = run
    _last.run_id = run.run_id
    _tell()


def ending(run: ActiveRun) -> None:
    """Tell the watchers, if the run is active anywhere."""
    if run.run_id in _active:
        for watcher in watchers:
            watcher.ending(run)


def remove(run: ActiveRun) -> None:
    """The run is not active any more, wherever in the stack it is."""
    _set(tuple(one for one in _stack.get() if one is not run))
    _active.pop(run.run_id, None)
    _tell()


def rest(run: ActiveRun) -> None:
    """The run is FINISHED, unless it is resumed: a loop may go on when it seems to be over.

    Until then it stays the active one, for what is still logged by hand, and makes way for any
    other run.
    """
    was_active = active_run() is run
    run.end(wait_for_disk=False)
    run.at_rest = True
    if was_active:
        push(run)


def make_way() -> None:
    """Another run is to begin: one that is at rest is the active one no more."""
    run = active_run()
    if run is not None and run.at_rest:
        remove(run)


def active_anywhere() -> list[ActiveRun]:
    """The active runs of every thread and context, the last one begun first."""
    return list(_active.values())[::-1]


def _tell() -> None:
    for listener in tuple(listeners):
        listener()


def _set(stack: tuple[ActiveRun, ...]) -> None:
    global _watched
    _stack.set(stack)
    shell = sys.modules["IPython"].get_ipython() if "ipykernel" in sys.modules else None
    if shell is None:
        return
    if shell is not _watched:
        shell.events.register("pre_run_cell", _begin_cell)
        _watched, _cell.task = shell, _current_task()
    if _current_task() is _cell.task:
        _cell.stack = stack


def _begin_cell(*_: object) -> None:
    _cell.task = _current_task()
    _stack.set(_cell.stack)


def _current_task() -> object:
    import asyncio

    try:
        return asyncio.current_task()
    except RuntimeError:  # no event loop runs in this thread
        return None


os.register_at_fork(after_in_child=_active.clear)  # they are the parent's to end
