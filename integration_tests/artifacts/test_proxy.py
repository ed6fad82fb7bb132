"""What a server that hands on artifacts may do to its clients, and what it may not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from core_client.artifacts import open_artifacts
from core_client.exceptions import MlflowException
from integration_tests.artifacts.test_s3 import serving

API = "/api/2.0/mlflow-artifacts/"


class Server:
    """What it holds, and what it was asked; `listing` is what it says lies in any folder."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.parts: dict[int, bytes] = {}
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.listing: list[dict[str, Any]] = []
        self.offers_parts = True
        self.breaks_at = 0
        self.moved_to = ""
        self.address = ""


class Handler(BaseHTTPRequestHandler):
    server_state: Server

    def _handle(self) -> None:
        state, path = self.server_state, unquote(urlsplit(self.path).path)
        state.asked.append((self.command, self.path, dict(self.headers)))
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        service, _, name = path.removeprefix(API).partition("/")
        if state.moved_to:
            self._answer(302, b"", Location=state.moved_to + self.path)
        elif path.startswith("/part/"):
            number = int(path.removeprefix("/part/"))
            state.parts[number] = data
            self._answer(500 if number == state.breaks_at else 200, b"", ETag=f"tag{number}")
        elif service == "mpu":
            self._in_parts(name.partition("/")[0], json.loads(data))
        elif self.command == "PUT":
            state.files[name] = data
            self._answer(200, b"{}")
        elif name:
            body = state.files.get(name, b"evil")
            self._answer(200, body, **{"Content-Disposition": 'attachment; filename="../../evil"'})
        else:
            self._answer(200, json.dumps({"files": state.listing}).encode())

    def _in_parts(self, verb: str, asked: dict[str, Any]) -> None:
        state = self.server_state
        if not state.offers_parts:
            body = {"error_code": "NOT_IMPLEMENTED", "message": "not here"}
            self._answer(501, json.dumps(body).encode())
        elif verb == "create":
            credentials = [
                {"url": f"{state.address}/part/{n}", "part_number": n, "headers": {"X-Sign": "s"}}
                for n in range(1, asked["num_parts"] + 1)
            ]
            body = {"upload_id": "u", "credentials": credentials}
            self._answer(200, json.dumps(body).encode())
        elif verb == "complete":
            assert [part["etag"] for part in asked["parts"]] == [f"tag{n}" for n in state.parts]
            state.files[asked["path"]] = b"".join(state.parts.values())
            self._answer(200, b"{}")
        else:
            self._answer(200, b"{}")

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_DELETE = _handle

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()
    with serving(type("Mine", (Handler,), {"server_state": state})) as address:
        state.address = address
        yield state


@pytest.fixture
def parts_of_ten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", "20")
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE", "10")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "secret-token")


def test_a_large_file_goes_in_parts(server: Server, parts_of_ten: None) -> None:
    open_artifacts("mlflow-artifacts:/run", server.address).write(b"0123456789" * 3 + b"x", "a.bin")
    assert server.files == {"a.bin": b"0123456789" * 3 + b"x"}
    assert [len(part) for part in server.parts.values()] == [10, 10, 10, 1]
    for _, path, headers in server.asked:
        # The token is for the server alone, the signature for where the parts go.
        assert ("Authorization" in headers) != path.startswith("/part/")
        assert ("X-Sign" in headers) == path.startswith("/part/")


def test_a_server_that_offers_no_parts_gets_the_whole(server: Server, parts_of_ten: None) -> None:
    server.offers_parts = False
    open_artifacts("mlflow-artifacts:/run", server.address).write(b"0" * 31, "a.bin")
    assert server.files == {"run/a.bin": b"0" * 31}


def test_an_upload_in_parts_that_fails_is_taken_back(server: Server, parts_of_ten: None) -> None:
    server.breaks_at = 2
    with pytest.raises(MlflowException, match="answered with 500"):
        open_artifacts("mlflow-artifacts:/run", server.address).write(b"0" * 31, "a.bin")
    assert server.asked[-1][1].startswith(f"{API}mpu/abort/run")


@pytest.mark.parametrize(
    "name", ["../evil", "..", "/etc/evil", "a/b", "..\\evil", "%2e%2e", "a\0b", "", "."]
)
def test_a_hostile_listing_leads_nowhere(server: Server, name: str, tmp_path: Path) -> None:
    server.listing = [{"path": name, "is_dir": False, "file_size": 4}]
    (tmp_path / "in").mkdir()
    artifacts = open_artifacts("mlflow-artifacts:/run", server.address)
    with pytest.raises(MlflowException, match="nothing of it is read"):
        artifacts.list()
    with pytest.raises(MlflowException, match="nothing of it is read"):
        artifacts.download(dst_path=tmp_path / "in")
    assert list((tmp_path / "in").iterdir()) == []
    assert not any("evil" in path.name for path in tmp_path.rglob("*"))


def test_a_file_is_called_as_it_was_asked_for(server: Server, tmp_path: Path) -> None:
    server.listing = [{"path": "good.txt", "is_dir": False, "file_size": 4}]
    copy = open_artifacts("mlflow-artifacts:/r", server.address).download(
        "good.txt", tmp_path / "in"
    )
    assert copy == tmp_path / "in" / "good.txt"
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["good.txt"]


def test_half_a_file_is_none(server: Server, tmp_path: Path) -> None:
    server.listing = [{"path": "good.txt", "is_dir": False, "file_size": 5}]
    artifacts = open_artifacts("mlflow-artifacts:/r", server.address)
    with pytest.raises(MlflowException, match="has 5 bytes, and 4 arrived"):
        artifacts.download("good.txt", tmp_path / "in")
    assert list((tmp_path / "in").iterdir()) == []


def test_credentials_stay_with_their_host(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "secret-token")
    other = server.address.removeprefix("http://")
    open_artifacts(f"mlflow-artifacts://{other}/run", "http://tracking.example:5000").list()
    (asked,) = server.asked
    assert "secret-token" not in str(asked)
    server.moved_to = "http://evil.example"
    with pytest.raises(MlflowException, match="is not followed"):
        open_artifacts("mlflow-artifacts:/run", server.address).list()


def test_an_answer_that_is_no_listing(server: Server) -> None:
    server.listing = [{"name": "no path"}]
    with pytest.raises(MlflowException, match="does not answer as an MLflow server does"):
        open_artifacts("mlflow-artifacts:/run", server.address).list()
