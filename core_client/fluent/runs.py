"""Verbs that begin, end, find and delete runs."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from core_client import context
from core_client.destination import CALL_WAIT, START_WAIT
from core_client.entities import PagedList, Run, RunStatus, ViewType
from core_client.exceptions import MlflowException, invalid
from core_client.fluent import active
from core_client.fluent.experiments import pages
from core_client.fluent.tables import as_dataframe
from core_client.run import PARENT, ActiveRun

# Tag of a run that is opened by a training call, which is not to be slowed.
FROM_A_CALL = "mlflow.autologging"


def start_run(
    run_id: str | None = None,
    experiment_id: str | None = None,
    run_name: str | None = None,
    nested: bool = False,
    parent_run_id: str | None = None,
    tags: Mapping[str, Any] | None = None,
    description: str | None = None,
    log_system_metrics: bool | None = None,
) -> ActiveRun:
    """Begin a run, or resume one, and make it the active one. Use it in a ``with`` statement.

    Args:
        run_id: an existing run to go on with; ``MLFLOW_RUN_ID`` by default.
        experiment_id: where a new run belongs; see `set_experiment` for the default.
        run_name: a name for people.
        nested: required if a run is active, which the new one then belongs to.
        parent_run_id: the run that a new one belongs to, active or not.
        tags: notes on the run.
        description: a text about the run, shown on its page.
        log_system_metrics: accepted for MLflow's sake.

    Raises:
        MlflowException: a run is active already, or there is no such run or experiment.
    """
    if not nested:
        context.make_way()
    parent = context.active_run()
    if parent and not (nested or parent_run_id):
        raise MlflowException(
            f"Run {parent.run_id} is active already. End it with end_run(), "
            "or start this one with nested=True.",
            "INVALID_STATE",
        )
    notes = dict(tags or {})
    if description is not None:
        notes["mlflow.note.content"] = description
    if parent_run_id or parent:
        notes[PARENT] = parent_run_id or (parent.run_id if parent else None)
    run_id = run_id or (None if parent else os.environ.pop("MLFLOW_RUN_ID", None))
    if run_id:
        run = active.client().resume(run_id)
        notes.pop(PARENT, None)
        run.set_tags(notes | ({"mlflow.runName": run_name} if run_name else {}))
    else:
        where = active.destination()
        chosen, name = active.place(where, experiment_id)
        wait = CALL_WAIT if FROM_A_CALL in notes else START_WAIT
        run = ActiveRun.begin(where, chosen, run_name, notes, experiment_name=name, wait=wait)
    context.push(run)
    return run


def end_run(status: str = RunStatus.FINISHED) -> None:
    """End the active run, if there is one: FINISHED, FAILED or KILLED."""
    run = context.active_run()
    if run:
        run.end(status)


def last_active_run() -> Run | None:
    """The run that was last active in this thread, as it is in the store; None without one."""
    run_id = context.last_run_id()
    return get_run(run_id) if run_id else None


def get_run(run_id: str) -> Run:
    """One run with the latest value of each metric, its params, tags and datasets."""
    return active.client().get_run(run_id)


def get_parent_run(run_id: str) -> Run | None:
    """The run that this one is nested in; None for a run at the top."""
    return active.client().get_parent_run(run_id)


def delete_run(run_id: str) -> None:
    """Delete a run; `Client.restore_run` brings it back."""
    active.client().delete_run(run_id)


def search_runs(
    experiment_ids: Sequence[str] | None = None,
    filter_string: str = "",
    run_view_type: int = ViewType.ACTIVE_ONLY,
    max_results: int = 100_000,
    order_by: Sequence[str] | None = None,
    output_format: Literal["pandas", "list"] = "pandas",
    search_all_experiments: bool = False,
    experiment_names: Sequence[str] | None = None,
) -> Any:
    """Runs that match a filter such as ``metrics.rmse < 1 and params.model = 'tree'``.

    Args:
        experiment_ids: where to look; the active experiment by default.
        filter_string: MLflow's filter grammar.
        run_view_type: active runs, deleted ones, or all (`ViewType`).
        max_results: how many at most.
        order_by: such as ``["metrics.rmse ASC"]``; the newest run first by default.
        output_format: ``pandas`` for a DataFrame with a row a run, or ``list``.
        search_all_experiments: look everywhere.
        experiment_names: where to look, by name.
    """
    client = active.client()
    if output_format not in ("pandas", "list"):
        raise invalid(f"output_format is {output_format!r}; use 'pandas' or 'list'.")
    ids = list(experiment_ids or ())
    for name in experiment_names or ():
        found = client.get_experiment_by_name(name)
        ids += [found.experiment_id] if found else []
    if search_all_experiments:
        ids = [one.experiment_id for one in pages(client.search_experiments, ViewType.ALL)]
    elif not ids and not experiment_names:
        ids = [active.experiment_id(active.destination())]
    runs: PagedList[Run] = PagedList([])
    token = None
    while len(runs) < max_results:
        most = min(1000, max_results - len(runs))
        page = client.search_runs(ids, filter_string, run_view_type, most, order_by, token)
        runs += page
        token = page.token
        if not token:
            break
    return runs if output_format == "list" else as_dataframe(runs)


@atexit.register
def _end_active_runs() -> None:
    """The process ends: so do its runs, FAILED if an error ends it."""
    failed = hasattr(sys, "last_value") and not hasattr(sys, "ps1")
    for run in context.active_anywhere():
        if run.at_rest:
            continue
        run.end(RunStatus.FAILED if failed else RunStatus.FINISHED)
