"""Verbs for logged models: look at one, give it a name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from core_client.entities import LoggedModel, ModelVersion
from core_client.exceptions import invalid, missing
from core_client.fluent import active


def get_logged_model(model_id: str) -> LoggedModel:
    """A logged model (``m-…``) with its params, metrics and tags, by its id here or on the server.

    Raises:
        MlflowException: there is none, or, FEATURE_DISABLED, the store keeps none.
    """
    return active.client().get_logged_model(model_id)


def register_model(
    model_uri: str,
    name: str,
    await_registration_for: int | None = None,
    *,
    tags: Mapping[str, Any] | None = None,
) -> ModelVersion:
    """Make a logged model a version of a registered name, and return that version.

    Args:
        model_uri: ``runs:/<run id>/<path>``, or ``models:/<model id>`` of a logged model.
        name: the registered model, created if there is none.
        await_registration_for: accepted for MLflow's sake.
        tags: notes on the version.

    Raises:
        MlflowException: the store has no model registry, there is no such run, or the server
            does not take the name.
    """
    where = active.destination()
    where.check_registry()
    model_id = ""
    if logged := re.fullmatch(r"models:/+(m-[^/@?#]+)", model_uri):
        model = get_logged_model(logged[1])
        model_id, model_uri = model.model_id, f"runs:/{model.source_run_id}/{model.path}"
    parts = re.fullmatch(r"runs:/+([^/]+)/([^?#]+)", model_uri)
    if parts is None:
        raise invalid(f"'{model_uri}' is no model of a run: 'runs:/<run id>/<path>' is expected.")
    run, path = active.client().writer(parts[1]), parts[2].strip("/")
    run.register_model(name, path, tags, model_id)
    stored = run.stored()
    source = f"{stored.info.artifact_uri}/{path}"
    for one in where.logged_models(stored):
        if one.path == path and model_id in ("", one.model_id):
            source = one.model_uri
    for version in where.current().model_versions(name):
        if version.source == source:
            return version
    raise missing(f"The server did not take '{model_uri}' as '{name}'; see its warning.")
