"""From a URI to what it names: files of a run, of a model, or at some place."""

from __future__ import annotations

import re
from urllib.parse import unquote

from core_client import settings
from core_client.artifacts import Artifacts, open_artifact
from core_client.client import Client
from core_client.exceptions import invalid
from core_client.paths import safe_relative


def locate(uri: str, tracking_uri: str | None = None) -> tuple[Artifacts, str]:
    """The artifacts that a URI leads to, and the path below them; both may yet not be there.

    Args:
        uri: ``runs:/<run id>/<path>``, ``models:/<name>/<version>``, ``models:/<name>@<alias>``,
            ``models:/<model id>``, a path, or a URI such as ``s3://bucket/path``.
        tracking_uri: the store that knows the run or the model, if not the one in use.

    Raises:
        MlflowException: the store knows no such run or model, or the URI is malformed.
    """
    if in_run := re.fullmatch(r"runs:/+([^/]+)(?:/(.*))?", uri):
        path = safe_relative(in_run[2] or "")  # a bad path is bad in every run
        return Client(tracking_uri).artifacts(in_run[1]), path
    if uri.startswith("models:"):
        uri = _source(uri, tracking_uri)
        if uri.startswith("models:"):  # MLflow 3 names a version's logged model
            uri = _source(uri, tracking_uri)
    return open_artifact(uri, tracking_uri or settings.tracking_uri())


def _source(uri: str, tracking_uri: str | None) -> str:
    """Where a model's files are."""
    from core_client.destination import destination

    where = destination(tracking_uri or settings.tracking_uri())
    store = where.current()
    where.outbox.flush()  # the version's files may be on their way
    if logged := re.fullmatch(r"models:/+(m-[^/@?#]+)", uri):
        return store.get_logged_model(logged[1]).artifact_location
    named = re.fullmatch(r"models:/+([^/@]+)(?:/([^/@]+)|(@[^/@]+))", uri)
    if named is None:
        raise invalid(
            f"'{uri}' is no model URI: 'models:/<name>/<version>', 'models:/<name>@<alias>' or "
            "'models:/<model id>' is expected."
        )
    return store.model_source(unquote(named[1]), named[2] or named[3])
