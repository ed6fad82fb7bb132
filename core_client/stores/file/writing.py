"""Events become files: every one that is there already is left as it is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from core_client import events
from core_client.entities import DatasetInput, LifecycleStage, RunStatus
from core_client.events import Event
from core_client.settings import MAX_PARAM_VALUE, MAX_TAG_VALUE
from core_client.stores.file import experiments
from core_client.stores.file.layout import Layout, key_file, read_meta
from core_client.stores.file.points import Point, PointFiles
from core_client.stores.file.reading import STATES, is_deleted
from core_client.stores.values import RUN_NAME, Unfit, check, check_instant, short

Refusals = list[tuple[Event, str]]

# After these, a run may be deleted, or lie elsewhere.
_MOVES = (
    events.RunDeleted,
    events.RunRestored,
    events.ExperimentDeleted,
    events.ExperimentRestored,
)

_LOCAL_SOURCE = 4  # what MLflow writes into every run's description


def write(layout: Layout, files: PointFiles, batch: Sequence[Event]) -> Refusals:
    """Write a batch; what MLflow would refuse is left out and returned with the reason."""
    return _Batch(layout, files).write(batch)


class _Batch:
    """One batch under way. Points are written at its end, each file once."""

    def __init__(self, layout: Layout, files: PointFiles) -> None:
        self.layout = layout
        self.files = files
        self.refused: Refusals = []
        self.points: dict[tuple[str, str], list[tuple[Event, Point]]] = {}
        self.active: dict[str, Path] = {}  # runs that may be written to, as far as was asked

    def write(self, batch: Sequence[Event]) -> Refusals:
        for event in batch:
            if isinstance(event, _MOVES):
                self.active.clear()
            try:
                _HANDLERS[type(event)](self, event)
            except Unfit as unfit:
                self.refuse(event, str(unfit))
            except (ValueError, TypeError, OverflowError) as error:
                self.refuse(event, f"{short(event)} cannot be stored: {error}")
        self.write_points()
        return self.refused

    def refuse(self, event: Event, reason: str) -> None:
        self.refused.append((event, reason))

    def run(self, run_id: str) -> Path:
        folder = self.layout.run(run_id)
        if folder is None:
            raise Unfit(f"Run '{run_id}' does not exist.")
        return folder

    def active_run(self, run_id: str) -> Path:
        if run_id not in self.active:
            folder = self.run(run_id)
            if is_deleted(read_meta(folder)):
                raise Unfit(f"Run '{run_id}' is deleted; restore it to write to it.")
            self.active[run_id] = folder
        return self.active[run_id]

    def update_run(self, folder: Path, **values: Any) -> None:
        self.layout.write_meta(folder, read_meta(folder) | values)

    # A run's life

    def run_started(self, event: events.RunStarted) -> None:
        if self.layout.run(event.run_id):
            return
        experiment, location = experiments.place_of(self.layout, event)
        name = event.tags.get(RUN_NAME) or event.run_name
        folder = experiment / event.run_id
        for part in ("artifacts", "metrics", "params", "tags"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        self.write_tags(event, folder, {RUN_NAME: name, **event.tags} if name else event.tags)
        described: dict[str, Any] = {
            "artifact_uri": event.artifact_uri or f"{location}/{event.run_id}/artifacts",
            "deleted_time": None,
            "end_time": None,
            "entry_point_name": "",
            "experiment_id": experiment.name,
            "lifecycle_stage": LifecycleStage.ACTIVE,
            "run_id": event.run_id,
            "run_name": name,
            "run_uuid": event.run_id,  # MLflow 1 knows it by this name
            "source_name": "",
            "source_type": _LOCAL_SOURCE,
            "source_version": "",
            "start_time": event.start_time,
            "status": STATES.index(RunStatus.RUNNING) + 1,
            "tags": [],
            "user_id": event.user_id,
        }
        self.layout.write_meta(folder, described)  # last: it makes the folder a run

    def run_resumed(self, event: events.RunResumed) -> None:
        folder = self.active_run(event.run_id)
        self.update_run(folder, status=STATES.index(RunStatus.RUNNING) + 1, end_time=None)

    def run_ended(self, event: events.RunEnded) -> None:
        folder = self.run(event.run_id)
        if event.status not in STATES:
            known = ", ".join(STATES)
            raise Unfit(f"'{event.status}' is no status of a run; use one of {known}.")
        self.update_run(folder, status=STATES.index(event.status) + 1, end_time=event.end_time)

    def run_renamed(self, event: events.RunRenamed) -> None:
        folder = self.active_run(event.run_id)
        self.update_run(folder, run_name=event.name)
        self.write_tags(event, folder, {RUN_NAME: event.name})

    def run_deleted(self, event: events.RunDeleted) -> None:
        folder = self.run(event.run_id)
        self.update_run(folder, lifecycle_stage=LifecycleStage.DELETED, deleted_time=event.time)

    def run_restored(self, event: events.RunRestored) -> None:
        folder = self.run(event.run_id)
        self.update_run(folder, lifecycle_stage=LifecycleStage.ACTIVE, deleted_time=None)

    # What a run holds

    def log_metrics(self, event: events.Metrics | events.ModelMetrics) -> None:
        folder = self.active_run(event.run_id)
        check_instant(event.step, event.timestamp)
        for key, value in event.values.items():
            try:
                check("metric", key)
                key_file(folder / "metrics", key)
                number = float(value)
            except Unfit as unfit:
                self.refuse(event, str(unfit))
                continue
            except (ValueError, OverflowError):
                self.refuse(event, f"The value of metric '{key}' is no number: {short(value)}.")
                continue
            is_nan = number != number
            point = Point(event.timestamp, event.step, 0.0 if is_nan else number, is_nan)
            self.points.setdefault((event.run_id, key), []).append((event, point))

    def write_points(self) -> None:
        for (run_id, key), found in self.points.items():
            path = key_file(self.run(run_id) / "metrics", key)
            try:
                self.files.add(path, (point for _, point in found))
            except Unfit as unfit:
                for event, _ in found:
                    self.refuse(event, str(unfit))

    def log_params(self, event: events.Params) -> None:
        folder = self.active_run(event.run_id)
        for key, value in event.values.items():
            try:
                check("param", key, value, MAX_PARAM_VALUE)
                self.write_param(event.run_id, key_file(folder / "params", key), key, value)
            except Unfit as unfit:
                self.refuse(event, str(unfit))

    def write_param(self, run_id: str, path: Path, key: str, value: str) -> None:
        if not path.is_file():
            self.layout.write(path, value)
            return
        there = path.read_bytes().decode("utf-8", "replace")
        if there != value:
            raise Unfit(
                f"Param '{key}' of run '{run_id}' is {short(there)} already and stays so; "
                f"{short(value)} was not stored. Use another key, or a tag."
            )

    def set_tags(self, event: events.Tags) -> None:
        folder = self.active_run(event.run_id)
        if RUN_NAME in event.values:
            self.update_run(folder, run_name=event.values[RUN_NAME])
        self.write_tags(event, folder, event.values)

    def write_tags(self, event: Event, folder: Path, values: dict[str, str]) -> None:
        for key, value in values.items():
            try:
                check("tag", key, value, MAX_TAG_VALUE)
                self.layout.write(key_file(folder / "tags", key), value)
            except Unfit as unfit:
                self.refuse(event, str(unfit))

    def delete_tag(self, event: events.TagDeleted) -> None:
        path = key_file(self.active_run(event.run_id) / "tags", event.key)
        if path.is_file():
            path.unlink()

    def no_model(self, event: Event) -> None:
        """A model is a folder of its run's artifacts here."""

    def log_inputs(self, event: events.Inputs) -> None:
        folder = self.active_run(event.run_id)
        for item in event.datasets:
            self.add_input(folder, item)

    def add_input(self, folder: Path, item: DatasetInput) -> None:
        dataset = item.dataset
        dataset_id = _md5(dataset.name, dataset.digest)
        place = folder.parent / "datasets" / dataset_id
        if not read_meta(place):
            described = {
                "digest": dataset.digest,
                "name": dataset.name,
                "profile": dataset.profile,
                "schema": dataset.schema,
                "source": dataset.source,
                "source_type": dataset.source_type,
            }
            self.layout.write_meta(place, described)
        link = folder / "inputs" / _md5(dataset_id, folder.name)
        if not read_meta(link):
            used = {
                "destination_id": folder.name,
                "destination_type": "RUN",
                "source_id": dataset_id,
                "source_type": "DATASET",
                "tags": {tag.key: tag.value for tag in item.tags},
            }
            self.layout.write_meta(link, used)

    # Experiments

    def experiment_created(self, event: events.ExperimentCreated) -> None:
        experiments.create(self.layout, event)

    def experiment_renamed(self, event: events.ExperimentRenamed) -> None:
        experiments.rename(self.layout, event)

    def experiment_tagged(self, event: events.ExperimentTagged) -> None:
        experiments.tag(self.layout, event)

    def experiment_deleted(self, event: events.ExperimentDeleted) -> None:
        experiments.move(self.layout, event, LifecycleStage.DELETED)

    def experiment_restored(self, event: events.ExperimentRestored) -> None:
        experiments.move(self.layout, event, LifecycleStage.ACTIVE)


def _md5(*texts: str) -> str:
    """The name of a folder, as MLflow derives it."""
    return hashlib.md5("".join(texts).encode(), usedforsecurity=False).hexdigest()


_HANDLERS: dict[type, Callable[[_Batch, Any], None]] = {
    events.Metrics: _Batch.log_metrics,
    events.Params: _Batch.log_params,
    events.Tags: _Batch.set_tags,
    events.TagDeleted: _Batch.delete_tag,
    events.Inputs: _Batch.log_inputs,
    events.ModelLogged: _Batch.no_model,
    events.ModelMetrics: _Batch.log_metrics,
    events.ModelReady: _Batch.no_model,
    events.RunStarted: _Batch.run_started,
    events.RunResumed: _Batch.run_resumed,
    events.RunEnded: _Batch.run_ended,
    events.RunRenamed: _Batch.run_renamed,
    events.RunDeleted: _Batch.run_deleted,
    events.RunRestored: _Batch.run_restored,
    events.ExperimentCreated: _Batch.experiment_created,
    events.ExperimentRenamed: _Batch.experiment_renamed,
    events.ExperimentTagged: _Batch.experiment_tagged,
    events.ExperimentDeleted: _Batch.experiment_deleted,
    events.ExperimentRestored: _Batch.experiment_restored,
}
