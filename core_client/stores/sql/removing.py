"""Deleted runs are taken away for good."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Column, Connection, MetaData, String, Table, delete, inspect, or_, select

from core_client.entities import LifecycleStage, Run
from core_client.stores.sql.reading import read_runs
from core_client.stores.sql.schema import (
    input_tags,
    inputs,
    latest_metrics,
    metrics,
    params,
    runs,
    tags,
)

# Made by MLflow 3; other databases have none.
_model_metrics = Table("logged_model_metrics", MetaData(), Column("run_id", String(32)))


def deleted_runs(connection: Connection, before: int) -> list[Run]:
    """The runs that were deleted before that time, the first one first."""
    query = select(runs).where(
        runs.c.lifecycle_stage == LifecycleStage.DELETED, runs.c.deleted_time <= before
    )
    return read_runs(connection, connection.execute(query.order_by(runs.c.deleted_time)).all())


def remove_runs(connection: Connection, run_ids: Sequence[str]) -> None:
    """Delete these runs, if they are deleted ones, with all that belongs to them."""
    query = select(runs.c.run_uuid).where(
        runs.c.run_uuid.in_(run_ids), runs.c.lifecycle_stage == LifecycleStage.DELETED
    )
    gone = connection.scalars(query).all()
    of_these = or_(inputs.c.destination_id.in_(gone), inputs.c.source_id.in_(gone))
    uses = select(inputs.c.input_uuid).where(of_these)
    connection.execute(delete(input_tags).where(input_tags.c.input_uuid.in_(uses)))
    connection.execute(delete(inputs).where(of_these))
    if inspect(connection).has_table(_model_metrics.name):
        connection.execute(delete(_model_metrics).where(_model_metrics.c.run_id.in_(gone)))
    for table in (metrics, latest_metrics, params, tags, runs):
        connection.execute(delete(table).where(table.c.run_uuid.in_(gone)))
