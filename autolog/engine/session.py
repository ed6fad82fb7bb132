"""Whose call is being recorded here, and into which run: opened late, ended by who opened it."""

from __future__ import annotations

import os
import sys
from contextvars import ContextVar

from autolog.engine.guard import guarded
from autolog.engine.hook import Hook, unseen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from autolog.engine.call import Call
    from autolog.engine.options import Options
    from autolog.engine.patch import Site
    from autolog.engine.recorder import Recorder
    from core_client.run import ActiveRun

# The call being recorded in this thread and context.
current: ContextVar[Session | None] = ContextVar("autolog_session", default=None)

# What launchers of distributed training set; only the process of rank zero records.
RANKS = (
    "RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID", "JSM_NAMESPACE_RANK",
    "OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK", "MV2_COMM_WORLD_RANK",
)  # fmt: skip
MAX_ERROR = 500  # characters of an error's message that a failed run keeps

_forked = False


def _after_fork() -> None:
    global _forked
    _forked = True


os.register_at_fork(after_in_child=_after_fork)


def silent_process() -> bool:
    """Whether this process works for another one, which records: a pool's worker, a rank."""
    if _forked:
        return True
    processes = sys.modules.get("multiprocessing.process")
    if processes is not None and processes.parent_process() is not None:
        return True
    for name in RANKS:
        rank = os.environ.get(name)
        if rank is not None and rank.strip() not in ("", "0"):
            return True
    return _helps_the_chief(os.environ.get("TF_CONFIG"))


def _helps_the_chief(tf_config: str | None) -> bool:
    """Whether TensorFlow's description of a cluster says so of this process."""
    if not tf_config:
        return False
    import json

    try:
        config = json.loads(tf_config)
        cluster, task = config.get("cluster") or {}, config["task"]
        leader = next((kind for kind in ("chief", "master") if kind in cluster), "worker")
        return bool(task["type"] != leader or int(task["index"]) != 0)
    except (ValueError, TypeError, LookupError, AttributeError):  # it is TensorFlow's to complain
        return False


class Session:
    """One outermost call of one framework.

    Args:
        framework: its name.
        options: the framework's options at the time of the call.
        parent: the session of another framework's call that this one is nested in.
    """

    __slots__ = (
        "_recorder", "_run", "call", "framework", "frameworks", "options", "parent", "resumes",
    )  # fmt: skip

    def __init__(self, framework: str, options: Options, parent: Session | None) -> None:
        self.framework, self.options, self.parent = framework, options, parent
        self.call: Call | None = None  # what is being recorded
        outer = parent.frameworks if parent is not None else frozenset[str]()
        self.frameworks: frozenset[str] = outer | {framework}  # calls of these are silent below
        self.resumes: str | None = None  # the id of the run to go on with, if none is active
        self._recorder: Recorder | None = None
        self._run: ActiveRun | None = None  # the run that this session opened, and will end

    @property
    def run(self) -> Recorder:
        """The active run, or else a new one that ends with this session."""
        if self._recorder is None:
            from autolog.engine.recorder import Recorder
            from core_client import context

            context.make_way()
            run = context.active_run()
            if run is None:
                from core_client import fluent

                extra = self.options.get("extra_tags") or {}
                home = self.call.home if self.call is not None else None
                tags = {**extra, "mlflow.autologging": home or self.framework}
                run = self._run = fluent.start_run(
                    self.resumes, tags=None if self.resumes else tags
                )
            self._recorder = Recorder(run, self.framework, self.silent)
        return self._recorder

    @property
    def opened(self) -> ActiveRun | None:
        """The run that this session opened, until it is closed."""
        return self._run

    @property
    def silent(self) -> bool:
        """Whether the user wants no warnings of the framework's autologging."""
        return bool(self.options.get("silent"))

    def within(self, framework: str) -> Session | None:
        """The innermost session of that framework: this one, or one around it."""
        if self.framework == framework or self.parent is None:
            return self if self.framework == framework else None
        return self.parent.within(framework)

    def run_name(self) -> str:
        """The name of the run written to so far, empty if there is none."""
        return self._recorder.name if self._recorder is not None else ""

    def owns(self, run: ActiveRun) -> bool:
        """Whether this session, or one around it, opened the run."""
        return self._run is run or (self.parent is not None and self.parent.owns(run))

    def close(self, error: BaseException | None = None) -> None:
        """End the run, if it was opened here: FINISHED, or FAILED with the error's reason."""
        run, self._run = self._run, None
        if run is None:
            return
        if error is not None:
            if isinstance(error, SystemExit) and error.__context__ is not None:
                error = error.__context__  # a framework ends the process over what is the reason
            with self.guarded("noting the error"):
                text = str(error)
                reason = f"{type(error).__name__}: {text}" if text else type(error).__name__
                run.set_tag("autolog.error", reason[:MAX_ERROR])
        from core_client import context

        try:
            with self.guarded("ending the run"):
                # The training goes on while the disk is written.
                run.end("FINISHED" if error is None else "FAILED", wait_for_disk=False)
        finally:
            context.remove(run)

    def guarded(self, place: str) -> guarded:
        """A guard that names the framework."""
        return guarded(f"{self.framework}: {place}")


def excluded(options: Options, parent: Session | None) -> bool:
    """Whether the user opened the active run and autologging has to keep out of it."""
    if not options.get("exclusive") or "core_client.context" not in sys.modules:
        return False
    from core_client import context

    context.make_way()
    run = context.active_run()
    return run is not None and not (parent is not None and parent.owns(run))


class Carried:
    """A task for a thread pool that takes the session and the run of its caller along.

    In a worker process, which is silent, it is the bare task again.
    """

    def __init__(self, task: Callable[..., Any], session: Session, run: ActiveRun | None) -> None:
        self.task, self.session, self.run = task, session, run

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Do the task as part of the session."""
        if current.get() is self.session:  # run by the caller's own thread
            return self.task(*args, **kwargs)
        from core_client import context

        token = current.set(self.session)
        if self.run is not None:
            context.push(self.run)
        try:
            return self.task(*args, **kwargs)
        finally:
            if self.run is not None:
                context.remove(self.run)
            current.reset(token)

    def __reduce__(self) -> tuple[Any, ...]:
        import operator

        return operator.getitem, ((self.task,), 0)


class TaskHook(Hook):
    """Stands in for ``joblib.Parallel.__call__``: its tasks belong to the call that makes it."""

    @unseen
    def intercept(
        self, site: Site, wrapped: Callable[..., Any], instance: Any,
        args: tuple[Any, ...], kwargs: dict[str, Any],
    ) -> Any:  # fmt: skip
        """Put the caller's session and run around each task."""
        session = current.get()
        if session is None or len(args) != 1 or kwargs:
            return wrapped(*args, **kwargs)
        from core_client import context

        run = context.active_run()
        tasks = ((Carried(task, session, run), *rest) for task, *rest in args[0])
        # joblib tells progress by the number of tasks where they can be counted.
        return wrapped(list(tasks) if hasattr(args[0], "__len__") else tasks)
