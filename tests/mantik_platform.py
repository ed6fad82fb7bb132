"""A small HTTP server that plays the mantik platform, of which no copy can be run: what it answers
is what the server code in the mantik package (0.1 to 0.3) and the clients up to 0.5 agree on."""

from __future__ import annotations

import contextlib
import email
import email.policy
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PASSWORD = "secret"


class Platform:
    """What the platform has seen, and how it is disposed."""

    def __init__(self) -> None:
        self.url = ""
        self.tokens = "/api/mantik/tokens"
        self.lifetime = 3600.0  # seconds of a new access token
        self.refresh_problem = ""
        self.moved_to = ""  # where every request is sent on to
        self.asked: list[tuple[str, dict[str, Any]]] = []  # for tokens
        self.good: set[str] = set()  # access tokens
        self.refused = 0  # requests with another token
        self.runs: dict[str, dict[str, Any]] = {}
        self.points: list[float] = []
        self.submitted: list[tuple[str, dict[str, str], dict[str, bytes]]] = []
        self.submit_answer: tuple[int, Any] = (
            201,
            {"experiment_id": 7, "run_id": "r1", "unicore_job_id": "j1"},
        )

    def new_tokens(self, what: str, asked: dict[str, Any]) -> tuple[int, Any]:
        self.asked.append((what, asked))
        if what == "create" and asked.get("password") != PASSWORD:
            return 401, "Incorrect username or password"
        if what == "refresh" and self.refresh_problem:
            return 401, self.refresh_problem
        token = f"token-{len(self.asked)}"
        self.good = {token}
        end = datetime.now(timezone.utc) + timedelta(seconds=self.lifetime)
        answer = {"AccessToken": token, "ExpiresAt": end.isoformat()}
        return 201, answer | ({"RefreshToken": f"again at {self.url}"} if what == "create" else {})

    def tracking(self, what: str, asked: dict[str, Any]) -> tuple[int, Any]:
        """As much of MLflow's API as one run needs."""
        if what == "runs/create":
            run = {
                "info": {
                    **{key: asked[key] for key in ("experiment_id", "run_name", "start_time")},
                    "run_id": f"{len(self.runs):032x}",
                    "status": "RUNNING",
                    "lifecycle_stage": "active",
                    "artifact_uri": "mlflow-artifacts:/0",
                },
                "data": {},
            }
            self.runs[run["info"]["run_id"]] = run
            return 200, {"run": run}
        if what == "runs/get":
            return 200, {"run": self.runs[asked["run_id"]]}
        if what == "runs/log-batch":
            self.points += [point["value"] for point in asked.get("metrics", [])]
        if what == "runs/update":
            changes = {key: asked[key] for key in ("status", "end_time") if key in asked}
            self.runs[asked["run_id"]]["info"].update(changes)
        if what.startswith("experiments/get"):
            return 200, {
                "experiment": {
                    "experiment_id": "0",
                    "name": "Default",
                    "artifact_location": "mlflow-artifacts:/0",
                    "lifecycle_stage": "active",
                }
            }
        return 200, {}

    def submit(self, experiment_id: str, kind: str, body: bytes) -> tuple[int, Any]:
        message = email.message_from_bytes(
            f"Content-Type: {kind}\r\n\r\n".encode() + body, policy=email.policy.HTTP
        )
        fields, files = {}, {}
        for part in message.iter_parts():
            name = str(part.get_param("name", header="content-disposition"))
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            if part.get_filename():
                with zipfile.ZipFile(io.BytesIO(content)) as archive:
                    files = {one: archive.read(one) for one in archive.namelist()}
            else:
                fields[name] = content.decode()
        self.submitted.append((experiment_id, fields, files))
        return self.submit_answer


def handler(platform: Platform) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.answer()

        def do_POST(self) -> None:
            self.answer()

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, answer = (0, "") if platform.moved_to else self.understood(body)
            data = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
            self.send_response(307 if platform.moved_to else status)
            if platform.moved_to:
                self.send_header("Location", platform.moved_to + self.path)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def understood(self, body: bytes) -> tuple[int, Any]:
            path, _, query = self.path.partition("?")
            pairs = (pair.partition("=") for pair in query.split("&") if pair)
            if path.startswith(platform.tokens):
                return platform.new_tokens(path.rpartition("/")[2], json.loads(body))
            if self.headers.get("Authorization", "").removeprefix("Bearer ") not in platform.good:
                platform.refused += 1
                return 401, "Unauthorized"
            if path.startswith("/compute-backend/submit/"):
                kind = self.headers["Content-Type"]
                return platform.submit(path.rpartition("/")[2], kind, body)
            before, found, what = path.partition("/api/2.0/mlflow/")
            if found and not before.strip("/").replace("tracking", ""):
                asked = json.loads(body) if body else {key: value for key, _, value in pairs}
                return platform.tracking(what, asked)
            return 404, "<html>Not found</html>"

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


@contextlib.contextmanager
def running() -> Iterator[Platform]:
    """The platform on loopback."""
    platform = Platform()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(platform))
    server.daemon_threads = True
    platform.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield platform
    server.shutdown()
    thread.join()
    server.server_close()
