"""Deleted runs are taken away for good."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, delete, or_, select

from core_client.entities import LifecycleStage, Run
from core_client.stores.sql import models
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


def deleted_runs(connection: Connection, before: int, with_models: bool) -> list[Run]:
    """The runs that were deleted before that time, the first one first."""
    query = select(runs).where(
        runs.c.lifecycle_stage == LifecycleStage.DELETED, runs.c.deleted_time <= before
    )
    rows = connection.execute(query.order_by(runs.c.deleted_time)).all()
    return read_runs(connection, rows, with_models)


def remove_runs(connection: Connection, run_ids: Sequence[str], with_models: bool) -> None:
    """Delete these runs, if they are deleted ones, with all that belongs to them."""
    query = select(runs.c.run_uuid).where(
        runs.c.run_uuid.in_(run_ids), runs.c.lifecycle_stage == LifecycleStage.DELETED
    )
    gone = connection.scalars(query).all()
    of_these = or_(inputs.c.destination_id.in_(gone), inputs.c.source_id.in_(gone))
    uses = select(inputs.c.input_uuid).where(of_these)
    connection.execute(delete(input_tags).where(input_tags.c.input_uuid.in_(uses)))
    connection.execute(delete(inputs).where(of_these))
    if with_models:
        models.remove(connection, gone)
    for table in (metrics, latest_metrics, params, tags, runs):
        connection.execute(delete(table).where(table.c.run_uuid.in_(gone)))
