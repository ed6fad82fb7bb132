"""Events become rows: one batch in one transaction, as MLflow itself would have written them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import (
    BindParameter,
    Connection,
    Delete,
    Table,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from core_client import events
from core_client.entities import LifecycleStage, Metric, RunStatus, SourceType
from core_client.events import Event, writable
from core_client.settings import MAX_KEY, MAX_PARAM_VALUE, MAX_TAG_VALUE
from core_client.stores.sql import experiment, models
from core_client.stores.sql.alike import TAKES_ALIKE, lost
from core_client.stores.sql.dataset import add_input
from core_client.stores.sql.dialects import exact, insert_many
from core_client.stores.sql.keys import chunks
from core_client.stores.sql.schema import latest_metrics, metrics, params, runs, tags
from core_client.stores.values import (
    LARGEST,
    RUN_NAME,
    Unfit,
    check,
    check_instant,
    loaded,
    not_kept,
    short,
    stored,
)

Refusals = list[tuple[Event, str]]


def write(
    connection: Connection, batch: Sequence[Event], artifact_root: str, has_models: bool
) -> Refusals:
    """Write a batch; what MLflow would refuse is left out and returned with the reason."""
    return _Batch(connection, batch, artifact_root, has_models).write()


class _RunState:
    """What must be known of a run in order to write to it."""

    __slots__ = ("active", "experiment_id", "is_new")

    def __init__(self, experiment_id: int, active: bool, is_new: bool = False) -> None:
        self.experiment_id = experiment_id
        self.active = active
        self.is_new = is_new


class _Batch:
    """One batch under way. Rare events are written at once; metrics, params and tags at the end."""

    def __init__(
        self, connection: Connection, batch: Sequence[Event], artifact_root: str, has_models: bool
    ) -> None:
        self.connection = connection
        self.batch = batch
        self.artifact_root = artifact_root
        self.has_models = has_models
        self.refused: Refusals = []
        self.runs: dict[str, _RunState] = {}
        self.metrics: list[tuple[Any, ...]] = []
        self.latest: dict[tuple[str, str], tuple[int, int, float, int]] = {}
        self.params: dict[str, dict[str, str]] = {}
        self.new_params: list[tuple[Any, ...]] = []
        self.tags: dict[tuple[str, str], str | None] = {}

    def write(self) -> Refusals:
        self.load_runs()
        for event in self.batch:
            try:
                _HANDLERS[type(event)](self, event)
            except Unfit as unfit:
                self.refused.append((event, str(unfit)))
        self.write_values()
        return self.refused

    def write_values(self) -> None:
        """Write what was gathered of metrics, params and tags."""
        insert_many(self.connection, metrics, self.metrics)
        self.write_latest()
        insert_many(self.connection, params, self.new_params)
        self.write_tags()
        self.tell_of_lost_keys()

    def load_runs(self) -> None:
        """Read, and lock where the database can, the runs that the batch is about."""
        wanted = {run_id for event in self.batch if (run_id := getattr(event, "run_id", None))}
        columns = (runs.c.run_uuid, runs.c.experiment_id, runs.c.lifecycle_stage)
        for some in chunks(sorted(wanted)):
            query = (
                select(*columns)
                .where(runs.c.run_uuid.in_(some))
                .order_by(runs.c.run_uuid)  # two writers that lock alike never block each other
                .with_for_update()
                .with_hint(runs, "WITH (UPDLOCK)", "mssql")
            )
            for run_id, experiment_id, stage in self.connection.execute(query):
                self.runs[run_id] = _RunState(experiment_id, stage == LifecycleStage.ACTIVE)

    def run(self, run_id: str) -> _RunState:
        if run_id not in self.runs:
            raise Unfit(f"Run '{run_id}' does not exist.")
        return self.runs[run_id]

    def active_run(self, run_id: str) -> _RunState:
        run = self.run(run_id)
        if not run.active:
            raise Unfit(f"Run '{run_id}' is deleted; restore it to write to it.")
        return run

    def update_run(self, run_id: str, **values: Any) -> None:
        self.connection.execute(update(runs).where(runs.c.run_uuid == run_id).values(**values))

    # A run's life

    def run_started(self, event: events.RunStarted) -> None:
        if event.run_id in self.runs:
            return
        number, location = experiment.place_of(self.connection, event, self.artifact_root)
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
                experiment_id=number,
            )
        )
        self.runs[event.run_id] = _RunState(number, active=True, is_new=True)
        self.gather_tags(event, {RUN_NAME: name, **event.tags} if name else event.tags)

    def run_resumed(self, event: events.RunResumed) -> None:
        self.active_run(event.run_id)
        self.update_run(event.run_id, status=RunStatus.RUNNING, end_time=None)

    def run_ended(self, event: events.RunEnded) -> None:
        self.run(event.run_id)
        if event.status not in RunStatus.ALL:
            known = ", ".join(RunStatus.ALL)
            raise Unfit(f"'{event.status}' is no status of a run; use one of {known}.")
        self.update_run(event.run_id, status=event.status, end_time=event.end_time)

    def run_renamed(self, event: events.RunRenamed) -> None:
        self.active_run(event.run_id)
        self.update_run(event.run_id, name=event.name)
        self.gather_tags(event, {RUN_NAME: event.name})

    def run_deleted(self, event: events.RunDeleted) -> None:
        self.run(event.run_id).active = False
        self.update_run(
            event.run_id, lifecycle_stage=LifecycleStage.DELETED, deleted_time=event.time
        )

    def run_restored(self, event: events.RunRestored) -> None:
        self.run(event.run_id).active = True
        self.update_run(event.run_id, lifecycle_stage=LifecycleStage.ACTIVE, deleted_time=None)

    # What a run holds

    def log_metrics(self, event: events.Metrics | events.ModelMetrics) -> None:
        run_id, timestamp, step = event.run_id, event.timestamp, event.step
        self.active_run(run_id)
        check_instant(step, timestamp)
        for key, value in event.values.items():
            if value.__class__ is float and -LARGEST < value < LARGEST and 0 < len(key) <= MAX_KEY:
                number, is_nan = value, False
            else:
                try:
                    check("metric", key)
                    number, is_nan = stored(value)
                except Unfit as unfit:
                    self.refused.append((event, str(unfit)))
                    continue
                except (ValueError, OverflowError):
                    reason = f"The value of metric '{key}' is no number: {short(value)}."
                    self.refused.append((event, reason))
                    continue
            self.metrics.append((key, number, timestamp, run_id, step, is_nan))
            place = (run_id, key)
            point = (step, timestamp, number, is_nan)
            if place not in self.latest or point > self.latest[place]:
                self.latest[place] = point

    def log_params(self, event: events.Params) -> None:
        run = self.active_run(event.run_id)
        if event.run_id not in self.params:
            query = select(params.c.key, params.c.value).where(params.c.run_uuid == event.run_id)
            rows: Iterable[Any] = () if run.is_new else self.connection.execute(query)
            self.params[event.run_id] = dict(iter(rows))
        there = self.params[event.run_id]
        for key, value in event.values.items():
            try:
                check("param", key, value, MAX_PARAM_VALUE)
            except Unfit as unfit:
                self.refused.append((event, str(unfit)))
                continue
            if there.setdefault(key, value) == value:
                self.new_params.append((key, value, event.run_id))
            else:
                reason = (
                    f"Param '{key}' of run '{event.run_id}' is {short(there[key])} already and "
                    f"stays so; {short(value)} was not stored. Use another key, or a tag."
                )
                self.refused.append((event, reason))

    def set_tags(self, event: events.Tags) -> None:
        self.active_run(event.run_id)
        if RUN_NAME in event.values:
            self.update_run(event.run_id, name=event.values[RUN_NAME])
        self.gather_tags(event, event.values)

    def gather_tags(
        self, event: events.Tags | events.RunRenamed | events.RunStarted, values: dict[str, str]
    ) -> None:
        for key, value in values.items():
            try:
                check("tag", key, value, MAX_TAG_VALUE)
                self.tags[event.run_id, key] = value
            except Unfit as unfit:
                self.refused.append((event, str(unfit)))

    def delete_tag(self, event: events.TagDeleted) -> None:
        self.active_run(event.run_id)
        self.tags[event.run_id, event.key] = None

    def log_inputs(self, event: events.Inputs) -> None:
        run = self.active_run(event.run_id)
        for item in event.datasets:
            add_input(self.connection, run.experiment_id, event.run_id, item)

    # Logged models

    def model_logged(self, event: events.ModelLogged) -> None:
        run = self.active_run(event.run_id)
        if self.has_models:
            self.write_values()  # the model gets what its run holds by now
            self.metrics, self.latest, self.new_params, self.tags = [], {}, [], {}
            for state in self.runs.values():
                state.is_new = False
            models.log(self.connection, event, run.experiment_id)

    def log_model_metrics(self, event: events.ModelMetrics) -> None:
        self.log_metrics(event)
        if self.has_models:
            models.check(self.connection, event.model_id)
            number = self.runs[event.run_id].experiment_id
            points = [
                Metric(key, float(value), event.timestamp, event.step)
                for key, value in event.values.items()
            ]
            models.add_points(self.connection, event, number, points)

    def model_ready(self, event: events.ModelReady) -> None:
        if self.has_models:
            models.ready(self.connection, event.model_id)

    # Experiments

    def experiment_created(self, event: events.ExperimentCreated) -> None:
        experiment.create(self.connection, event, self.artifact_root)

    def experiment_renamed(self, event: events.ExperimentRenamed) -> None:
        experiment.rename(self.connection, event)

    def experiment_tagged(self, event: events.ExperimentTagged) -> None:
        experiment.tag(self.connection, event)

    def experiment_deleted(self, event: events.ExperimentDeleted) -> None:
        self.mark_runs(experiment.move(self.connection, event, LifecycleStage.DELETED), False)

    def experiment_restored(self, event: events.ExperimentRestored) -> None:
        self.mark_runs(experiment.move(self.connection, event, LifecycleStage.ACTIVE), True)

    def mark_runs(self, number: int | None, active: bool) -> None:
        for run in self.runs.values():
            if run.experiment_id == number:
                run.active = active

    # What was gathered

    def write_latest(self) -> None:
        """Let ``latest_metrics`` hold the point of the greatest step, time and value."""
        keys: dict[str, list[str]] = {}
        for run_id, key in self.latest:
            if not self.runs[run_id].is_new:
                keys.setdefault(run_id, []).append(key)
        stale = []
        table = latest_metrics.c
        for run_id, wanted in keys.items():
            for some in chunks(wanted):
                query = select(latest_metrics).where(table.run_uuid == run_id, table.key.in_(some))
                for row in self.connection.execute(query):
                    if (run_id, row.key) not in self.latest:
                        continue  # the database takes it for a wanted one: see `lost`
                    there = (row.step, row.timestamp, row.value, row.is_nan)
                    if self.latest[run_id, row.key] > there:
                        stale.append({"old_run": run_id, "old_key": row.key})
                    else:
                        del self.latest[run_id, row.key]
        if stale:
            self.connection.execute(_same_key(latest_metrics), stale)
        rows: list[tuple[Any, ...]] = [
            (key, value, timestamp, step, is_nan, run_id)
            for (run_id, key), (step, timestamp, value, is_nan) in self.latest.items()
        ]
        insert_many(self.connection, latest_metrics, rows)

    def write_tags(self) -> None:
        if self.tags:
            old = [{"old_run": run_id, "old_key": key} for run_id, key in self.tags]
            self.connection.execute(_same_key(tags), old)
        rows: list[tuple[Any, ...]] = [
            (key, value, run) for (run, key), value in self.tags.items() if value is not None
        ]
        insert_many(self.connection, tags, rows)

    def tell_of_lost_keys(self) -> None:
        """Refuse what the database took for something else that the run has."""
        if self.connection.dialect.name not in TAKES_ALIKE:
            return
        written: list[tuple[Table, dict[tuple[str, str], Event]]] = [
            (latest_metrics, {
                (run_id, key): events.Metrics(
                    run_id, when, step, {key: writable(loaded(value, bool(is_nan)))}
                )
                for (run_id, key), (step, when, value, is_nan) in self.latest.items()
            }),
            (params, {
                (run_id, key): events.Params(run_id, {key: value})
                for key, value, run_id in self.new_params
            }),
            (tags, {
                (run_id, key): events.Tags(run_id, {key: value})
                for (run_id, key), value in self.tags.items()
                if value is not None
            }),
        ]  # fmt: skip
        for table, wanted in written:
            for run_id, key in lost(self.connection, table, wanted):
                self.refused.append((wanted[run_id, key], not_kept(key, f"run '{run_id}'")))


def _same_key(table: Table) -> Delete:
    """Removes rows of given run and key; an upsert that every database understands begins so."""
    old_key: BindParameter[str] = bindparam("old_key")
    return delete(table).where(
        table.c.run_uuid == bindparam("old_run"),
        table.c.key == old_key,
        exact(table.c.key) == old_key,
    )


_HANDLERS: dict[type, Callable[[_Batch, Any], None]] = {
    events.Metrics: _Batch.log_metrics,
    events.Params: _Batch.log_params,
    events.Tags: _Batch.set_tags,
    events.TagDeleted: _Batch.delete_tag,
    events.Inputs: _Batch.log_inputs,
    events.ModelLogged: _Batch.model_logged,
    events.ModelMetrics: _Batch.log_model_metrics,
    events.ModelReady: _Batch.model_ready,
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
