"""Runs and their tables as pandas DataFrames."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from core_client.entities import Run
from core_client.exceptions import MlflowException, missing
from core_client.fluent import active
from core_client.fluent.experiments import pages


def as_dataframe(runs: list[Run]) -> Any:
    """A row a run; columns by MLflow's names (``metrics.loss``, ``params.depth``, …)."""
    try:
        import pandas as pd
    except ImportError:
        raise MlflowException(
            "search_runs gives a pandas DataFrame, and pandas is not installed. "
            "Install it, or ask for output_format='list'."
        ) from None
    rows = [
        {
            "run_id": run.info.run_id,
            "experiment_id": run.info.experiment_id,
            "status": run.info.status,
            "artifact_uri": run.info.artifact_uri,
            "start_time": pd.Timestamp(run.info.start_time, unit="ms", tz="UTC"),
            "end_time": pd.Timestamp(run.info.end_time, unit="ms", tz="UTC")
            if run.info.end_time is not None
            else pd.NaT,
            **{f"metrics.{key}": value for key, value in run.data.metrics.items()},
            **{f"params.{key}": value for key, value in run.data.params.items()},
            **{f"tags.{key}": value for key, value in run.data.tags.items()},
        }
        for run in runs
    ]
    first = ["run_id", "experiment_id", "status", "artifact_uri", "start_time", "end_time"]
    later = sorted({column for row in rows for column in row} - set(first), key=_column_order)
    return pd.DataFrame(rows, columns=first + later)


def _column_order(column: str) -> tuple[int, str]:
    return ["metrics", "params", "tags"].index(column.split(".")[0]), column


def load_table(
    artifact_file: str,
    run_ids: Sequence[str] | None = None,
    extra_columns: Sequence[str] | None = None,
) -> Any:
    """The table of that name from several runs, as one DataFrame.

    Args:
        artifact_file: the table's file.
        run_ids: where to look; by default every run of the active experiment that has it.
        extra_columns: what to add of each run: ``run_id``, or the name of a tag, param or metric.
    """
    import pandas as pd

    client = active.client()
    runs: list[Run] = (
        [client.get_run(run_id) for run_id in run_ids]
        if run_ids
        else list(pages(client.search_runs, [active.experiment_id(active.destination())]))
    )
    tables = []
    for run in runs:
        artifacts = client.artifacts(run.info.run_id)
        if not run_ids and not artifacts.has(artifact_file):
            continue
        table = pd.DataFrame(**json.loads(artifacts.read(artifact_file)))
        known = {**run.data.metrics, **run.data.params, **run.data.tags, "run_id": run.info.run_id}
        for column in extra_columns or ():
            table[column] = known.get(column)
        tables.append(table)
    if not tables:
        raise missing(f"No run of the active experiment has a table '{artifact_file}'.")
    return pd.concat(tables, ignore_index=True)
