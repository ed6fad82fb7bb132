"""From a model's URI to a local folder that holds it."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from urllib.parse import unquote

from core_client import settings
from core_client.artifacts import open_artifact
from core_client.exceptions import invalid, missing
from core_client.paths import safe_relative


def local_path(
    model_uri: str | os.PathLike[str], dst_path: str | os.PathLike[str] | None = None
) -> Path:
    """The local folder of a saved model.

    Args:
        model_uri: ``runs:/<run id>/<path>``, ``models:/<name>/<version>``,
            ``models:/<name>@<alias>``, a local path, or a URI such as ``s3://bucket/path``.
        dst_path: an existing folder to copy the model into.

    Raises:
        MlflowException: the URI is of another kind, leads out of the run's artifacts, or there
            is nothing.
    """
    found = _resolve(os.fspath(model_uri))
    if not found.exists():
        raise missing(f"Nothing at '{model_uri}': '{found}' does not exist.")
    if dst_path is None:
        return found
    target = Path(dst_path)
    if not target.is_dir():
        raise missing(f"dst_path '{dst_path}' is not a folder. Create it first.")
    # Links are copied as links: what they point at is not the model's.
    shutil.copytree(found, target, symlinks=True, dirs_exist_ok=True)
    return target


def _resolve(uri: str) -> Path:
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]+):", uri)
    if scheme is None:
        return Path(uri)
    kind = scheme[1].lower()
    if kind == "runs":
        return _in_run(uri)
    if kind == "models":
        uri = _registered(uri)
        if uri.startswith("models:"):  # MLflow 3 names a version's logged model
            uri = _registered(uri)
    artifacts, name = open_artifact(uri, settings.tracking_uri())
    return artifacts.local(name)


def _registered(uri: str) -> str:
    """The artifact URI that a model's name stands for."""
    from core_client.destination import destination

    where = destination(settings.tracking_uri())
    store = where.current()
    where.outbox.flush()  # the version's files may be on their way
    if parts := re.fullmatch(r"models:/+(m-[^/@?#]+)", uri):
        return store.get_logged_model(parts[1]).artifact_location
    parts = re.fullmatch(r"models:/+([^/@]+)(?:/([^/@]+)|(@[^/@]+))", uri)
    if parts is None:
        raise invalid(
            f"'{uri}' is no model URI: 'models:/<name>/<version>', 'models:/<name>@<alias>' or "
            "'models:/<model id>' is expected."
        )
    return store.model_source(unquote(parts[1]), parts[2] or parts[3])


def _in_run(uri: str) -> Path:
    parts = re.fullmatch(r"runs:/+([^/]+)/(.+)", re.split(r"[?#]", uri)[0])
    if parts is None:
        raise invalid(f"'{uri}' is no model URI: 'runs:/<run id>/<path>' is expected.")
    # Refused before the store is asked: a bad path is bad in every run.
    run_id, relative = parts[1], safe_relative(parts[2])
    from core_client.client import Client

    return Client().artifacts(run_id).local(relative)
