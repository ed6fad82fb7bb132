"""Which run is active here: a stack per thread and per context (an asyncio task, say)."""

from __future__ import annotations

import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core_client.run import ActiveRun

_stack: ContextVar[tuple[ActiveRun, ...]] = ContextVar("autolog_active_runs", default=())
_last = threading.local()


def active_run() -> ActiveRun | None:
    """The innermost active run of this thread and context."""
    stack = _stack.get()
    return stack[-1] if stack else None


def last_run_id() -> str | None:
    """The id of the run that was last active in this thread, ended or not."""
    return getattr(_last, "run_id", None)


def push(run: ActiveRun) -> None:
    """Make the run the active one."""
    _stack.set((*_stack.get(), run))
    _last.run_id = run.run_id


def remove(run: ActiveRun) -> None:
    """The run is not active any more, wherever in the stack it is."""
    _stack.set(tuple(one for one in _stack.get() if one is not run))
