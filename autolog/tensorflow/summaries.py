"""Scalars of TensorFlow's summary writers as metrics of the run that is active.

What Python hands to a writer is recorded at once. What a graph writes is read from the writer's
file, in the background: the training waits for nothing. What was written when tells whose it is.
"""

from __future__ import annotations

import contextlib
import os
import posixpath
import threading
import time
import weakref
from collections.abc import Iterable
from typing import Any

import tensorflow as tf

from autolog.engine.guard import guarded
from autolog.engine.options import Options, frameworks
from autolog.engine.session import silent_process
from autolog.tensorflow.events import EventFiles, Point, is_scalar, scalars
from core_client import background, context, threads
from core_client.checks import metric_key
from core_client.entities import Metric
from core_client.run import ActiveRun

INTERVAL = 1.0  # seconds between two looks into the files of a run
AT_ONCE = 1000  # points
MOST_RUNS = 20  # of one folder that are remembered, for what its writers put out late
OF_KERAS = ("epoch_", "batch_", "evaluation_")  # its callback's; they are metrics already

_guard = guarded("tensorflow: scalars of summaries")
_lock = threading.RLock()
_reading = threading.Lock()  # held while the files are read
_journals: list[Journal] = []
_looking = False  # whether a thread looks into the files now and then
_owners: weakref.WeakKeyDictionary[ActiveRun, dict[str, str]] = weakref.WeakKeyDictionary()


class Journal:
    """What is written into the event files of one folder.

    Args:
        folder: its path.
    """

    def __init__(self, folder: str) -> None:
        self.files = EventFiles(folder)
        self.left_out: tuple[str, ...] = ()  # beginnings of names that are not recorded
        self._writers: list[weakref.ref[Any]] = []
        self._runs: list[tuple[float, ActiveRun | None]] = [(0.0, None)]  # whose, from when on
        self._told: dict[
            tuple[str, int], int
        ] = {}  # how many are recorded, and not yet in the file

    def watch(self, writer: Any) -> None:
        """Record from now on what that writer writes."""
        with _lock:
            self._writers.append(weakref.ref(writer))
        self.belongs_to(context.active_run() or self.run)

    @property
    def run(self) -> ActiveRun | None:
        """Whose its values are now."""
        return self._runs[-1][1]

    def writers(self) -> list[Any]:
        """The writers that are still there."""
        return [writer for one in self._writers if (writer := one()) is not None]

    def belongs_to(self, run: ActiveRun | None) -> None:
        """What is written from now on is that run's."""
        if run is not None and not _recorded(run):
            run = None
        if run is not self.run:
            self._runs.append((time.time(), run))
        if run is not None:
            _keep_looking()

    def wrote_for(self, run: ActiveRun) -> bool:
        """Whether anything of it belongs to that run."""
        return any(whose is run for _, whose in self._runs)

    def is_over(self) -> bool:
        """Whether nothing can be added any more; not before there was a writer, or a run."""
        was_used = bool(self._writers) or len(self._runs) > 1
        return was_used and self.run is None and not self.writers()

    def flush(self) -> None:
        """Have the writers put all they have into their files, where that adds nothing to a graph."""
        for writer in self.writers():
            is_eager = hasattr(getattr(writer, "_resource", None), "numpy")
            if hasattr(writer, "add_event") or (is_eager and tf.executing_eagerly()):
                with contextlib.suppress(Exception):  # what fails there, the user's own flush tells
                    writer.flush()

    def tell(self, points: Iterable[Point]) -> None:
        """Record what is about to be written."""
        run = self.run
        if run is None or silent_process():
            return
        for point in points:
            if not point.tag.startswith(self.left_out):
                if point.tag not in _owners.get(run, {}):
                    collect()  # in case a graph has used the name before, in another folder
                key = point.tag, point.step
                with _lock:
                    self._told[key] = self._told.get(key, 0) + 1
                log(run, self.files.folder, [point])

    def collect(self) -> None:
        """Give each run the points in the file that are its own, without those it has been told."""
        points: dict[ActiveRun, list[Point]] = {}
        for point in self.files.points():
            if self._was_told(point):
                continue
            run = next((run for since, run in reversed(self._runs) if since <= point.time), None)
            if run is not None and not point.tag.startswith(self.left_out):
                points.setdefault(run, []).append(point)
        del self._runs[:-MOST_RUNS]
        for run, some in points.items():
            log(run, self.files.folder, some)

    def _was_told(self, point: Point) -> bool:
        key = point.tag, point.step
        with _lock:
            count = self._told.pop(key, 0)
            if count > 1:
                self._told[key] = count - 1
        return count > 0


def journal_in(folder: str) -> Journal:
    """That of a folder, which is opened before its first writer is made."""
    # Where it lies does not change with the working directory.
    place = folder if "://" in folder else os.path.abspath(folder)
    with _lock:
        if _runs_changed not in context.listeners:
            context.listeners.append(_runs_changed)
        known = next((one for one in _journals if one.files.folder == place), None)
        if known is None:
            known = Journal(place)
            _journals.append(known)
        return known


def journal_of(writer: Any) -> Journal | None:
    """That which a writer writes into."""
    with _lock:
        return next((one for one in _journals if any(w is writer for w in one.writers())), None)


@_guard
def told(resource: Any, step: int, tag: str, value: Any, metadata: bytes) -> None:
    """A value is about to be written by the writer that has this resource."""
    with _lock:
        journal = next(
            (
                one
                for one in _journals
                if any(getattr(writer, "_resource", None) is resource for writer in one.writers())
            ),
            None,
        )
    if journal and is_scalar(metadata):
        journal.tell([Point(time.time(), step, tag, float(value))])


@_guard
def added(writer: Any, event: Any) -> None:
    """An event is about to be written."""
    if journal := journal_of(writer):
        journal.tell(scalars(event))


def journals_of(run: ActiveRun) -> list[Journal]:
    """What the writers write that belong, or belonged, to a run."""
    with _lock:
        return [one for one in _journals if one.wrote_for(run)]


@_guard
def collect() -> None:
    """Read what has come, and forget writers that are gone."""
    with _reading:
        with _lock:
            journals = list(_journals)
        for journal in journals:
            journal.flush()
            over = journal.is_over()
            with _guard:
                journal.collect()
            if over:
                with _lock:
                    _journals.remove(journal)


def log(run: ActiveRun, folder: str, points: Iterable[Point]) -> None:
    """Record points in a run.

    Args:
        run: the run.
        folder: whose writer has written them: in a run, a name belongs to the folder that had it
            first; the others' names begin with their folder's, as ``test/loss``.
        points: values of scalars.
    """
    options = _options()
    every = options.every_n_iter if options else 1
    owners = _owners.setdefault(run, {})
    metrics = []
    for point in points:
        if (point.step - 1) % every:  # an estimator's steps are 1, 101, 201, ...
            continue
        tag = point.tag
        if owners.setdefault(tag, folder) != folder:
            tag = f"{posixpath.basename(folder.rstrip('/'))}/{tag}"
        metrics.append(Metric(metric_key(tag), point.value, int(point.time * 1000), point.step))
    for start in range(0, len(metrics), AT_ONCE):
        run.log_batch(metrics=metrics[start : start + AT_ONCE])


@_guard
def _runs_changed() -> None:
    """A run has begun or ended in this thread."""
    if silent_process():  # in a forked one, moreover, TensorFlow may hang
        return
    with _lock:
        orphans = [one for one in _journals if one.run is None or not one.run.is_running]
        ended = [one for one in orphans if one.run is not None]
        for journal in ended:
            journal.flush()
        for journal in orphans:
            journal.belongs_to(context.active_run())
    if ended:
        background.submit(collect)


def _keep_looking() -> None:
    """Look into the files now and then, as long as a run is being written."""
    global _looking
    with _lock:
        if not _looking:
            _looking = threads.start("autolog-summaries", _look) is not None


def _look() -> None:
    global _looking
    while True:
        time.sleep(INTERVAL)
        background.submit(collect)
        with _lock:
            if all(one.run is None for one in _journals):
                _looking = False
                return


def _recorded(run: ActiveRun) -> bool:
    options = _options()
    if options is None or not run.is_running:
        return False
    return not options.exclusive or "mlflow.autologging" in run.tags


def _options() -> Options | None:
    """The options of the framework, if it is on."""
    framework = frameworks.get("tensorflow")
    return framework.options if framework else None
