"""A new run: its first event, and what is known of it before anyone has seen it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from core_client import source
from core_client.checks import check_key, tag_value
from core_client.destination import Destination
from core_client.entities import Experiment, LifecycleStage, RunInfo, RunStatus
from core_client.events import RunStarted


def artifact_uri(experiment: Experiment, run_id: str) -> str:
    """Where a run of that experiment keeps its files."""
    return f"{experiment.artifact_location.rstrip('/')}/{run_id}/artifacts"


def first_event(
    destination: Destination,
    experiment_id: str,
    experiment_name: str,
    run_name: str | None,
    tags: Mapping[str, Any],
    start_time: int,
    source_tags: Mapping[str, str] | None,
) -> RunStarted:
    """The start of a new run; the arguments are those of `ActiveRun.begin`."""
    given = {check_key(key, "tag"): tag_value(text, key) for key, text in tags.items()}
    name = run_name or given.get("mlflow.runName") or source.random_name()
    all_tags = {**(source_tags or source.tags()), **given, "mlflow.runName": name}
    run_id = uuid.uuid4().hex
    experiment = destination.known_experiment(experiment_id) if destination.near else None
    return RunStarted(
        run_id=run_id,
        experiment_id=experiment_id,
        experiment_name=experiment_name,
        run_name=name,
        user_id=all_tags["mlflow.user"],
        start_time=start_time,
        artifact_uri=artifact_uri(experiment, run_id) if experiment else "",
        tags=all_tags,
    )


def known_from(start: RunStarted) -> RunInfo:
    """What is known of a run that has begun just now."""
    return RunInfo(
        start.run_id,
        start.experiment_id,
        start.run_name,
        start.user_id,
        RunStatus.RUNNING,
        start.start_time,
        None,
        LifecycleStage.ACTIVE,
        start.artifact_uri,
    )
