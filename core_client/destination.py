"""A tracking URI as this process knows it: the spool, the drain and the store that belong together."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from core_client import background
from core_client.artifacts import Artifacts, LocalArtifacts, is_local, open_artifacts
from core_client.artifacts.staging import LOCK
from core_client.clock import now
from core_client.drain import Account, Drain
from core_client.entities import Experiment, LifecycleStage, LoggedModel, Run, RunInfo
from core_client.events import ExperimentCreated, ModelLogged
from core_client.exceptions import MlflowException, invalid, missing
from core_client.settings import absolute, mode, scratch, without_password
from core_client.spool import Spool
from core_client.stores import check_uri, is_near, is_server, open_store
from core_client.stores.base import Store, no_registry

if TYPE_CHECKING:
    from core_client.artifacts.outbox import Outbox

# Seconds that a server may take to name a run: one that the user starts by hand, and one that a
# training call opens, which is not to be slowed.
START_WAIT = 1.0
CALL_WAIT = 0.12
FORK_WAIT = 5.0  # seconds that a fork may wait for a store that is being opened
EXIT_WAIT = 10.0  # seconds that the end of the process may wait for the store


class Destination:
    """Where runs go, and all that stands between. One per URI and process: see `destination`."""

    def __init__(self, uri: str) -> None:
        check_uri(uri)
        _opening_delays_forks()
        self.uri = uri
        self.spool = Spool(uri, self._grown)
        self.drain = Drain(self.spool, self.store)
        self._outbox: Outbox | None = None
        self._store: Store | None = None
        self.opening = threading.Lock()
        self._making = threading.Lock()
        self._problems: list[str] = []
        self._begun = False
        self._experiments: dict[str, Experiment] = {}

    def store(self) -> Store:
        """The open store. Raises MlflowException if it cannot be opened."""
        with self.opening:
            if self._store is None:
                self._store = open_store(self.uri)
            return self._store

    @property
    def opened(self) -> Store | None:
        """The store if it is open already."""
        return self._store

    def current(self) -> Store:
        """The store with everything in it that this process has recorded until now."""
        background.wait()
        return self._with_all_runs()

    def artifacts(self, run_id: str, artifact_uri: Callable[[], str]) -> Artifacts:
        """The files of a run, to write and to read.

        Args:
            run_id: the run.
            artifact_uri: says where they lie; not asked if a far store would have to answer.
        """
        if self.near and is_local(uri := artifact_uri()):
            return LocalArtifacts(uri)
        return self.outbox.artifacts(run_id)

    def model_location(self, experiment_id: str, event: ModelLogged) -> str | None:
        """Where a model that is being logged keeps its files.

        Returns:
            A folder of this machine; empty if the store has no logged models, but only files of
            runs; None if a far store would have to say: then its drain finds out.
        """
        if not self.near:
            return None
        store = self.store()
        if event.name:
            location = store.model_location(self.experiment(experiment_id), event.model_id)
        else:
            location = self.current().get_logged_model(event.model_id).artifact_location
        return location if not location or is_local(location) else None

    def stored_artifacts(self, run: Run) -> Artifacts:
        """The files of a run as they are now, with the models that it has logged."""
        self.outbox.flush()
        own = self.artifacts(run.info.run_id, lambda: run.info.artifact_uri)
        models = self.logged_models(run)
        if not models:
            return own
        from core_client.artifacts.models import WithModels

        # Of several models at one path the last one counts.
        return WithModels(
            own, {one.path: open_artifacts(one.artifact_location, self.uri) for one in models}
        )

    def logged_models(self, run: Run) -> list[LoggedModel]:
        """The logged models of a run, the first one first."""
        found = []
        for output in run.outputs.model_outputs:
            with contextlib.suppress(MlflowException):  # it was deleted
                found.append(self.current().get_logged_model(output.model_id))
        return sorted(found, key=lambda model: model.creation_timestamp)

    @property
    def outbox(self) -> Outbox:
        """The files on their way, made when the first one needs it."""
        with self._making:
            if self._outbox is None:
                from core_client.artifacts.outbox import Outbox

                self._outbox = Outbox(self.uri, self._with_all_runs, self._files_staged)
            return self._outbox

    def adopt(self, every_host: bool = False, account: Account | None = None) -> None:
        """Send what processes that are gone have left; see `Drain.adopt`."""
        self.drain.adopt(every_host, account)
        self.outbox.adopt(every_host, account)

    def experiment(self, experiment_id: str) -> Experiment:
        """The active experiment of that id, as first read. Raises MlflowException without one."""
        if experiment_id not in self._experiments:
            # Without the background's figures: they make no experiments.
            self._remember(self._with_all_runs().get_experiment(experiment_id))
        return self._experiments[experiment_id]

    @property
    def near(self) -> bool:
        """Whether the store answers at once, so that the training thread may ask it."""
        return is_near(self.uri) and mode() != "offline"

    def named_by_server(self, run_id: str, wait: float) -> RunInfo | None:
        """A run that was begun here, as the server has it, which gives runs their ids.

        Args:
            run_id: its id here.
            wait: seconds that the server may take.

        Returns:
            None if there is no server, or it has not answered in time: it will be told later.

        Raises:
            MlflowException: it does not take the run, or cannot be asked as things are set.
        """
        if not is_server(self.uri) or mode() == "offline":
            return None
        store = self.store()
        try:
            self.drain.flush(wait)
        except MlflowException:
            return None
        found = store.started(run_id)
        if found is None:
            raise invalid(f"'{without_password(self.uri)}' did not take the run; see its warning.")
        return found

    def started(self, run_id: str) -> RunInfo | None:
        """The same without a look at the server: None if it has not named the run yet."""
        return self._store.started(run_id) if self._store else None

    def check_registry(self) -> None:
        """Raise MlflowException FEATURE_DISABLED if models cannot be registered there."""
        if not is_server(self.uri):
            raise no_registry(self.uri)

    def known_experiment(self, experiment_id: str) -> Experiment | None:
        """The same without a look at the store."""
        return self._experiments.get(experiment_id)

    def experiment_named(self, name: str) -> Experiment:
        """The active experiment of that name, created if there is none.

        Raises:
            MlflowException: it was deleted.
        """
        for known in self._experiments.values():
            if known.name == name:
                return known
        found = self.current().get_experiment_by_name(name)
        if found is None:
            self.spool.append_events(ExperimentCreated(name, "", {}, now()))
            found = self.current().get_experiment_by_name(name)
        if found is None:
            raise missing(f"The store did not take the experiment '{name}'; see its warning.")
        return self._remember(found)

    def _remember(self, experiment: Experiment) -> Experiment:
        if experiment.lifecycle_stage == LifecycleStage.DELETED:
            raise invalid(
                f"The experiment '{experiment.name}' (id {experiment.experiment_id}) is deleted. "
                "Restore it with restore_experiment, or use another one."
            )
        return self._experiments.setdefault(experiment.experiment_id, experiment)

    def forget_experiments(self) -> None:
        """They have changed: the next look reads them again."""
        self._experiments.clear()

    def close(self, timeout: float, only_files: bool = False) -> None:
        """Send everything and leave nothing behind; say so if that takes too long."""
        problems = []
        try:
            if self._outbox:
                self._outbox.close(timeout)
        except MlflowException as error:
            problems.append(str(error))
        try:
            if self.spool.segments() and not only_files:
                self.drain.close(timeout)
        except MlflowException as error:
            problems.append(str(error))
        if problems and problems != self._problems:
            self._problems = problems  # the end of a process comes here twice
            print(
                f"autolog: not everything has reached '{without_password(self.uri)}' yet: "
                f"{' '.join(dict.fromkeys(problems))} "
                f"It is kept in '{self.spool.folder}'; `autolog sync` or the next start sends it.",
                file=sys.stderr,
            )

    def _with_all_runs(self) -> Store:
        self.drain.flush()
        return self.store()

    def _grown(self) -> None:
        _close_with_process()
        if not self._begun:
            self._begun = True
            if any(path.name != LOCK for path in (self.spool.folder / "files").glob("*")):
                self.outbox.go_on()
        self.drain.notify()

    def _files_staged(self) -> None:
        _close_with_process()
        _send_files_before_executors()

    def after_fork(self) -> None:
        """In the child: an own segment, an own thread, and an own connection to the store."""
        self.spool.after_fork()
        self.drain.after_fork()
        if self._outbox:
            self._outbox.after_fork()
        self._store = None
        self.opening = threading.Lock()
        self._making = threading.Lock()


_destinations: dict[str, Destination] = {}


def destination(uri: str) -> Destination:
    """The destination for a tracking URI, the same object each time."""
    full = absolute(uri) if mode() != "disabled" else f"sqlite:///{scratch()}/mlflow.db"
    # setdefault is atomic: two threads get the same one, whoever came first.
    return _destinations.get(full) or _destinations.setdefault(full, Destination(full))


def open_stores() -> list[Store]:
    """The stores that this process has open."""
    return [one.opened for one in list(_destinations.values()) if one.opened]


def close_all(only_files: bool = False) -> None:
    """At the end of the process: wait a bounded time, then say what is kept."""
    background.wait(EXIT_WAIT)
    for one in list(_destinations.values()):
        one.close(EXIT_WAIT, only_files)


def _close_with_process() -> None:
    """A worker of multiprocessing ends without atexit, but runs its own finalizers."""
    global _closes_in
    if _closes_in != os.getpid():
        _closes_in = os.getpid()
        process = sys.modules.get("multiprocessing.process")
        if process and process.parent_process():
            from multiprocessing.util import Finalize

            Finalize(None, close_all, exitpriority=10)


def _send_files_before_executors() -> None:
    """Drivers of artifact stores use thread pools, which Python closes before it calls `atexit`.

    Nothing public comes before that: pools are closed by what is registered here, too. Where it
    is not there, or the end has begun, `close_all` sends what can still be sent and tells the rest.
    """
    global _files_first
    if not _files_first:
        _files_first = True
        register = getattr(threading, "_register_atexit", None)
        if register is not None:
            with contextlib.suppress(RuntimeError):  # the process is ending
                import concurrent.futures.thread  # noqa: F401 - the last one registered goes first

                register(close_all, only_files=True)


def _opening_delays_forks() -> None:
    """A module that is half imported at a fork can never be imported in the child, which has its
    lock without the thread that holds it."""
    global _forks_wait
    if not _forks_wait:
        _forks_wait = True
        # Its own lock is taken at a fork too, and the imports need it: ours has to come first.
        import logging  # noqa: F401

        os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent)


def _before_fork() -> None:
    for one in list(_destinations.values()):
        if one.opening.acquire(timeout=FORK_WAIT):
            _held.append(one.opening)
    connection = sys.modules.get("core_client.stores.sql.connection")
    if connection is not None:  # its own part, even if it has just been imported
        connection.before_fork()


def _after_fork_in_parent() -> None:
    while _held:
        _held.pop().release()


def _after_fork() -> None:
    _held.clear()
    for one in _destinations.values():
        one.after_fork()


_forks_wait = False
_held: list[threading.Lock] = []  # locks of what is being opened, for as long as a fork takes
_closes_in = 0
_files_first = False
atexit.register(close_all)
os.register_at_fork(after_in_child=_after_fork)
