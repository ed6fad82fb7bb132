"""Files in the care of Databricks: it signs addresses for them (`dbfs:/databricks/…`)."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

import msgspec
import urllib3

from core_client.artifacts import signed
from core_client.artifacts.failures import explained
from core_client.artifacts.storage import Entry, Sent, Storage
from core_client.exceptions import invalid
from core_client.http import Http
from core_client.settings import without_password
from core_client.stores import is_server

API = "/api/2.0/mlflow"
PART = 10 * 2**20  # bytes that go to a data lake at once
OWNED = re.compile(
    r"databricks/mlflow-tracking/[^/]+/(?:logged_models/(?P<model>[^/]+)|(?P<run>[^/]+))"
    r"/artifacts(?:/(?P<path>.*))?"
)
_BLOB, _LAKE = "AZURE_SAS_URI", "AZURE_ADLS_GEN2_SAS_URI"


class _Header(msgspec.Struct):
    name: str
    value: str


class _Signed(msgspec.Struct):
    signed_uri: str
    type: str = ""
    headers: list[_Header] = []


class _OfRun(msgspec.Struct):
    credential_infos: list[_Signed] = []


class _InModel(msgspec.Struct):
    credential_info: _Signed


class _OfModel(msgspec.Struct):
    credentials: list[_InModel] = []


class _File(msgspec.Struct):
    path: str
    is_dir: bool = False
    file_size: int | str = 0


class _Listing(msgspec.Struct):
    files: list[_File] = []
    next_page_token: str = ""


Message = TypeVar("Message", bound=msgspec.Struct)


class _Owned(NamedTuple):
    """A path among the files of a run or of a logged model; one of both is empty."""

    run_id: str
    model_id: str
    path: str


class DatabricksStorage(Storage):
    """Files of runs and logged models in a workspace's own store.

    Args:
        uri: ``dbfs:/databricks/mlflow-tracking/…``.
        tracking_uri: the workspace where the runs are.

    Raises:
        MlflowException: it is another place, or the runs are in no workspace.
    """

    def __init__(self, uri: str, tracking_uri: str) -> None:
        self._uri = uri
        self._root = urlsplit(uri).path.strip("/")
        if not self._root.startswith("databricks/mlflow-tracking/"):
            raise invalid(
                f"Artifacts at '{without_password(uri)}' cannot be reached: of Databricks' file "
                "system, only what is below dbfs:/databricks/mlflow-tracking. Give the experiment "
                "another artifact_location."
            )
        if not is_server(tracking_uri):
            raise invalid(
                f"Artifacts at '{without_password(uri)}' are in a Databricks workspace, and the "
                f"tracking URI '{without_password(tracking_uri)}' names none. Set "
                "MLFLOW_TRACKING_URI to databricks or databricks://profile."
            )
        self._http = Http(tracking_uri)

    def list(self, folder: str) -> list[Entry]:
        """What lies directly in a folder; nothing for a file or a missing folder."""
        owned = self._owned(folder)
        if owned.model_id:
            call = f"logged-models/{owned.model_id}/artifacts/directories"
            query = {"artifact_directory_path": owned.path}
        else:
            call, query = "artifacts/list", {"run_id": owned.run_id, "path": owned.path}
        found: list[_File] = []
        token: str | None = None
        while token != "":
            asked = {**query, "page_token": token}
            data = self._http.request("GET", f"{API}/{call}", query=asked, within=signed.SHORT)
            page = self._read(data, _Listing)
            found += page.files
            token = page.next_page_token
        above = f"{owned.path}/" if owned.path else ""
        return [
            Entry(file.path.removeprefix(above), file.is_dir, int(file.file_size))
            for file in found
            if file.path != owned.path  # a file lists itself
        ]

    def put(self, source: Path, path: str, sent: Sent) -> None:
        """Copy a local file there, over what is there."""
        to = self._signed(path, "write", "upload")
        headers, size = {one.name: one.value for one in to.headers}, source.stat().st_size
        with urllib3.PoolManager() as pool, source.open("rb") as file, explained(self._uri):
            if to.type == _LAKE:
                signed.ask(pool, "PUT", f"{to.signed_uri}&resource=file", headers)
                while data := file.read(PART):
                    place = f"{to.signed_uri}&action=append&position={file.tell() - len(data)}"
                    signed.ask(pool, "PATCH", place, headers, data, len(data))
                    sent(file.tell())
                signed.ask(pool, "PATCH", f"{to.signed_uri}&action=flush&position={size}", headers)
                return
            if to.type == _BLOB:
                headers["x-ms-blob-type"] = "BlockBlob"
            headers["Content-Length"] = str(size)
            body = signed.Told(file, sent) if size else b""
            signed.ask(pool, "PUT", to.signed_uri, headers, body, size)

    def get(self, path: str, target: Path) -> None:
        """Copy a file from there into a new local file."""
        where = self._signed(path, "read", "download")
        headers = {one.name: one.value for one in where.headers}
        with urllib3.PoolManager() as pool, target.open("wb") as file, explained(self._uri):
            signed.ask(pool, "GET", where.signed_uri, headers, size=2**40, into=file)

    def delete(self, path: str) -> None:
        """Raise MlflowException: there is no call for it."""
        raise invalid(f"Databricks has no call that deletes '{path}' in '{self._uri}'.")

    def _owned(self, path: str) -> _Owned:
        full = posixpath.join(self._root, path).rstrip("/")
        found = OWNED.fullmatch(full)
        if not found:
            raise invalid(f"'dbfs:/{full}' is no place for files of a run or a logged model.")
        return _Owned(found["run"] or "", found["model"] or "", found["path"] or "")

    def _signed(self, path: str, for_run: str, for_model: str) -> _Signed:
        """The address of a file, for a while."""
        owned = self._owned(path)
        if owned.model_id:
            call = f"logged-models/{owned.model_id}/artifacts/credentials-for-{for_model}"
            answer = self._ask(call, _OfModel, paths=[owned.path])
            found = [one.credential_info for one in answer.credentials]
        else:
            call = f"artifacts/credentials-for-{for_run}"
            found = self._ask(call, _OfRun, run_id=owned.run_id, path=[owned.path]).credential_infos
        if len(found) != 1:
            raise self._http.not_mlflow(f"{len(found)} addresses for one file")
        return found[0]

    def _ask(self, call: str, kind: type[Message], **body: object) -> Message:
        sent = msgspec.json.encode(body)
        data = self._http.request("POST", f"{API}/{call}", body=sent, within=signed.SHORT)
        return self._read(data, kind)

    def _read(self, data: bytes, kind: type[Message]) -> Message:
        try:
            return msgspec.json.decode(data, type=kind)
        except msgspec.MsgspecError as error:
            raise self._http.not_mlflow(str(error)) from error
