"""Events become rows: one batch in one transaction, as MLflow itself would have written them."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Delete, Table, bindparam, delete, insert, select, update
from sqlalchemy.exc import DataError, InterfaceError, ProgrammingError

from core_client import events
from core_client.entities import DatasetInput, LifecycleStage, RunStatus, SourceType
from core_client.events import Event
from core_client.settings import MAX_KEY, MAX_PARAM_VALUE, MAX_TAG_VALUE
from core_client.stores.sql.connection import insert_many
from core_client.stores.sql.schema import (
    datasets,
    experiment_tags,
    experiments,
    input_tags,
    inputs,
    latest_metrics,
    metrics,
    params,
    runs,
    tags,
)

Refusals = list[tuple[Event, str]]

RUN_NAME = "mlflow.runName"
LARGEST = sys.float_info.max
SECOND_LARGEST = 1.7976931348623155e308
MAX_EXPERIMENT_NAME = 256
MAX_EXPERIMENT_TAG = 20000
CHUNK = 500  # values in one IN (...), below every database's limit of variables
_INT64 = range(-(2**63), 2**63)
# What a driver or we ourselves raise at a value of a wrong type or form.
_POISON = (ValueError, TypeError, ArithmeticError, AttributeError, KeyError,
           DataError, InterfaceError, ProgrammingError)  # fmt: skip


def write(connection: Connection, batch: Sequence[Event], artifact_root: str) -> Refusals:
    """Write a batch; what can never be written is left out and returned with the reason."""
    try:
        with connection.begin_nested():
            writer = _Batch(connection, batch, artifact_root)
            for event in batch:
                writer.take(event)
            writer.flush()
            return writer.refused
    except _POISON as error:
        if len(batch) == 1:
            return [(batch[0], f"Cannot be stored ({type(error).__name__}: {error}): {batch[0]!r}")]
        half = len(batch) // 2  # search for the poisonous event
        return write(connection, batch[:half], artifact_root) + write(
            connection, batch[half:], artifact_root
        )


def stored(value: float | str) -> tuple[float, int]:
    """A metric's value as MLflow stores it, and whether it is NaN.

    NaN is 0 with a flag. An infinity is the largest float, which `loaded` therefore takes for
    infinity; the largest float itself becomes its neighbour.
    """
    value = float(value)
    if value != value:
        return 0.0, 1
    if abs(value) == LARGEST:
        return (SECOND_LARGEST if value > 0 else -SECOND_LARGEST), 0
    return max(-LARGEST, min(LARGEST, value)), 0


def loaded(value: float, is_nan: bool) -> float:
    """The value that `stored` was given."""
    if is_nan:
        return float("nan")
    if abs(value) == LARGEST:
        return float("inf") if value > 0 else float("-inf")
    return value


def chunks(values: Iterable[Any]) -> Iterator[list[Any]]:
    """The values in lists that fit into one IN (...)."""
    every = list(values)
    for start in range(0, len(every), CHUNK):
        yield every[start : start + CHUNK]


class _RunState:
    """What must be known of a run in order to write to it."""

    __slots__ = ("active", "experiment_id", "is_new")

    def __init__(self, experiment_id: int, active: bool, is_new: bool = False) -> None:
        self.experiment_id = experiment_id
        self.active = active
        self.is_new = is_new


class _Batch:
    """One batch under way. Rare events are written at once, frequent ones gathered for `flush`."""

    def __init__(self, connection: Connection, batch: Sequence[Event], artifact_root: str) -> None:
        self.connection = connection
        self.artifact_root = artifact_root
        self.refused: Refusals = []
        self.runs: dict[str, _RunState] = {}
        self.metrics: list[tuple[Any, ...]] = []
        self.latest: dict[tuple[str, str], tuple[int, int, float, int]] = {}
        self.params: dict[str, dict[str, str]] = {}
        self.new_params: list[tuple[Any, ...]] = []
        self.tags: dict[tuple[str, str], str | None] = {}
        self.load_runs({run_id for e in batch if (run_id := getattr(e, "run_id", None))})

    def load_runs(self, run_ids: Iterable[str]) -> None:
        """Read, and lock where the database can, the runs that the batch is about."""
        columns = (runs.c.run_uuid, runs.c.experiment_id, runs.c.lifecycle_stage)
        for some in chunks(sorted(run_ids)):
            query = select(*columns).where(runs.c.run_uuid.in_(some)).with_for_update()
            for run_id, experiment_id, stage in self.connection.execute(query):
                self.runs[run_id] = _RunState(experiment_id, stage == LifecycleStage.ACTIVE)

    def take(self, event: Event) -> None:
        reason = _HANDLERS[type(event)](self, event)
        if reason:
            self.refused.append((event, reason))

    def refuse(self, event: Event, reason: str) -> None:
        self.refused.append((event, reason))

    # Runs

    def run_started(self, event: events.RunStarted) -> str | None:
        if event.run_id in self.runs:
            return None
        found = self.experiment(event.experiment_id, event.experiment_name, event.start_time)
        if isinstance(found, str):
            return found
        experiment_id, location = found
        name = event.tags.get(RUN_NAME) or event.run_name
        self.connection.execute(
            insert(runs).values(
                run_uuid=event.run_id,
                name=name,
                source_type=SourceType.UNKNOWN,
                source_name="",
                entry_point_name="",
                user_id=event.user_id,
                status=RunStatus.RUNNING,
                start_time=event.start_time,
                source_version="",
                lifecycle_stage=LifecycleStage.ACTIVE,
                artifact_uri=event.artifact_uri or f"{location}/{event.run_id}/artifacts",
                experiment_id=experiment_id,
            )
        )
        self.runs[event.run_id] = _RunState(experiment_id, active=True, is_new=True)
        self.gather_tags(event, {RUN_NAME: name, **event.tags} if name else event.tags)
        return None

    def run_resumed(self, event: events.RunResumed) -> str | None:
        return self.closed(event.run_id) or self.update_run(
            event.run_id, status=RunStatus.RUNNING, end_time=None
        )

    def run_ended(self, event: events.RunEnded) -> str | None:
        if event.status not in RunStatus.ALL:
            return f"'{event.status}' is no status of a run; use one of {', '.join(RunStatus.ALL)}."
        return self.update_run(event.run_id, status=event.status, end_time=event.end_time)

    def run_renamed(self, event: events.RunRenamed) -> str | None:
        return self.change_tags(event, {RUN_NAME: event.name})

    def run_deleted(self, event: events.RunDeleted) -> str | None:
        return self.update_run(
            event.run_id, lifecycle_stage=LifecycleStage.DELETED, deleted_time=event.time
        )

    def run_restored(self, event: events.RunRestored) -> str | None:
        return self.update_run(
            event.run_id, lifecycle_stage=LifecycleStage.ACTIVE, deleted_time=None
        )

    def update_run(self, run_id: str, **values: Any) -> str | None:
        if run_id not in self.runs:
            return f"Run '{run_id}' does not exist."
        self.connection.execute(update(runs).where(runs.c.run_uuid == run_id).values(**values))
        if "lifecycle_stage" in values:
            self.runs[run_id].active = values["lifecycle_stage"] == LifecycleStage.ACTIVE
        return None

    def closed(self, run_id: str) -> str | None:
        """Why nothing may be written to a run, or None."""
        run = self.runs.get(run_id)
        if run is None:
            return f"Run '{run_id}' does not exist."
        return None if run.active else f"Run '{run_id}' is deleted; restore it to write to it."

    # What runs hold

    def log_metrics(self, event: events.Metrics) -> str | None:
        run_id, timestamp, step = event.run_id, event.timestamp, event.step
        if reason := self.closed(run_id):
            return reason
        if step not in _INT64 or timestamp not in _INT64:
            return f"Step {step} and timestamp {timestamp} must be 64-bit integers."
        for key, value in event.values.items():
            if not 0 < len(key) <= MAX_KEY:
                self.refuse(event, _bad_key("metric", key))
                continue
            if value.__class__ is float and -LARGEST < value < LARGEST:
                number, is_nan = value, 0
            else:
                try:
                    number, is_nan = stored(value)
                except ValueError:
                    self.refuse(event, f"Metric '{key}' has the value {value!r}, no number.")
                    continue
            self.metrics.append((key, number, timestamp, run_id, step, is_nan))
            point = (step, timestamp, number, is_nan)
            place = (run_id, key)
            if place not in self.latest or point > self.latest[place]:
                self.latest[place] = point
        return None

    def log_params(self, event: events.Params) -> str | None:
        if reason := self.closed(event.run_id):
            return reason
        there = self.params_of(event.run_id)
        for key, value in event.values.items():
            if not 0 < len(key) <= MAX_KEY:
                self.refuse(event, _bad_key("param", key))
            elif len(value) > MAX_PARAM_VALUE:
                self.refuse(event, _too_long("param", key, value, MAX_PARAM_VALUE))
            elif there.setdefault(key, value) != value:
                self.refuse(
                    event,
                    f"Param '{key}' of run '{event.run_id}' is '{there[key]}' already and stays "
                    f"so; '{value}' was not stored. Use another key, or a tag.",
                )
            else:
                self.new_params.append((key, value, event.run_id))
        return None

    def params_of(self, run_id: str) -> dict[str, str]:
        if run_id not in self.params:
            query = select(params.c.key, params.c.value).where(params.c.run_uuid == run_id)
            rows = () if self.runs[run_id].is_new else self.connection.execute(query)
            self.params[run_id] = {key: value for key, value in rows}
        return self.params[run_id]

    def set_tags(self, event: events.Tags) -> str | None:
        return self.change_tags(event, event.values)

    def change_tags(
        self, event: events.Tags | events.RunRenamed, values: dict[str, str]
    ) -> str | None:
        if reason := self.closed(event.run_id):
            return reason
        self.gather_tags(event, values)
        if RUN_NAME in values:
            self.update_run(event.run_id, name=values[RUN_NAME])
        return None

    def gather_tags(
        self, event: events.Tags | events.RunRenamed | events.RunStarted, values: dict[str, str]
    ) -> None:
        for key, value in values.items():
            if not 0 < len(key) <= MAX_KEY:
                self.refuse(event, _bad_key("tag", key))
            elif len(value) > MAX_TAG_VALUE:
                self.refuse(event, _too_long("tag", key, value, MAX_TAG_VALUE))
            else:
                self.tags[event.run_id, key] = value

    def delete_tag(self, event: events.TagDeleted) -> str | None:
        if reason := self.closed(event.run_id):
            return reason
        self.tags[event.run_id, event.key] = None
        return None

    def log_inputs(self, event: events.Inputs) -> str | None:
        if reason := self.closed(event.run_id):
            return reason
        for item in event.datasets:
            self.log_input(event.run_id, item)
        return None

    def log_input(self, run_id: str, item: DatasetInput) -> None:
        experiment_id, dataset = self.runs[run_id].experiment_id, item.dataset
        query = select(datasets.c.dataset_uuid).where(
            datasets.c.experiment_id == experiment_id,
            datasets.c.name == dataset.name,
            datasets.c.digest == dataset.digest,
        )
        dataset_id = self.connection.scalar(query)
        if dataset_id is None:
            dataset_id = uuid.uuid4().hex
            self.connection.execute(
                insert(datasets).values(
                    dataset_uuid=dataset_id,
                    experiment_id=experiment_id,
                    name=dataset.name,
                    digest=dataset.digest,
                    dataset_source_type=dataset.source_type,
                    dataset_source=dataset.source,
                    dataset_schema=dataset.schema,
                    dataset_profile=dataset.profile,
                )
            )
        link = {
            "source_type": "DATASET",
            "source_id": dataset_id,
            "destination_type": "RUN",
            "destination_id": run_id,
        }
        there = select(inputs.c.input_uuid).where(*(inputs.c[k] == v for k, v in link.items()))
        if self.connection.scalar(there) is None:
            input_id = uuid.uuid4().hex
            self.connection.execute(insert(inputs).values(input_uuid=input_id, **link))
            rows = [
                {"input_uuid": input_id, "name": tag.key, "value": tag.value} for tag in item.tags
            ]
            if rows:
                self.connection.execute(insert(input_tags), rows)

    # Experiments

    def experiment(self, experiment_id: str, name: str = "", now: int = 0) -> tuple[int, str] | str:
        """Number and artifact location of an active experiment, or why there is none.

        Without an id the experiment of that name, which is created if need be.
        """
        columns = (
            experiments.c.experiment_id,
            experiments.c.artifact_location,
            experiments.c.lifecycle_stage,
        )
        is_it = (
            experiments.c.experiment_id == experiment_number(experiment_id)
            if experiment_id
            else experiments.c.name == name
        )
        row = self.connection.execute(select(*columns).where(is_it)).first()
        if row is None:
            if experiment_id:
                return f"Experiment '{experiment_id}' does not exist."
            return self.create_experiment(name, "", {}, now)
        number, location, stage = row
        if stage != LifecycleStage.ACTIVE:
            return f"Experiment '{experiment_id or name}' is deleted; restore it or name another."
        return number, location

    def create_experiment(
        self, name: str, location: str, values: dict[str, str], now: int
    ) -> tuple[int, str] | str:
        if not 0 < len(name) <= MAX_EXPERIMENT_NAME:
            return _bad_experiment_name(name)
        result = self.connection.execute(
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
            location = f"{self.artifact_root}/{number}"
            self.update_experiment(number, artifact_location=location)
        self.write_experiment_tags(number, values)
        return number, location

    def experiment_created(self, event: events.ExperimentCreated) -> str | None:
        if reason := _bad_experiment_tags(event.tags):
            return reason
        query = select(experiments.c.experiment_id).where(experiments.c.name == event.name)
        if self.connection.scalar(query) is not None:
            return None
        made = self.create_experiment(event.name, event.artifact_location, event.tags, event.time)
        return made if isinstance(made, str) else None

    def experiment_renamed(self, event: events.ExperimentRenamed) -> str | None:
        found = self.experiment(event.experiment_id)
        if isinstance(found, str):
            return found
        if not 0 < len(event.name) <= MAX_EXPERIMENT_NAME:
            return _bad_experiment_name(event.name)
        query = select(experiments.c.experiment_id).where(experiments.c.name == event.name)
        if self.connection.scalar(query) not in (None, found[0]):
            return f"Another experiment has the name '{event.name}' already."
        self.update_experiment(found[0], name=event.name, last_update_time=event.time)
        return None

    def experiment_tagged(self, event: events.ExperimentTagged) -> str | None:
        found = self.experiment(event.experiment_id)
        if isinstance(found, str):
            return found
        if reason := _bad_experiment_tags(event.values):
            return reason
        self.write_experiment_tags(found[0], event.values)
        return None

    def experiment_deleted(self, event: events.ExperimentDeleted) -> str | None:
        return self.move_experiment(event, LifecycleStage.DELETED, event.time)

    def experiment_restored(self, event: events.ExperimentRestored) -> str | None:
        return self.move_experiment(event, LifecycleStage.ACTIVE, None)

    def move_experiment(
        self,
        event: events.ExperimentDeleted | events.ExperimentRestored,
        stage: str,
        deleted_time: int | None,
    ) -> str | None:
        """Delete or restore an experiment that is not so yet, and all of its runs."""
        number = experiment_number(event.experiment_id)
        query = select(experiments.c.lifecycle_stage).where(experiments.c.experiment_id == number)
        now = self.connection.scalar(query)
        if now is None:
            return f"Experiment '{event.experiment_id}' does not exist."
        if now == stage:
            return None
        self.update_experiment(number, lifecycle_stage=stage, last_update_time=event.time)
        self.connection.execute(
            update(runs)
            .where(runs.c.experiment_id == number, runs.c.lifecycle_stage != stage)
            .values(lifecycle_stage=stage, deleted_time=deleted_time)
        )
        for run in self.runs.values():
            if run.experiment_id == number:
                run.active = stage == LifecycleStage.ACTIVE
        return None

    def update_experiment(self, number: int, **values: Any) -> None:
        self.connection.execute(
            update(experiments).where(experiments.c.experiment_id == number).values(**values)
        )

    def write_experiment_tags(self, number: int, values: dict[str, str]) -> None:
        rows = [{"experiment_id": number, "key": k, "value": v} for k, v in values.items()]
        for row in rows:
            self.connection.execute(
                delete(experiment_tags).where(
                    experiment_tags.c.experiment_id == number, experiment_tags.c.key == row["key"]
                )
            )
        if rows:
            self.connection.execute(insert(experiment_tags), rows)

    # What was gathered

    def flush(self) -> None:
        """Write the metrics, params and tags of all events."""
        insert_many(self.connection, metrics, self.metrics)
        self.flush_latest()
        insert_many(self.connection, params, self.new_params)
        self.flush_tags()

    def flush_latest(self) -> None:
        """Let ``latest_metrics`` hold the point of the greatest step, time and value."""
        keys: dict[str, list[str]] = {}
        for run_id, key in self.latest:
            if not self.runs[run_id].is_new:
                keys.setdefault(run_id, []).append(key)
        stale = []
        for run_id, wanted in keys.items():
            for some in chunks(wanted):
                query = select(latest_metrics).where(
                    latest_metrics.c.run_uuid == run_id, latest_metrics.c.key.in_(some)
                )
                for row in self.connection.execute(query):
                    there = (row.step, row.timestamp, row.value, row.is_nan)
                    if self.latest[run_id, row.key] > there:
                        stale.append({"old_run": run_id, "old_key": row.key})
                    else:
                        del self.latest[run_id, row.key]
        if stale:
            self.connection.execute(_same_key(latest_metrics), stale)
        rows = [
            (key, value, timestamp, step, is_nan, run_id)
            for (run_id, key), (step, timestamp, value, is_nan) in self.latest.items()
        ]
        insert_many(self.connection, latest_metrics, rows)

    def flush_tags(self) -> None:
        if self.tags:
            old = [{"old_run": run_id, "old_key": key} for run_id, key in self.tags]
            self.connection.execute(_same_key(tags), old)
        rows: list[tuple[Any, ...]] = [
            (key, value, run) for (run, key), value in self.tags.items() if value is not None
        ]
        insert_many(self.connection, tags, rows)


def _same_key(table: Table) -> Delete:
    """Removes rows of given run and key; an upsert that every database understands begins so."""
    return delete(table).where(
        table.c.run_uuid == bindparam("old_run"), table.c.key == bindparam("old_key")
    )


def experiment_number(experiment_id: str) -> int:
    """The number of an experiment; what is no number belongs to no experiment."""
    return int(experiment_id) if experiment_id.isdecimal() and len(experiment_id) < 19 else -1


def _bad_key(kind: str, key: str) -> str:
    return f"The key of a {kind} must have 1 to {MAX_KEY} characters; '{key[:40]}' has {len(key)}."


def _too_long(kind: str, key: str, value: str, limit: int) -> str:
    return f"The value of {kind} '{key}' has {len(value)} characters; at most {limit} are kept."


def _bad_experiment_name(name: str) -> str:
    return (
        f"An experiment's name must have 1 to {MAX_EXPERIMENT_NAME} characters; "
        f"'{name[:40]}' has {len(name)}."
    )


def _bad_experiment_tags(values: dict[str, str]) -> str | None:
    for key, value in values.items():
        if not 0 < len(key) <= MAX_KEY:
            return _bad_key("experiment tag", key)
        if len(value) > MAX_EXPERIMENT_TAG:
            return _too_long("experiment tag", key, value, MAX_EXPERIMENT_TAG)
    return None


_HANDLERS: dict[type, Callable[[_Batch, Any], str | None]] = {
    events.Metrics: _Batch.log_metrics,
    events.Params: _Batch.log_params,
    events.Tags: _Batch.set_tags,
    events.TagDeleted: _Batch.delete_tag,
    events.Inputs: _Batch.log_inputs,
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
