"""How experiments are written to folders; the functions raise Unfit where MLflow would refuse."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from core_client import events
from core_client.entities import LifecycleStage
from core_client.settings import DEFAULT_EXPERIMENT_ID
from core_client.stores.file.layout import Layout, key_file, read_meta
from core_client.stores.file.reading import is_deleted
from core_client.stores.values import Unfit, check_experiment_name, check_experiment_tags


def create_default(layout: Layout, now: int) -> None:
    """Make the experiment ``Default``, unless it is there."""
    if layout.experiment(DEFAULT_EXPERIMENT_ID) is None:
        with layout.alone():
            if layout.experiment(DEFAULT_EXPERIMENT_ID) is None:
                _make(layout, DEFAULT_EXPERIMENT_ID, "Default", "", now, {})


def place_of(layout: Layout, event: events.RunStarted) -> tuple[Path, str]:
    """Folder and artifact location of the experiment that a run belongs to."""
    if event.experiment_id:
        folder = active(layout, event.experiment_id)
    else:
        there = named(layout, event.experiment_name)
        if there is None:
            check_experiment_name(event.experiment_name)
            there = _make(layout, _new_id(layout), event.experiment_name, "", event.start_time, {})
        elif is_deleted(read_meta(there)):
            raise Unfit(
                f"Experiment '{event.experiment_name}' is deleted; restore it or name another one."
            )
        folder = there
    return folder, str(read_meta(folder).get("artifact_location"))


def create(layout: Layout, event: events.ExperimentCreated) -> None:
    """Add an experiment with its tags, unless there is one of that name."""
    check_experiment_name(event.name)
    check_experiment_tags(event.tags)
    if named(layout, event.name) is None:
        location = event.artifact_location
        _make(layout, _new_id(layout), event.name, location, event.time, event.tags)


def rename(layout: Layout, event: events.ExperimentRenamed) -> None:
    """Give an active experiment a name that no other has."""
    folder = active(layout, event.experiment_id)
    check_experiment_name(event.name)
    if named(layout, event.name) not in (None, folder):
        raise Unfit(f"Another experiment has the name '{event.name}' already.")
    _update(layout, folder, name=event.name, last_update_time=event.time)


def tag(layout: Layout, event: events.ExperimentTagged) -> None:
    """Set tags of an active experiment."""
    folder = active(layout, event.experiment_id)
    check_experiment_tags(event.values)
    _write_tags(layout, folder, event.values)


def move(
    layout: Layout, event: events.ExperimentDeleted | events.ExperimentRestored, stage: str
) -> None:
    """Delete or restore an experiment and its runs."""
    folder = layout.experiment(event.experiment_id)
    if folder is None:
        raise Unfit(f"Experiment '{event.experiment_id}' does not exist.")
    deleted = stage == LifecycleStage.DELETED
    place = (layout.trash if deleted else layout.root) / folder.name
    if read_meta(folder).get("lifecycle_stage") == stage and place == folder:
        return
    for run in layout.runs(folder):
        meta = read_meta(run)
        if meta.get("lifecycle_stage") != stage:
            meta |= {"lifecycle_stage": stage, "deleted_time": event.time if deleted else None}
            layout.write_meta(run, meta)
    _update(layout, folder, lifecycle_stage=stage, last_update_time=event.time)
    folder.rename(place)  # last: until then, the next try begins anew


def active(layout: Layout, experiment_id: str) -> Path:
    """The folder of an experiment that is not deleted."""
    folder = layout.experiment(experiment_id)
    if folder is None:
        raise Unfit(f"Experiment '{experiment_id}' does not exist.")
    if is_deleted(read_meta(folder)):
        raise Unfit(f"Experiment '{experiment_id}' is deleted; restore it or name another one.")
    return folder


def named(layout: Layout, name: str) -> Path | None:
    """The folder of the experiment of that name, deleted or not."""
    for folder in layout.experiments() + layout.experiments(deleted=True):
        if read_meta(folder).get("name") == name:
            return folder
    return None


def _new_id(layout: Layout) -> str:
    """An id such as MLflow chooses: many may be made at once, in copies of the store too."""
    while True:
        number = str(10**17 + secrets.randbelow(9 * 10**17))
        if layout.experiment(number) is None:
            return number


def _make(
    layout: Layout, number: str, name: str, location: str, now: int, tags: dict[str, str]
) -> Path:
    folder = layout.root / number
    _write_tags(layout, folder, tags)
    described = {
        "artifact_location": location or folder.as_uri(),
        "creation_time": now,
        "experiment_id": number,
        "last_update_time": now,
        "lifecycle_stage": LifecycleStage.ACTIVE,
        "name": name,
    }
    layout.write_meta(folder, described)  # last: it makes the folder an experiment
    return folder


def _update(layout: Layout, folder: Path, **values: Any) -> None:
    layout.write_meta(folder, read_meta(folder) | values)


def _write_tags(layout: Layout, folder: Path, values: dict[str, str]) -> None:
    for key, value in values.items():
        layout.write(key_file(folder / "tags", key), value)
