"""From a model's URI to a local folder that holds it."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from core_client.exceptions import invalid, missing
from core_client.uris import locate


def local_path(
    model_uri: str | os.PathLike[str], dst_path: str | os.PathLike[str] | None = None
) -> Path:
    """The local folder of a saved model.

    Args:
        model_uri: ``runs:/<run id>/<path>``, ``models:/<name>/<version>``,
            ``models:/<name>@<alias>``, ``models:/<model id>``, a local path, or a URI such as
            ``s3://bucket/path``.
        dst_path: an existing folder to copy the model into.

    Raises:
        MlflowException: the URI is of another kind, leads out of the run's artifacts, or there
            is nothing.
    """
    uri = os.fspath(model_uri)
    if re.fullmatch(r"runs:/*[^/]*/*", uri):
        raise invalid(f"'{uri}' is no model URI: 'runs:/<run id>/<path>' is expected.")
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", uri):
        artifacts, path = locate(re.split(r"[?#]", uri)[0])
        found = artifacts.local(path)
    else:  # a path, perhaps a link
        found = Path(uri)
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
