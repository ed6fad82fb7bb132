"""A tracking server in a few lines, for what a real one cannot be made to do: wrong answers."""

from __future__ import annotations

import contextlib
import gzip
import json
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Fault = Callable[["Handler", bytes], None]


class Handler(BaseHTTPRequestHandler):
    """Answers like MLflow, or as the next fault says."""

    protocol_version = "HTTP/1.1"
    server: FakeServer

    def do_GET(self) -> None:
        self._do({}, self.path)

    def do_PATCH(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            self.server.zipped += 1
            body = gzip.decompress(body)
        self._do(json.loads(body), self.path)

    def _do(self, body: dict[str, Any], path: str) -> None:
        client = {"Client": str(self.client_address[1])}
        self.server.seen.append((path, {**self.headers, **client}))
        with self.server.lock:
            status, answer = self.server.answer(path, body)
        data = json.dumps(answer).encode()
        fault = self.server.faults.pop(0) if self.server.faults else None
        if fault:
            fault(self, data)
        else:
            self.say(status, data)

    def say(self, status: int, data: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {**self.server.headers, **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Nothing: what was asked is in `seen`."""


class FakeServer(ThreadingHTTPServer):
    """Runs in memory. `faults` are used up one by one by the requests that come."""

    daemon_threads = True

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.runs: dict[str, dict[str, Any]] = {}
        self.artifacts_at = "/x"
        self.models_at = ""  # where models are kept; an older server keeps none
        self.models: list[dict[str, Any]] = []
        self.faults: list[Fault | None] = []
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.headers: dict[str, str] = {}
        self.zipped = 0
        self.asks = False  # for a certificate of the client
        self.url = f"http://127.0.0.1:{self.server_port}"
        if context:
            self.socket = context.wrap_socket(self.socket, server_side=True)
            self.url = f"https://localhost:{self.server_port}"

    def handle_error(self, *_: object) -> None:
        """A client that goes away is what some tests are about."""

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        match path.partition("?")[0].removeprefix("/api/2.0/mlflow/"):
            case "runs/create":
                run_id = f"server{len(self.runs)}"
                tags = {tag["key"]: tag["value"] for tag in body["tags"]}
                self.runs[run_id] = {"tags": tags, "points": set(), "params": {}, "status": ""}
                self.runs[run_id]["outputs"] = []
                return 200, self.shown(run_id)
            case "runs/search":
                wanted = re.search(r"= '(.*)'", body["filter"])
                found = [
                    self.shown(run_id)["run"]
                    for run_id, run in self.runs.items()
                    if not wanted or wanted[1] in run["tags"].values()
                ]
                return 200, {"runs": [one for one in found if self.is_active(one)]}
            case "runs/log-batch":
                run = self.runs[body["run_id"]]
                run["points"] |= {(one["key"], one["step"]) for one in body.get("metrics", ())}
                for one in body.get("metrics", ()):
                    if model_id := one.get("model_id"):
                        self.models[int(model_id[8:])]["data"]["metrics"].append(one)
                run["params"] |= {one["key"]: one["value"] for one in body.get("params", ())}
                run["tags"] |= {one["key"]: one["value"] for one in body.get("tags", ())}
                return 200, {}
            case "runs/update":
                self.runs[body["run_id"]]["status"] = body["status"]
                return 200, {}
            case "runs/delete":
                self.runs[body["run_id"]]["deleted"] = True
                return 200, {}
            case "runs/get":
                return 200, self.shown(path.partition("run_id=")[2])
            case "logged-models/search" if self.models_at:
                return 200, {"models": self.models}
            case "logged-models" if self.models_at:
                model_id = f"m-server{len(self.models)}"
                place = {"model_id": model_id, "artifact_uri": f"{self.models_at}/artifacts"}
                self.models.append(
                    {"info": {**body, **place}, "data": {"params": [], "metrics": []}}
                )
                return 200, {"model": self.models[-1]}
            case "runs/outputs":
                self.runs[body["run_id"]]["outputs"] += body["models"]
                return 200, {}
            case call if found := re.fullmatch(r"logged-models/m-server(\d+)(/params)?", call):
                model = self.models[int(found[1])]
                if found[2]:
                    model["data"]["params"] += body["params"]
                model["info"]["status"] = body.get("status", model["info"].get("status", ""))
                return 200, {"model": model}
        return 404, {"error_code": "ENDPOINT_NOT_FOUND", "message": f"no {path}"}

    def is_active(self, run: dict[str, Any]) -> bool:
        return not self.runs[run["info"]["run_id"]].get("deleted")

    def active(self) -> list[dict[str, Any]]:
        return [run for run in self.runs.values() if not run.get("deleted")]

    def shown(self, run_id: str) -> dict[str, Any]:
        info = {"run_id": run_id, "experiment_id": "0", "artifact_uri": self.artifacts_at}
        run = self.runs.get(run_id, {"points": (), "params": {}, "outputs": []})
        points = [{"key": key, "value": 0.5, "step": step} for key, step in sorted(run["points"])]
        params = [{"key": key, "value": value} for key, value in run["params"].items()]
        return {
            "run": {
                "info": info,
                "data": {"metrics": points, "params": params},
                "outputs": {"model_outputs": run["outputs"]},
                "unheard_of": {"field": [1]},
            }
        }


@contextlib.contextmanager
def serving(
    context: ssl.SSLContext | None = None, kind: type[FakeServer] = FakeServer
) -> Iterator[FakeServer]:
    server = kind(context)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
