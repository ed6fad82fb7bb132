"""Rows become entities; the data of many runs is read by one query per table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Table, select

from core_client.entities import (
    DatasetInput,
    Experiment,
    LoggedModelOutput,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
)
from core_client.stores.sql.dataset import read_inputs
from core_client.stores.sql.keys import chunks
from core_client.stores.sql.models import read_outputs
from core_client.stores.sql.schema import experiment_tags, latest_metrics, params, tags
from core_client.stores.values import loaded


def read_runs(connection: Connection, rows: Sequence[Row[Any]], with_models: bool) -> list[Run]:
    """The runs of these rows, with their data, inputs and, where there are any, logged models."""
    data = {row.run_uuid: RunData({}, {}, {}) for row in rows}
    inputs: dict[str, list[DatasetInput]] = {}
    outputs: dict[str, list[LoggedModelOutput]] = {}
    for some in chunks(data):
        for run_id, key, value, is_nan in _of(connection, latest_metrics, some, "is_nan"):
            data[run_id].metrics[key] = loaded(value, is_nan)
        for run_id, key, text in _of(connection, params, some):
            data[run_id].params[key] = text
        for run_id, key, text in _of(connection, tags, some):
            data[run_id].tags[key] = text
        inputs.update(read_inputs(connection, some))
        outputs.update(read_outputs(connection, some) if with_models else {})
    return [
        Run(
            _info(row),
            data[row.run_uuid],
            RunInputs(inputs.get(row.run_uuid, [])),
            RunOutputs(outputs.get(row.run_uuid, [])),
        )
        for row in rows
    ]


def _of(connection: Connection, table: Table, run_ids: list[str], *more: str) -> Sequence[Any]:
    """Run id, key, value and `more` columns of all rows of these runs."""
    columns = [table.c[name] for name in ("run_uuid", "key", "value", *more)]
    return connection.execute(select(*columns).where(table.c.run_uuid.in_(run_ids))).all()


def _info(row: Row[Any]) -> RunInfo:
    return RunInfo(
        run_id=row.run_uuid,
        experiment_id=str(row.experiment_id),
        run_name=row.name or "",
        user_id=row.user_id or "",
        status=row.status,
        start_time=row.start_time,
        end_time=row.end_time,
        lifecycle_stage=row.lifecycle_stage,
        artifact_uri=row.artifact_uri or "",
    )


def read_experiments(connection: Connection, rows: Sequence[Row[Any]]) -> list[Experiment]:
    """The experiments of these rows, with their tags."""
    values: dict[int, dict[str, str]] = {row.experiment_id: {} for row in rows}
    for some in chunks(values):
        query = select(experiment_tags).where(experiment_tags.c.experiment_id.in_(some))
        for row in connection.execute(query):
            values[row.experiment_id][row.key] = row.value
    return [
        Experiment(
            experiment_id=str(row.experiment_id),
            name=row.name,
            artifact_location=row.artifact_location or "",
            lifecycle_stage=row.lifecycle_stage,
            tags=values[row.experiment_id],
            creation_time=row.creation_time,
            last_update_time=row.last_update_time,
        )
        for row in rows
    ]
