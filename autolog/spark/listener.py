"""A listener for Spark's queries, written in Python: the JVM calls it through py4j.

The JVM gets one proxy, which is kept: py4j would make another one for each call that is given
the Python object, and Spark could not find the first one again to take it off.
"""

from __future__ import annotations

import atexit
import subprocess
from threading import Lock
from types import TracebackType
from typing import Any

from autolog.engine.guard import guarded, notice

DRAIN_SECONDS = 5.0  # that the end of a run waits at most for Spark's queue of events


class Listener:
    """What Spark calls after each query, in a thread of its own."""

    class Java:
        """The interface, as py4j asks for it."""

        implements = ("org.apache.spark.sql.util.QueryExecutionListener",)

    def onSuccess(self, function: str, execution: Any, duration: int) -> None:
        """Note what the query read. An error here would be printed with all of Java's stack."""
        from autolog.spark import hooks, plans, reads

        with asking(reads.PLACE):
            if hooks.options() is None:
                _detach(execution.sparkSession())
            else:
                reads.note_later(plans.sources(execution.analyzed()))

    def onFailure(self, function: str, execution: Any, error: Any) -> None:
        """What a query read that failed half way is noted as well."""
        if function != "analyze":  # it never got so far
            self.onSuccess(function, execution, 0)

    def toString(self) -> str:
        """How Spark names it in its own messages."""
        return "autolog"

    def equals(self, other: Any) -> bool:
        """The JVM compares listeners when one is taken off; there is one proxy of this one."""
        return isinstance(other, Listener)

    def hashCode(self) -> int:
        """Goes with `equals`."""
        return 1


class asking(guarded):
    """A ``with`` block that asks the JVM. That a JVM has died is no fault of ours to be told."""

    def __init__(self, place: str) -> None:
        from autolog.spark import hooks

        options = hooks.options()
        super().__init__(place, silent=options is not None and options.silent)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        lost = isinstance(error, OSError) or type(error).__module__.startswith("py4j.")
        if lost and _attached is not None and _attached.died():
            return True
        return super().__exit__(kind, error, traceback)


class Attached:
    """The sessions of one SparkContext that are listened to.

    Args:
        context: the ``SparkContext``.
    """

    def __init__(self, context: Any) -> None:
        from pyspark.java_gateway import ensure_callback_server_started

        from autolog.spark import plans

        plans.forget()
        self.context = context
        ensure_callback_server_started(context._gateway)
        held = context._jvm.java.util.ArrayList()
        held.add(Listener())
        self.proxy = held.toArray()
        self.managers: dict[str, Any] = {}  # by the session's id

    @property
    def alive(self) -> bool:
        """Whether the context was not stopped and its JVM is there."""
        return self.context._jsc is not None and not self.died(0)

    def died(self, seconds: float = 0.2) -> bool:
        """Whether the JVM has ended, or does so within a moment."""
        process = getattr(self.context._gateway, "proc", None)  # None: it was started by others
        if process is None:
            return False
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def add(self, session: Any) -> None:
        """Listen to a session, of the JVM, too."""
        identity = str(session.sessionUUID())
        if identity not in self.managers:
            self.managers[identity] = session.listenerManager()
            self.tell("register", self.managers[identity])

    def remove(self, session: Any) -> None:
        """Listen no more to a session; Spark makes copies of some, listeners and all."""
        self.managers.pop(str(session.sessionUUID()), None)
        self.tell("unregister", session.listenerManager())

    def tell(self, method: str, manager: Any) -> None:
        """Call ``register`` or ``unregister`` of a session's manager with the one proxy."""
        for one in manager.getClass().getMethods():
            if one.getName() == method:
                one.invoke(manager, self.proxy)
                return

    def drain(self) -> None:
        """Wait until Spark has told everything."""
        from py4j.protocol import Py4JJavaError

        try:
            milliseconds = int(DRAIN_SECONDS * 1000)
            self.context._jsc.sc().listenerBus().waitUntilEmpty(milliseconds)
        except Py4JJavaError as error:
            if "Timeout" not in str(error.java_exception):
                raise
            notice(
                f"autolog: Spark had more to tell than fits into {DRAIN_SECONDS:g} s at the end of "
                "a run. Sources that were read last may not be recorded."
            )


_attached: Attached | None = None
_attaching = Lock()


def attach(session: Any) -> None:
    """Listen to a classic session, once."""
    global _attached
    with _attaching:
        if _attached is None or _attached.context is not session._sc:
            _attached = Attached(session._sc)
        _attached.add(session._jsparkSession)


def drain() -> None:
    """Wait, within a limit, until Spark has told everything."""
    if _attached is not None and _attached.alive:
        _attached.drain()


def _detach(session: Any) -> None:
    """Listen no more to a session of the JVM, unless autologging has been switched on meanwhile."""
    from autolog.spark import hooks

    with _attaching:
        if hooks.options() is None and _attached is not None:
            _attached.remove(session)


@atexit.register
def _leave() -> None:
    """Before Python goes, Spark is told not to call it any more."""
    if _attached is None or not _attached.alive:
        return
    with asking("spark: leaving"):
        _attached.drain()
        for manager in _attached.managers.values():
            _attached.tell("unregister", manager)
        _attached.managers.clear()
