"""Projects sent to mantik's compute backend, which runs them on an HPC system."""

from __future__ import annotations

import dataclasses
import fnmatch
import io
import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from urllib3 import encode_multipart_formdata

from core_client import mantik
from core_client.exceptions import MlflowException, StoreUnavailable, invalid, missing
from core_client.paths import contained

WITHIN = 300.0  # seconds for sending a project and hearing what became of it


class Submitted(msgspec.Struct, frozen=True):
    """A run that the compute backend has taken.

    Args:
        experiment_id: the experiment that it belongs to.
        run_id: the run, in which the job records.
        unicore_job_id: the job on the HPC system; empty on the oldest platforms.
    """

    experiment_id: int
    run_id: str
    unicore_job_id: str = ""


@dataclasses.dataclass
class ComputeBackendClient:
    """The way to the compute backend; `from_env` makes one out of environment variables.

    Args:
        compute_backend_url: the platform's address.
        unicore_username: who we are to the HPC system.
        unicore_password: the password there.
        unicore_project: the project there that pays for the job.
        mlflow_tracking_uri: where the job records.
        mlflow_tracking_token: what lets it in there, and us into the compute backend.
        api_path: where below its address the compute backend listens.
    """

    compute_backend_url: str
    unicore_username: str
    unicore_password: str = dataclasses.field(repr=False)
    unicore_project: str
    mlflow_tracking_uri: str
    mlflow_tracking_token: str = dataclasses.field(repr=False)
    api_path: str = "/compute-backend"

    @classmethod
    def from_env(cls, api_path: str = "/compute-backend") -> ComputeBackendClient:
        """Log in, and take the rest from ``MANTIK_UNICORE_USERNAME``, ``…_PASSWORD``, ``…_PROJECT``.

        Raises:
            MlflowException: as `init_tracking`, or a variable is missing.
        """
        names = [f"MANTIK_UNICORE_{what}" for what in ("USERNAME", "PASSWORD", "PROJECT")]
        lacking = [name for name in names if not os.environ.get(name)]
        if lacking:
            raise invalid(f"To reach the HPC system, set {', '.join(lacking)}.")
        mantik.init_tracking()
        username, password, project = (os.environ[name] for name in names)
        uri = os.environ[mantik.TRACKING_URI]
        token = os.environ[mantik.TOKEN]
        return cls(uri, username, password, project, uri, token, api_path)

    def submit_run(
        self,
        experiment_id: int | str,
        mlproject_path: str | Path,
        mlflow_parameters: Mapping[str, Any],
        backend_config: str | Path,
        entry_point: str = "main",
    ) -> Submitted:
        """Send a project and have it run.

        Args:
            experiment_id: the experiment that the run will belong to.
            mlproject_path: the folder that holds the file ``MLproject``.
            mlflow_parameters: the parameters of its entry point.
            backend_config: the file in that folder which says what the job needs; files that
                match a pattern in its list ``Exclude`` are not sent.
            entry_point: which one of the project's entry points to run.

        Raises:
            StoreUnavailable: the compute backend cannot be reached, or is in trouble.
            MlflowException: it refuses, or the project lacks something.
        """
        if not str(experiment_id).isdigit():
            raise invalid(f"An experiment's id is a whole number, not {experiment_id!r}.")
        project = Path(mlproject_path)
        config = _inside(project, backend_config)
        if not (project / "MLproject").is_file():
            raise missing(f"There is no file 'MLproject' in '{project}'.")
        fields: dict[str, str | tuple[str, bytes, str]] = {
            "entry_point": entry_point,
            "mlflow_parameters": json.dumps(dict(mlflow_parameters)),
            "unicore_user": self.unicore_username,
            "unicore_password": self.unicore_password,
            "unicore_project": self.unicore_project,
            "unicore_backend_config": config,
            "mlflow_tracking_uri": self.mlflow_tracking_uri,
            "mlflow_tracking_token": self.mlflow_tracking_token,
            "mlproject_zip": ("mlproject.zip", _zipped(project, config), "application/zip"),
        }
        body, content_type = encode_multipart_formdata(fields)
        base = mantik.address(f"{self.compute_backend_url}/{self.api_path}")
        headers = {
            "Authorization": f"Bearer {self.mlflow_tracking_token}",
            "Accept": "application/json",
            "Content-Type": content_type,
        }
        return _understood(*mantik.post(f"{base}/submit/{experiment_id}", body, headers, WITHIN))


def _understood(status: int, data: bytes) -> Submitted:
    if status == 413:
        raise invalid(
            "The project is larger than the compute backend takes (413). List large files, such "
            "as images of containers, under Exclude in the backend config, and bring them to the "
            "HPC system in another way."
        )
    story = f"The compute backend did not take the run ({status}): "
    if status not in (200, 201):
        story += data[:500].decode(errors="replace")
        if status >= 500:
            raise StoreUnavailable(story)
        code = {401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "RESOURCE_DOES_NOT_EXIST"}
        raise MlflowException(story, code.get(status, "INVALID_PARAMETER_VALUE"))
    try:
        return msgspec.json.decode(data, type=Submitted, strict=False)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StoreUnavailable(story + "it does not answer as one does.") from error


def _inside(project: Path, config: str | Path) -> str:
    """The path of the backend config within the project."""
    path = Path(config)
    if path.is_absolute() and path.is_relative_to(project.absolute()):
        path = path.relative_to(project.absolute())
    if not contained(project, path.as_posix()).is_file():
        raise missing(f"There is no backend config '{config}' in '{project}'.")
    return path.as_posix()


def _zipped(project: Path, config: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in _files(project, _excluded(project / config)):
            archive.write(path, path.relative_to(project))
    return content.getvalue()


def _files(project: Path, excluded: list[str]) -> Iterator[Path]:
    """What the project consists of. A link is no part of it: it may lead to anything."""
    for folder, folders, names in os.walk(project):
        folders.sort()
        for name in sorted(names):
            path = Path(folder, name)
            inner = path.relative_to(project)
            places = [inner, *inner.parents, Path(name)]
            matches = (
                fnmatch.fnmatch(place.as_posix(), pattern.rstrip("/"))
                for place in places
                for pattern in excluded
            )
            if path.is_file() and not path.is_symlink() and not any(matches):
                yield path


def _excluded(config: Path) -> list[str]:
    import yaml

    load = json.loads if config.suffix == ".json" else yaml.safe_load
    try:
        found = load(config.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError) as error:
        raise invalid(f"The backend config '{config}' cannot be read: {error}") from error
    patterns = found.get("Exclude") if isinstance(found, dict) else None
    return [str(pattern) for pattern in patterns or []]
