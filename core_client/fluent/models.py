"""The verb that gives a logged model a name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from core_client.entities import ModelVersion
from core_client.exceptions import invalid, missing
from core_client.fluent import active


def register_model(
    model_uri: str,
    name: str,
    await_registration_for: int | None = None,
    *,
    tags: Mapping[str, Any] | None = None,
) -> ModelVersion:
    """Make a logged model a version of a registered name, and return that version.

    Args:
        model_uri: ``runs:/<run id>/<path>``.
        name: the registered model, created if there is none.
        await_registration_for: accepted for MLflow's sake.
        tags: notes on the version.

    Raises:
        MlflowException: the store has no model registry, there is no such run, or the server
            does not take the name.
    """
    parts = re.fullmatch(r"runs:/+([^/]+)/([^?#]+)", model_uri)
    if parts is None:
        raise invalid(f"'{model_uri}' is no model of a run: 'runs:/<run id>/<path>' is expected.")
    where = active.destination()
    where.check_registry()
    run = active.client().writer(parts[1])
    run.register_model(name, parts[2], tags)
    known = where.current().model_versions(name)
    source = f"{run.stored().info.artifact_uri}/{parts[2].strip('/')}"
    for version in known:
        if version.source == source:
            return version
    raise missing(f"The server did not take '{model_uri}' as '{name}'; see its warning.")
