"""Logged models, in databases that MLflow 3 made or upgraded."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Float,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    delete,
    insert,
    inspect,
    select,
    update,
)

from core_client import events
from core_client.entities import (
    LifecycleStage,
    LoggedModel,
    LoggedModelOutput,
    LoggedModelStatus,
    Metric,
)
from core_client.stores.sql.dialects import insert_many
from core_client.stores.sql.keys import chunks
from core_client.stores.sql.schema import experiments, inputs, latest_metrics, params
from core_client.stores.values import Unfit, loaded, stored

_metadata = MetaData()  # MLflow makes these tables, we never do

logged_models = Table(
    "logged_models",
    _metadata,
    Column("model_id", String(36), primary_key=True),
    Column("experiment_id", Integer),
    Column("name", String(500)),
    Column("artifact_location", String(1000)),
    Column("creation_timestamp_ms", BigInteger),
    Column("last_updated_timestamp_ms", BigInteger),
    Column("status", Integer),
    Column("lifecycle_stage", String(32)),
    Column("model_type", String(500)),
    Column("source_run_id", String(32)),
)

model_metrics = Table(
    "logged_model_metrics",
    _metadata,
    Column("model_id", String(36)),
    Column("metric_name", String(500), key="key"),
    Column("metric_timestamp_ms", BigInteger),
    Column("metric_step", BigInteger),
    Column("metric_value", Float(53)),
    Column("experiment_id", Integer),
    Column("run_id", String(32)),
    PrimaryKeyConstraint("model_id", "key", "metric_timestamp_ms", "metric_step", "run_id"),
)

model_params = Table(
    "logged_model_params",
    _metadata,
    Column("model_id", String(36), primary_key=True),
    Column("experiment_id", Integer),
    Column("param_key", String(255), primary_key=True, key="key"),
    Column("param_value", Text),
)

model_tags = Table(
    "logged_model_tags",
    _metadata,
    Column("model_id", String(36), primary_key=True),
    Column("experiment_id", Integer),
    Column("tag_key", String(255), primary_key=True, key="key"),
    Column("tag_value", Text),
)

# How runs are linked to what they used and made; MLflow 3 added the step.
_outputs = inputs.to_metadata(_metadata)
_outputs.append_column(Column("step", BigInteger))
_OUTPUT = {"source_type": "RUN_OUTPUT", "destination_type": "MODEL_OUTPUT"}
_STATUS = {1: LoggedModelStatus.PENDING, 2: LoggedModelStatus.READY, 3: LoggedModelStatus.FAILED}
_PENDING, _READY = 1, 2


def there(connection: Connection) -> bool:
    """Whether this database has logged models."""
    inspector = inspect(connection)
    return inspector.has_table(logged_models.name) and any(
        column["name"] == "step" for column in inspector.get_columns(_outputs.name)
    )


def location(experiment_location: str, model_id: str) -> str:
    """Where a logged model keeps its files."""
    return f"{experiment_location.rstrip('/')}/models/{model_id}/artifacts"


def log(connection: Connection, event: events.ModelLogged, experiment_id: int) -> None:
    """Add the model and its link to the run, unless they are there, and what it lacks.

    Raises:
        Unfit: there is no such model, and no name for a new one.
    """
    model_id = event.model_id
    if not _is_there(connection, model_id):
        if not event.name:
            raise Unfit(f"There is no logged model '{model_id}'.")
        _create(connection, event, experiment_id)
    link = {**_OUTPUT, "source_id": event.run_id, "destination_id": model_id}
    known = select(_outputs.c.input_uuid).where(*(_outputs.c[k] == v for k, v in link.items()))
    if connection.scalar(known) is None:
        link["input_uuid"] = uuid.uuid4().hex
        connection.execute(insert(_outputs).values(**link, step=event.step))
    given = [(model_id, experiment_id, *pair) for pair in event.params.items()]
    if event.from_run:
        _add_points_of_run(connection, event, experiment_id)
        of_run = select(params.c.key, params.c.value).where(params.c.run_uuid == event.run_id)
        run_params = [(model_id, experiment_id, *row) for row in connection.execute(of_run)]
        insert_many(connection, model_params, run_params)
    insert_many(connection, model_params, given)


def add_points(
    connection: Connection, event: events.ModelMetrics | events.ModelLogged, experiment_id: int,
    points: Iterable[Metric],
) -> None:  # fmt: skip
    """Add points to the event's model that it does not have yet. There is no place for a NaN."""
    rows: list[tuple[Any, ...]] = [
        (event.model_id, one.key, one.timestamp, one.step, number, experiment_id, event.run_id)
        for one in points
        for number, is_nan in [stored(one.value)]
        if not is_nan
    ]
    insert_many(connection, model_metrics, rows)


def check(connection: Connection, model_id: str) -> None:
    """Raise Unfit if there is no such model."""
    if not _is_there(connection, model_id):
        raise Unfit(f"There is no logged model '{model_id}'.")


def ready(connection: Connection, model_id: str) -> None:
    """All files of a model are there. Raises Unfit without such a model."""
    check(connection, model_id)
    of_model = logged_models.c.model_id == model_id
    connection.execute(update(logged_models).where(of_model).values(status=_READY))


def read(connection: Connection, model_id: str) -> LoggedModel | None:
    """One model that is not deleted."""
    row = connection.execute(
        select(logged_models).where(
            logged_models.c.model_id == model_id,
            logged_models.c.lifecycle_stage == LifecycleStage.ACTIVE,
        )
    ).first()
    if row is None:
        return None
    points = connection.execute(
        select(model_metrics)
        .where(model_metrics.c.model_id == model_id)
        .order_by(model_metrics.c.metric_timestamp_ms, model_metrics.c.metric_step)
    )
    return LoggedModel(
        model_id=model_id,
        experiment_id=str(row.experiment_id),
        name=row.name,
        artifact_location=row.artifact_location,
        creation_timestamp=row.creation_timestamp_ms,
        last_updated_timestamp=row.last_updated_timestamp_ms,
        model_type=row.model_type or "",
        source_run_id=row.source_run_id or "",
        status=_STATUS.get(row.status, LoggedModelStatus.PENDING),
        params=_pairs(connection, model_params, model_id),
        tags=_pairs(connection, model_tags, model_id),
        metrics=[
            Metric(name, loaded(value, False), timestamp, step)
            for _, name, timestamp, step, value, *_ in points
            if value is not None
        ],
    )


def read_outputs(connection: Connection, run_ids: list[str]) -> dict[str, list[LoggedModelOutput]]:
    """The models that each run has logged."""
    query = select(_outputs.c.source_id, _outputs.c.destination_id, _outputs.c.step).where(
        *(_outputs.c[name] == value for name, value in _OUTPUT.items()),
        _outputs.c.source_id.in_(run_ids),
    )
    found: dict[str, list[LoggedModelOutput]] = {}
    for run_id, model_id, step in connection.execute(query):
        found.setdefault(run_id, []).append(LoggedModelOutput(model_id, step))
    return found


def remove(connection: Connection, run_ids: Iterable[str]) -> None:
    """Take away the models of these runs, and the points that other models got in them."""
    for some in chunks(run_ids):
        of_runs = select(logged_models.c.model_id).where(logged_models.c.source_run_id.in_(some))
        gone = connection.scalars(of_runs).all()
        in_runs = model_metrics.c.run_id.in_(some)
        connection.execute(delete(model_metrics).where(in_runs))
        for table in (model_metrics, model_params, model_tags, logged_models):
            connection.execute(delete(table).where(table.c.model_id.in_(gone)))


def _is_there(connection: Connection, model_id: str) -> bool:
    query = select(logged_models.c.model_id).where(logged_models.c.model_id == model_id)
    return connection.scalar(query) is not None


def _create(connection: Connection, event: events.ModelLogged, experiment_id: int) -> None:
    of_experiment = experiments.c.experiment_id == experiment_id
    root = connection.scalar(select(experiments.c.artifact_location).where(of_experiment))
    connection.execute(
        insert(logged_models).values(
            model_id=event.model_id,
            experiment_id=experiment_id,
            name=event.name,
            artifact_location=location(root or "", event.model_id),
            creation_timestamp_ms=event.time,
            last_updated_timestamp_ms=event.time,
            status=_PENDING,
            lifecycle_stage=LifecycleStage.ACTIVE,
            model_type=event.model_type,
            source_run_id=event.run_id,
        )
    )
    rows: list[tuple[Any, ...]] = [
        (event.model_id, experiment_id, *pair) for pair in event.tags.items()
    ]
    insert_many(connection, model_tags, rows)


def _add_points_of_run(
    connection: Connection, event: events.ModelLogged, experiment_id: int
) -> None:
    """The last value of each metric that the model has no value of."""
    of_model = model_metrics.c.model_id == event.model_id
    known = set(connection.scalars(select(model_metrics.c.key).where(of_model)))
    of_run = latest_metrics.c.run_uuid == event.run_id
    last = [
        Metric(row.key, loaded(row.value, row.is_nan), row.timestamp, row.step)
        for row in connection.execute(select(latest_metrics).where(of_run))
        if row.key not in known
    ]
    add_points(connection, event, experiment_id, last)


def _pairs(connection: Connection, table: Table, model_id: str) -> dict[str, str]:
    rows = connection.execute(select(table).where(table.c.model_id == model_id))
    return {key: value for _, _, key, value in rows}
