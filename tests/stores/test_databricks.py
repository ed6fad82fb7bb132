"""Runs, files and logged models in a Databricks workspace: a stand-in for it and for its cloud.

It answers as Databricks' reference of its REST API says, and for signed addresses as MLflow's own
client expects; no test has seen a workspace.
"""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import trustme

from core_client import destination, fluent
from core_client.artifacts import open_artifacts
from core_client.client import Client
from core_client.exceptions import MlflowException
from tests.fake_server import FakeServer, serving

TRACKING = "dbfs:/databricks/mlflow-tracking/0"
KINDS = ["AWS_PRESIGNED_URL", "GCP_SIGNED_URL", "AZURE_SAS_URI", "AZURE_ADLS_GEN2_SAS_URI"]


class Cloud(BaseHTTPRequestHandler):
    """Keeps what comes with the signature of the workspace, and with nothing else of it."""

    kept: dict[str, bytes]
    kind: str

    def _do(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        name, query = unquote(parts.path), parse_qs(parts.query)
        allowed = query["sig"] == ["s"] and self.headers["X-Sign"] == "me"
        assert "Authorization" not in self.headers
        if self.command == "PUT" and self.kind == "AZURE_SAS_URI":
            allowed = allowed and self.headers["x-ms-blob-type"] == "BlockBlob"
        if not allowed:
            self._say(403)
        elif self.command == "GET":
            self._say(200, self.kept[name])
        elif self.kind != "AZURE_ADLS_GEN2_SAS_URI":
            self.kept[name] = data
            self._say(201)
        elif self.command == "PUT" and query["resource"] == ["file"]:
            self.kept[name] = b""
            self._say(201)
        else:
            assert int(query["position"][0]) == len(self.kept[name])
            assert query["action"] == ["append" if data else "flush"]
            self.kept[name] += data
            self._say(202 if data else 200)

    def _say(self, status: int, data: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_PUT = do_PATCH = _do

    def log_message(self, *_: object) -> None:
        """Nothing."""


class Workspace(FakeServer):
    """Signs addresses in the cloud for the files of runs and models, two of them to a page."""

    cloud = ""
    kind = ""
    kept: dict[str, bytes]

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        call, _, query = path.removeprefix("/api/2.0/mlflow/").partition("?")
        asked = {key: value[0] for key, value in parse_qs(query).items()}
        owner, _, verb = call.partition("/artifacts/")
        if call == "artifacts/list":
            return 200, self.listing(asked["run_id"], asked.get("path", ""), asked)
        if call.startswith("artifacts/credentials-for-"):
            return 200, {"credential_infos": [self.sign(body["run_id"], body["path"][0])]}
        if verb == "directories":
            folder = asked.get("artifact_directory_path", "")
            return 200, self.listing(owner.partition("/")[2], folder, asked)
        if verb.startswith("credentials-for-"):
            signed = self.sign(owner.partition("/")[2], body["paths"][0])
            return 200, {"credentials": [{"credential_info": signed}]}
        status, answer = super().answer(path, body)
        if run := answer.get("run"):
            place = f"{TRACKING}/{run['info']['run_id']}/artifacts"
            answer = {"run": {**run, "info": {**run["info"], "artifact_uri": place}}}
        return status, answer

    def sign(self, owner: str, path: str) -> dict[str, Any]:
        headers = [{"name": "X-Sign", "value": "me"}]
        uri = f"{self.cloud}/{owner}/{path}?sig=s"
        return {"signed_uri": uri, "type": self.kind, "headers": headers}

    def listing(self, owner: str, folder: str, asked: dict[str, str]) -> dict[str, Any]:
        found: dict[str, dict[str, Any]] = {}
        for name, data in self.kept.items():
            path = name.removeprefix(f"/{owner}/")
            if name == path or not (
                path == folder or f"{path}/".startswith(f"{folder}/" if folder else "")
            ):
                continue
            depth = len(folder.split("/")) if folder else 0
            child = "/".join(path.split("/")[: depth + 1])
            is_file = child == path
            found[child] = {"path": child, "is_dir": not is_file}
            if is_file:
                found[child]["file_size"] = str(len(data))
        start = int(asked.get("page_token", 0))
        page: dict[str, Any] = {"files": list(found.values())[start : start + 2]}
        if start + 2 < len(found):
            page["next_page_token"] = str(start + 2)
        return page


@pytest.fixture(params=KINDS)
def workspace(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Workspace]:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    kept: dict[str, bytes] = {}
    handler = type("Mine", (Cloud,), {"kept": kept, "kind": request.param})
    with cloud(handler) as address, serving(context, Workspace) as one:
        assert isinstance(one, Workspace)
        one.cloud, one.kind, one.kept = address, request.param, kept
        one.models_at = f"{TRACKING}/logged_models/m-server0"
        monkeypatch.setenv("DATABRICKS_HOST", one.url)
        monkeypatch.setenv("DATABRICKS_TOKEN", "secret-token")
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "databricks")
        # The name is that of the test before, the workspace is not.
        monkeypatch.setattr(destination, "_destinations", {})
        monkeypatch.setattr(fluent.active, "_clients", {})
        yield one
        destination.close_all()


@contextlib.contextmanager
def cloud(handler: type[Cloud]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_run_with_files_and_a_logged_model(workspace: Workspace, tmp_path: Path) -> None:
    with fluent.start_run() as run:
        fluent.log_metric("loss", 0.5)
        for name in ("notes/a.txt", "notes/b.txt", "notes/deep/c.txt", "notes/empty.txt"):
            fluent.log_text("" if "empty" in name else f"text of {name}", name)
        with run.new_model("model").folder() as folder:
            (folder / "MLmodel").write_text("flavors: {}\n")
            (folder / "data").mkdir()
            (folder / "data" / "model.txt").write_text("tree")
    client = Client()
    client.list_artifacts(run.run_id)  # all files are there
    assert sorted(workspace.kept) == [
        "/m-server0/MLmodel",
        "/m-server0/data/model.txt",
        *(f"/server0/notes/{name}.txt" for name in ("a", "b", "deep/c", "empty")),
    ]
    [model] = workspace.models
    assert model["info"]["status"] == "LOGGED_MODEL_READY"
    assert workspace.runs["server0"]["outputs"] == [{"model_id": "m-server0", "step": 0}]
    files = client.artifacts(run.run_id)
    assert [file.path for file in files.list()] == ["model", "notes"]
    names = ["notes/a.txt", "notes/b.txt", "notes/deep", "notes/empty.txt"]
    assert [file.path for file in files.list("notes")] == names
    assert files.list("notes/a.txt") == []
    assert files.read("notes/deep/c.txt") == b"text of notes/deep/c.txt"
    assert files.read("notes/empty.txt") == b""
    assert files.read("model/data/model.txt") == b"tree"
    assert files.read("model/MLmodel") == b"flavors: {}\nmodel_id: m-server0\n"
    location = fluent.get_logged_model("m-server0").artifact_location
    whole = open_artifacts(location, "databricks").download("", tmp_path / "in")
    assert (whole / "data" / "model.txt").read_text() == "tree"
    workspace.kept["/server0/notes/a.txt"] = b"text of somebody"
    with pytest.raises(MlflowException, match="not the file that was written from here"):
        client.artifacts(run.run_id).read("notes/a.txt")
    assert {sent["Authorization"] for _, sent in workspace.seen} == {"Bearer secret-token"}


@pytest.mark.parametrize("workspace", KINDS[:1], indirect=True)
def test_a_large_file_goes_whole_and_its_address_stays_secret(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = open_artifacts(f"{TRACKING}/server0/artifacts", "databricks")
    data = bytes(range(256)) * 100_000
    files.write(data, "large.bin")
    assert files.read("large.bin") == data
    monkeypatch.setattr(workspace, "sign", lambda *_: {"signed_uri": f"{workspace.cloud}/x?sig=no"})
    with pytest.raises(MlflowException, match="answered with 403") as caught:
        files.read("large.bin")
    assert "sig=" not in str(caught.value)


@pytest.mark.parametrize("workspace", KINDS[3:], indirect=True)
def test_a_large_file_goes_into_a_data_lake_piece_by_piece(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core_client.artifacts.databricks.PART", 10)
    files = open_artifacts(f"{TRACKING}/server0/artifacts", "databricks")
    files.write(b"0123456789" * 3 + b"x", "a.bin")
    assert workspace.kept == {"/server0/a.bin": b"0123456789" * 3 + b"x"}


@pytest.mark.parametrize(
    ("uri", "tracking", "said"),
    [
        ("dbfs:/somewhere/else", "databricks", "artifact_location"),
        (
            "dbfs:/databricks/mlflow-tracking/1/r/artifacts",
            "sqlite:///x.db",
            "databricks://profile",
        ),
    ],
)
def test_other_places_are_refused(uri: str, tracking: str, said: str) -> None:
    with pytest.raises(MlflowException, match=said):
        open_artifacts(uri, tracking)


@pytest.mark.parametrize("workspace", KINDS[:1], indirect=True)
@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/b", "..", "%2e%2e/evil"])
def test_a_hostile_listing_leads_nowhere(
    workspace: Workspace, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(workspace, "listing", lambda *_: {"files": [{"path": name}]})
    files = open_artifacts(f"{TRACKING}/server0/artifacts", "databricks")
    with pytest.raises(MlflowException, match="nothing of it is read"):
        files.download("", tmp_path / "in")
    assert not any("evil" in path.name for path in tmp_path.rglob("*"))
