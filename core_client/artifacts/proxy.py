"""Files behind MLflow's server, which keeps them wherever it was told to (`mlflow-artifacts:`)."""

from __future__ import annotations

import contextlib
import os
import posixpath
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec
import urllib3

from core_client import auth
from core_client.artifacts import signed
from core_client.artifacts.failures import explained
from core_client.artifacts.storage import Entry, Sent, Storage
from core_client.exceptions import MlflowException, invalid
from core_client.http import Http
from core_client.paths import safe_relative
from core_client.settings import without_password
from core_client.stores import is_server

API = "/api/2.0/mlflow-artifacts"
LARGE = 500 * 2**20  # bytes from which a file goes in parts
PART = 10 * 2**20


class _File(msgspec.Struct):
    path: str
    is_dir: bool = False
    file_size: int | str = 0  # which the server does not tell if it is 0


class _Listing(msgspec.Struct):
    files: list[_File] = []


class _Part(msgspec.Struct):
    url: str
    part_number: int
    headers: dict[str, str] = {}


class _Upload(msgspec.Struct):
    upload_id: str | None = None
    credentials: list[_Part] = []


class ProxyStorage(Storage):
    """Files in the care of MLflow's server.

    Args:
        uri: ``mlflow-artifacts:/path``, or with the host of another server.
        tracking_uri: the server where the runs are.

    Raises:
        MlflowException: the runs are not on a server, so that none is known.
    """

    def __init__(self, uri: str, tracking_uri: str) -> None:
        if not is_server(tracking_uri):
            raise invalid(
                f"Artifacts at '{without_password(uri)}' are behind MLflow's server, and the "
                f"tracking URI '{without_password(tracking_uri)}' names none. Set "
                "MLFLOW_TRACKING_URI to the server's address."
            )
        self._uri = uri
        parts = urlsplit(uri)
        self._root = safe_relative(parts.path.lstrip("/"))
        own = urlsplit(auth.server(tracking_uri).url)
        if parts.netloc in ("", own.netloc):
            self._http = Http(tracking_uri)
        else:
            self._http = Http(own._replace(netloc=parts.netloc).geturl(), known=False)

    def list(self, folder: str) -> list[Entry]:
        """What lies directly in a folder; nothing for a file or a missing folder."""
        path = posixpath.join(self._root, folder)
        answer = self._http.request(
            "GET", f"{API}/artifacts", query={"path": path}, within=signed.SHORT
        )
        try:
            found = msgspec.json.decode(answer, type=_Listing).files
        except msgspec.MsgspecError as error:
            raise self._http.not_mlflow(str(error)) from error
        return [Entry(file.path, file.is_dir, int(file.file_size)) for file in found]

    def put(self, source: Path, path: str, sent: Sent) -> None:
        """Copy a local file there, over what is there."""
        size = source.stat().st_size
        large = size >= _bytes("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", LARGE)
        if large and self._put_in_parts(source, path, sent):
            return
        with source.open("rb") as file:
            self._http.request(
                "PUT",
                self._at("artifacts", path),
                body=signed.Told(file, sent) if size else b"",  # type: ignore[arg-type]
                headers={
                    "Content-Type": "application/octet-stream",
                    "Content-Length": str(size),
                },
                within=signed.time_for(size),
            )

    def get(self, path: str, target: Path) -> None:
        """Copy a file from there into a new local file. What the server calls it is no matter."""
        with target.open("wb") as file:
            self._http.request(
                "GET", self._at("artifacts", path), into=file, within=signed.time_for(2**40)
            )

    def delete(self, path: str) -> None:
        """Delete a file."""
        self._http.request("DELETE", self._at("artifacts", path), within=signed.SHORT)

    def _put_in_parts(self, source: Path, path: str, sent: Sent) -> bool:
        """Send a large file past the server, straight to where it keeps files, if it offers that."""
        if os.environ.get("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", "").lower() in ("false", "0"):
            return False
        folder, _, name = path.rpartition("/")
        size, part_size = source.stat().st_size, _bytes("MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE", PART)
        count = -(-size // part_size)
        try:
            upload = self._ask("create", folder, _Upload, path=name, num_parts=count)
        except MlflowException as error:
            if error.error_code == "NOT_IMPLEMENTED":
                return False
            raise
        told = {"path": name, "upload_id": upload.upload_id}
        try:
            done = []
            with urllib3.PoolManager() as pool, source.open("rb") as file, explained(self._uri):
                for part in sorted(upload.credentials, key=lambda part: part.part_number):
                    data = file.read(part_size)
                    etag = signed.ask(pool, "PUT", part.url, part.headers, data, len(data))
                    done.append({"part_number": part.part_number, "etag": etag, "url": part.url})
                    sent(file.tell())
            self._ask("complete", folder, dict, **told, parts=done)
        except BaseException:
            with contextlib.suppress(MlflowException):
                self._ask("abort", folder, dict, **told)
            raise
        return True

    def _ask(self, verb: str, folder: str, kind: type[Any], **body: Any) -> Any:
        place = self._at(f"mpu/{verb}", folder)
        answer = self._http.request(
            "POST", place, body=msgspec.json.encode(body), within=signed.SHORT
        )
        return msgspec.json.decode(answer or b"{}", type=kind)

    def _at(self, service: str, path: str) -> str:
        return f"{API}/{service}/{quote(posixpath.join(self._root, path))}"


def _bytes(variable: str, default: int) -> int:
    text = os.environ.get(variable, "")
    return int(text) if text.isdigit() else default
