"""A whole store into another one: `autolog sync --from URI --to URI`. The first stays as it is.

Every run is compared with its copy, written if they differ, and compared again. So it may be
broken off at any time, and what is there already is not sent twice.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import tempfile
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from core_client import stores
from core_client.artifacts import Artifacts, LocalArtifacts, open_artifacts
from core_client.clock import now
from core_client.destination import destination
from core_client.entities import Experiment, LifecycleStage, Metric, Run, RunStatus, ViewType
from core_client.events import (
    Event,
    ExperimentCreated,
    ExperimentDeleted,
    ExperimentRestored,
    ExperimentTagged,
    Inputs,
    Metrics,
    Params,
    RunDeleted,
    RunEnded,
    RunRestored,
    RunStarted,
    Tags,
    writable,
)
from core_client.exceptions import MlflowException, invalid, missing
from core_client.move_models import ModelMove
from core_client.run import PARENT
from core_client.settings import absolute, without_password
from core_client.spool import folder_for
from core_client.stores.base import Refused, Store
from core_client.stores.values import stored

PAGE = 100  # runs at a time
POINTS = 5000  # points at a time


class Moved(NamedTuple):
    """How it went with one run.

    Args:
        experiment: the name of its experiment.
        run_id: its id in the first store.
        new_id: its id in the second one; servers choose one of their own.
        news: whether something had to be written.
        problem: what the second store did not take; empty if both are alike now.
    """

    experiment: str
    run_id: str
    new_id: str
    news: bool
    problem: str


def move(source_uri: str, target_uri: str, dry_run: bool = False) -> Iterator[Moved]:
    """Copy every experiment and run, deleted ones too, with all they hold, files included.

    Args:
        source_uri: the first store.
        target_uri: the second store.
        dry_run: only compare; nothing is written.

    Raises:
        MlflowException: there is nothing at `source_uri`, both are the same, or one of them
            cannot be reached; the next call goes on from there.
    """
    source, target = absolute(source_uri), absolute(target_uri)
    if without_password(source) == without_password(target):
        raise invalid(f"'{without_password(source)}' cannot be moved into itself.")
    if not _is_there(source):
        raise missing(f"There is nothing at '{stores.place(source)}' to move.")
    if not dry_run:
        with _alone(target):
            yield from _Move(source, target).run()
    elif _is_there(target):
        yield from _Move(source, target).compare()
    else:
        for experiment, run in _all_runs(destination(source).current()):
            yield Moved(experiment.name, run.info.run_id, "", True, "")


def _is_there(uri: str) -> bool:
    """Opening a store makes it; a typing error must not look like a store without runs."""
    place = stores.place(uri)
    return place is None or place.exists()


@contextlib.contextmanager
def _alone(target: str) -> Iterator[None]:
    """No other process of this user moves anything into that store: a deleted run is restored for
    a moment while it is written, and must not be deleted by the other one meanwhile."""
    folder = folder_for(target)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "moving").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class _Move:
    def __init__(self, source: str, target: str) -> None:
        self.uris = (source, target)
        self.source: Store = destination(source).current()
        self.target: Store = destination(target).current()
        self.models = ModelMove(source, target, _sizes)
        self.done: set[str] = set()

    def compare(self) -> Iterator[Moved]:
        """What `run` would write, without writing it."""
        for experiment in _experiments(self.source):
            place = self.target.get_experiment_by_name(experiment.name)
            for run in self.parents_first(_runs(self.source, experiment)):
                if place:
                    self.target.recognize(run.info.run_id, place.experiment_id)
                copy = self.copy(run)
                news = copy is None or bool(
                    self.differences(run)
                    or self.lacking_files(run, copy)
                    or self.models.lacking(run, copy)
                )
                new_id = copy.info.run_id if copy else ""
                yield Moved(experiment.name, run.info.run_id, new_id, news, "")

    def run(self) -> Iterator[Moved]:
        """Write what is not there; each run once it is done."""
        for experiment in _experiments(self.source):
            place = self.place(experiment)
            for run in self.parents_first(_runs(self.source, experiment)):
                self.target.recognize(run.info.run_id, place.experiment_id)
                yield self.one(run, experiment.name, place)
            if experiment.lifecycle_stage == LifecycleStage.DELETED:
                # No news if it is so already.
                self.target.apply([ExperimentDeleted(place.experiment_id, now())])

    def place(self, experiment: Experiment) -> Experiment:
        """The experiment of that name in the second store, with all tags."""
        there = self.target.get_experiment_by_name(experiment.name)
        if there is None:
            made = experiment.creation_time or now()
            self.target.apply([ExperimentCreated(experiment.name, "", experiment.tags, made)])
            there = self.target.get_experiment_by_name(experiment.name)
        if there is None:
            raise missing(f"The second store did not take the experiment '{experiment.name}'.")
        if not experiment.tags.items() <= there.tags.items():
            number = there.experiment_id
            self.target.apply(
                [ExperimentRestored(number, now()), ExperimentTagged(number, experiment.tags)]
            )
        return there

    def parents_first(self, runs: Iterable[Run]) -> Iterator[Run]:
        """The same runs; each behind its parent, which a server names anew."""
        early: dict[str, Run] = {}
        for run in runs:
            parent = run.data.tags.get(PARENT)
            if parent is None or parent in self.done:
                self.done.add(run.info.run_id)
                yield run
            else:  # begun in the same moment, or the parent is elsewhere or gone
                early[run.info.run_id] = run
        while early:
            ready = [one for one in early.values() if one.data.tags[PARENT] not in early]
            for run in ready or list(early.values()):
                self.done.add(run.info.run_id)
                yield early.pop(run.info.run_id)

    def one(self, run: Run, experiment: str, place: Experiment) -> Moved:
        problems: list[str] = []
        news = bool(self.differences(run))
        if news:
            for events in self.story(run, place):
                try:
                    self.target.apply(events)
                except Refused as refused:
                    problems += [reason for _, reason in refused.reasons]
        try:
            news = self.copy_files(run) or news
        except MlflowException as error:
            problems.append(f"Its files: {error}")
        copy = self.copy(run)
        if copy and self.models.lacking(run, copy):
            news = True
            problems += self.models.copy(run, copy)
            problems += self.models.lacking(run, copy)
        if run.info.lifecycle_stage == LifecycleStage.DELETED:
            self.target.apply([RunDeleted(run.info.run_id, now())])
        if not problems:
            problems = self.differences(run)
        copy = self.copy(run)
        new_id = copy.info.run_id if copy else ""
        return Moved(experiment, run.info.run_id, new_id, news, " ".join(dict.fromkeys(problems)))

    def copy(self, run: Run) -> Run | None:
        try:
            return self.target.get_run(run.info.run_id)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None

    def story(self, run: Run, place: Experiment) -> Iterator[list[Event]]:
        """All that happened to a run, in pieces that fit into memory."""
        info, data, run_id = run.info, run.data, run.info.run_id
        begin: list[Event] = [
            ExperimentRestored(place.experiment_id, now()),  # a deleted one takes nothing
            RunStarted(
                run_id, place.experiment_id, "", info.run_name, info.user_id, info.start_time, "",
                data.tags,
            )
        ]  # fmt: skip
        if self.copy(run):
            begin[1:] = [RunRestored(run_id), Tags(run_id, data.tags)]
        yield [*begin, Params(run_id, data.params), Inputs(run_id, run.inputs.dataset_inputs)]
        for key in data.metrics:
            points = self.points(self.source, run_id, key)
            while some := list(itertools.islice(points, POINTS)):
                yield [
                    Metrics(run_id, one.timestamp, one.step, {key: writable(one.value)})
                    for one in some
                ]
        if info.status != RunStatus.RUNNING:
            yield [RunEnded(run_id, info.status, info.end_time or info.start_time)]

    @staticmethod
    def points(store: Store, run_id: str, key: str) -> Iterator[Metric]:
        token = None
        while True:
            page = store.metric_history(run_id, key, POINTS, token)
            yield from page
            token = page.token
            if not token:
                return

    def differences(self, run: Run) -> list[str]:
        """What the copy lacks or has otherwise, in sentences."""
        copy = self.copy(run)
        if copy is None:
            return ["It is not there."]
        found = [
            f"Its {name} is {theirs!r}, not {ours!r}."
            for name in ("run_name", "status", "start_time", "end_time", "lifecycle_stage")
            if (ours := getattr(run.info, name)) != (theirs := getattr(copy.info, name))
        ]
        if not run.data.params.items() <= copy.data.params.items():
            found.append("Not all of its params are there.")
        tags = run.data.tags
        if PARENT in tags:
            tags = {**tags, PARENT: self.target.own_id(tags[PARENT])}
        if not tags.items() <= copy.data.tags.items():
            found.append("Not all of its tags are there.")
        if _described(run) != _described(copy):
            found.append("Its datasets are not the same.")
        return found + [
            f"Its metric '{key}' does not have the same points."
            for key in run.data.metrics
            if not self.same_points(run.info.run_id, key)
        ]

    def same_points(self, run_id: str, key: str) -> bool:
        ours, theirs = (self.points(store, run_id, key) for store in (self.source, self.target))
        return all(
            one is not None and other is not None and _stored(one) == _stored(other)
            for one, other in itertools.zip_longest(ours, theirs)
        )

    def copy_files(self, run: Run) -> bool:
        """Copy the run's artifacts unless they are there; returns whether that was news."""
        copy = self.copy(run)
        if copy is None or not self.lacking_files(run, copy):
            return False
        ours, theirs = self.artifacts(run, copy)
        with tempfile.TemporaryDirectory() as scratch:
            local = isinstance(ours, LocalArtifacts)
            theirs.add_all(ours.local() if local else ours.download("", scratch))
        lacking = self.lacking_files(run, copy)
        if lacking:
            raise MlflowException(f"these are not there, or not whole: {', '.join(lacking[:4])}.")
        return True

    def lacking_files(self, run: Run, copy: Run) -> list[str]:
        """The paths of files that the copy does not have, or not whole."""
        if copy.info.artifact_uri == run.info.artifact_uri:
            return []
        ours, theirs = (_sizes(one) for one in self.artifacts(run, copy))
        return [path for path in ours if theirs.get(path) != ours[path]]

    def artifacts(self, run: Run, copy: Run) -> tuple[Artifacts, Artifacts]:
        """The files of a run in the first store, and of its copy in the second one."""
        source, target = self.uris
        return (
            open_artifacts(run.info.artifact_uri, source),
            open_artifacts(copy.info.artifact_uri, target),
        )


def _experiments(store: Store) -> Iterator[Experiment]:
    token = None
    while True:
        page = store.search_experiments(ViewType.ALL, order_by=["creation_time"], page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _runs(store: Store, experiment: Experiment) -> Iterator[Run]:
    """All of them, the oldest first: new ones that come meanwhile do not shift the pages."""
    token = None
    while True:
        page = store.search_runs(
            [experiment.experiment_id], "", ViewType.ALL, PAGE, ["start_time ASC"], token
        )
        yield from page
        token = page.token
        if not token:
            return


def _all_runs(store: Store) -> Iterator[tuple[Experiment, Run]]:
    for experiment in _experiments(store):
        for run in _runs(store, experiment):
            yield experiment, run


def _described(run: Run) -> list[str]:
    return sorted(str(item) for item in run.inputs.dataset_inputs)


def _stored(point: Metric) -> tuple[int, int, tuple[float, bool]]:
    """A point as any store holds it: the largest float is another one in databases."""
    return point.timestamp, point.step, stored(point.value)


def _sizes(artifacts: Artifacts, folder: str = "") -> dict[str, int | None]:
    """The sizes of all files, by their paths."""
    found: dict[str, int | None] = {}
    for entry in artifacts.list(folder):
        if entry.is_dir:
            found |= _sizes(artifacts, entry.path)
        else:
            found[entry.path] = entry.file_size
    return found
