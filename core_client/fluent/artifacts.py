"""Verbs that read a run's files: by run and path, or by one URI."""

from __future__ import annotations

import json
from typing import Any

from core_client.artifacts import Artifacts
from core_client.client import Client
from core_client.entities import FileInfo
from core_client.exceptions import invalid
from core_client.uris import locate


def list_artifacts(
    artifact_uri: str | None = None,
    run_id: str | None = None,
    artifact_path: str | None = None,
    tracking_uri: str | None = None,
) -> list[FileInfo]:
    """What lies directly in a folder.

    Args:
        artifact_uri: ``runs:/<run id>/<path>``, ``models:/<name>/<version>`` and the like, a
            path, or a URI such as ``s3://bucket/path``; or else
        run_id: a run, and
        artifact_path: a folder below its artifacts, all of them by default.
        tracking_uri: where the run is, if not in the store in use.
    """
    artifacts, path = _place(artifact_uri, run_id, artifact_path, tracking_uri)
    return artifacts.list(path)


def download_artifacts(
    artifact_uri: str | None = None,
    run_id: str | None = None,
    artifact_path: str | None = None,
    dst_path: str | None = None,
    tracking_uri: str | None = None,
) -> str:
    """Copy a file or folder, and say where it is.

    Args:
        artifact_uri, run_id, artifact_path, tracking_uri: as for `list_artifacts`.
        dst_path: a folder to copy into; without it, what lies on this disk is not copied, and
            anything else into a folder that lasts as long as the process.

    Raises:
        MlflowException: there is no such artifact.
    """
    artifacts, path = _place(artifact_uri, run_id, artifact_path, tracking_uri)
    return str(artifacts.download(path, dst_path))


def load_text(artifact_uri: str) -> str:
    """The content of a text file, in UTF-8."""
    return _read(artifact_uri).decode()


def load_dict(artifact_uri: str) -> Any:
    """The content of a JSON file, or of a YAML file if its name ends so."""
    if artifact_uri.endswith((".yaml", ".yml")):
        import yaml

        return yaml.safe_load(_read(artifact_uri))
    return json.loads(_read(artifact_uri))


def load_image(artifact_uri: str) -> Any:
    """A picture, as PIL opens it."""
    import io

    from PIL import Image

    return Image.open(io.BytesIO(_read(artifact_uri)))


def _read(artifact_uri: str) -> bytes:
    artifacts, path = _place(artifact_uri, None, None, None)
    return artifacts.read(path)


def _place(
    artifact_uri: str | None, run_id: str | None, path: str | None, tracking_uri: str | None
) -> tuple[Artifacts, str]:
    """The artifacts that are meant, and the path below them."""
    if (artifact_uri is None) == (run_id is None):
        raise invalid("Give either artifact_uri, or run_id with artifact_path.")
    if artifact_uri is not None:
        if path is not None:
            raise invalid("artifact_path goes with run_id; artifact_uri holds its own path.")
        return locate(artifact_uri, tracking_uri)
    assert run_id is not None
    return Client(tracking_uri).artifacts(run_id), path or ""
