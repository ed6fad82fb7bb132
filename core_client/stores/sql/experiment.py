"""How experiments are written; the functions raise Unfit where MLflow would refuse."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from core_client import events
from core_client.entities import LifecycleStage
from core_client.stores.sql.finding import has_key
from core_client.stores.sql.keys import experiment_number
from core_client.stores.sql.schema import experiment_tags, experiments, runs
from core_client.stores.values import (
    Unfit,
    check_experiment_name,
    check_experiment_tags,
    not_kept,
)


def place_of(
    connection: Connection, event: events.RunStarted, artifact_root: str
) -> tuple[int, str]:
    """Number and artifact location of the experiment that a run belongs to."""
    if event.experiment_id:
        return _active(connection, event.experiment_id)
    row = _named(connection, event.experiment_name)
    if row is None:
        return _insert(connection, event.experiment_name, "", event.start_time, artifact_root)
    if row.lifecycle_stage != LifecycleStage.ACTIVE:
        raise Unfit(
            f"Experiment '{event.experiment_name}' is deleted; restore it or name another one."
        )
    return row.experiment_id, row.artifact_location


def create(connection: Connection, event: events.ExperimentCreated, artifact_root: str) -> None:
    """Add an experiment with its tags, unless there is one of that name."""
    check_experiment_tags(event.tags)
    if _named(connection, event.name) is None:
        number, _ = _insert(
            connection, event.name, event.artifact_location, event.time, artifact_root
        )
        _write_tags(connection, number, event.tags)


def rename(connection: Connection, event: events.ExperimentRenamed) -> None:
    """Give an active experiment a name that no other has."""
    number, _ = _active(connection, event.experiment_id)
    check_experiment_name(event.name)
    row = _named(connection, event.name)
    if row is not None and row.experiment_id != number:
        raise Unfit(f"Another experiment has the name '{event.name}' already.")
    _update(connection, number, name=event.name, last_update_time=event.time)


def tag(connection: Connection, event: events.ExperimentTagged) -> None:
    """Set tags of an active experiment."""
    number, _ = _active(connection, event.experiment_id)
    check_experiment_tags(event.values)
    _write_tags(connection, number, event.values)


def move(
    connection: Connection, event: events.ExperimentDeleted | events.ExperimentRestored, stage: str
) -> int | None:
    """Delete or restore an experiment and its runs; returns its number if that was news."""
    number = experiment_number(event.experiment_id)
    query = select(experiments.c.lifecycle_stage).where(experiments.c.experiment_id == number)
    before = connection.scalar(query)
    if before is None:
        raise Unfit(f"Experiment '{event.experiment_id}' does not exist.")
    if before == stage:
        return None
    _update(connection, number, lifecycle_stage=stage, last_update_time=event.time)
    deleted_time = event.time if stage == LifecycleStage.DELETED else None
    connection.execute(
        update(runs)
        .where(runs.c.experiment_id == number, runs.c.lifecycle_stage != stage)
        .values(lifecycle_stage=stage, deleted_time=deleted_time)
    )
    return number


def _active(connection: Connection, experiment_id: str) -> tuple[int, str]:
    number = experiment_number(experiment_id)
    query = select(experiments).where(experiments.c.experiment_id == number)
    row = connection.execute(query).first()
    if row is None:
        raise Unfit(f"Experiment '{experiment_id}' does not exist.")
    if row.lifecycle_stage != LifecycleStage.ACTIVE:
        raise Unfit(f"Experiment '{experiment_id}' is deleted; restore it or name another one.")
    return number, row.artifact_location


def _named(connection: Connection, name: str) -> Any:
    return connection.execute(select(experiments).where(experiments.c.name == name)).first()


def _insert(
    connection: Connection, name: str, location: str, now: int, artifact_root: str
) -> tuple[int, str]:
    check_experiment_name(name)
    result = connection.execute(
        insert(experiments).values(
            name=name,
            artifact_location=location,
            lifecycle_stage=LifecycleStage.ACTIVE,
            creation_time=now,
            last_update_time=now,
        )
    )
    number: int = result.inserted_primary_key[0]  # type: ignore[index]
    if not location:
        location = f"{artifact_root}/{number}"
        _update(connection, number, artifact_location=location)
    return number, location


def _update(connection: Connection, number: int, **values: Any) -> None:
    connection.execute(
        update(experiments).where(experiments.c.experiment_id == number).values(**values)
    )


def _write_tags(connection: Connection, number: int, values: dict[str, str]) -> None:
    of_experiment = experiment_tags.c.experiment_id == number
    column = experiment_tags.c.key
    for key, value in values.items():
        connection.execute(
            delete(experiment_tags).where(of_experiment, has_key(experiment_tags, key))
        )
        if connection.scalar(select(column).where(of_experiment, column == key)) is not None:
            raise Unfit(not_kept(key, f"experiment '{number}'"))
        connection.execute(
            insert(experiment_tags).values(experiment_id=number, key=key, value=value)
        )
