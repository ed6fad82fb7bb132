"""The verbs that work on the active run, by MLflow's names."""

from __future__ import annotations

from core_client.context import active_run
from core_client.fluent.artifacts import (
    download_artifacts,
    list_artifacts,
    load_dict,
    load_image,
    load_text,
)
from core_client.fluent.experiments import (
    create_experiment,
    delete_experiment,
    get_experiment,
    get_experiment_by_name,
    restore_experiment,
    search_experiments,
    set_experiment,
    set_experiment_tag,
    set_experiment_tags,
)
from core_client.fluent.logging import (
    delete_tag,
    flush_async_logging,
    get_artifact_uri,
    log_artifact,
    log_artifacts,
    log_batch,
    log_dict,
    log_figure,
    log_image,
    log_input,
    log_inputs,
    log_metric,
    log_metrics,
    log_param,
    log_params,
    log_table,
    log_text,
    set_tag,
    set_tags,
)
from core_client.fluent.models import get_logged_model, register_model
from core_client.fluent.runs import (
    delete_run,
    end_run,
    get_parent_run,
    get_run,
    last_active_run,
    search_runs,
    start_run,
)
from core_client.fluent.tables import load_table
from core_client.settings import set_tracking_uri
from core_client.settings import tracking_uri as get_tracking_uri

__all__ = [
    "active_run", "create_experiment", "delete_experiment", "delete_run", "delete_tag",
    "download_artifacts", "end_run", "flush_async_logging", "get_artifact_uri", "get_experiment",
    "get_experiment_by_name", "get_logged_model", "get_parent_run", "get_run", "get_tracking_uri", "last_active_run",
    "list_artifacts", "load_dict", "load_image", "load_table", "load_text", "log_artifact",
    "log_artifacts", "log_batch", "log_dict", "log_figure", "log_image", "log_input",
    "log_inputs", "log_metric", "log_metrics", "log_param", "log_params", "log_table", "log_text",
    "register_model", "restore_experiment", "search_experiments", "search_runs", "set_experiment",
    "set_experiment_tag", "set_experiment_tags", "set_tag", "set_tags", "set_tracking_uri",
    "start_run",
]  # fmt: skip
