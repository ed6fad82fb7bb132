"""The files of runs: on the local disk, in object stores, on file servers, behind MLflow's server."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from core_client.artifacts.base import Artifacts
from core_client.artifacts.local import LocalArtifacts, is_local, local_root

if TYPE_CHECKING:
    from core_client.artifacts.storage import Sent

__all__ = [
    "Artifacts", "LocalArtifacts", "is_local", "local_root", "open_artifact", "open_artifacts",
]  # fmt: skip


def open_artifacts(
    artifact_uri: str, tracking_uri: str = "", sent: Sent = lambda _: None
) -> Artifacts:
    """The files below an artifact URI. Nothing is connected to before a file is asked for.

    Args:
        artifact_uri: a local path, or a URI such as ``s3://bucket/path``.
        tracking_uri: the server that ``mlflow-artifacts:`` URIs without a host mean.
        sent: told how many bytes of a file have gone to another place so far.

    Raises:
        MlflowException: no artifact store is known by that scheme, or the URI is malformed.
    """
    if is_local(artifact_uri):
        return LocalArtifacts(artifact_uri)
    from core_client.artifacts.remote import RemoteArtifacts

    return RemoteArtifacts(artifact_uri, tracking_uri, sent)


def open_artifact(uri: str, tracking_uri: str = "") -> tuple[Artifacts, str]:
    """The one file or folder that a URI names: the artifacts around it, and its path there."""
    if is_local(uri):
        place = local_root(uri)
        return LocalArtifacts(str(place.parent)), place.name
    whole = re.split(r"[?#]", uri)[0]
    if found := re.fullmatch(r"([^/]+:(?://[^/]*/+|/(?!/))(?:.*/)?)([^/]+)/*", whole):
        return open_artifacts(found[1], tracking_uri), found[2]
    return open_artifacts(whole, tracking_uri), ""
