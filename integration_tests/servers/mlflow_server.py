"""MLflow's own server as a process on loopback, which tests may pause, kill and start again."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import time
import urllib.request
from pathlib import Path

START = 120  # seconds that a cold start may take on a busy machine


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


class MlflowServer:
    """One server with a database of its own.

    Args:
        python: the interpreter that has MLflow.
        folder: for its database, artifacts and log.
        database: SQLAlchemy's URI; an SQLite file in the folder by default.
        keeps_models: whether it is one of MLflow 3, which keeps logged models.
    """

    def __init__(
        self, python: str, folder: Path, database: str = "", keeps_models: bool = True
    ) -> None:
        self.python = python
        self.keeps_models = keeps_models
        self.folder = folder
        self.database = database or f"sqlite:///{folder}/server.db"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *more: str, **variables: str) -> None:
        command = [
            self.python, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port),
            "--backend-store-uri", self.database, "--workers", "1",
            *(more or ("--no-serve-artifacts", "--default-artifact-root", f"{self.folder}/mlruns")),
        ]  # fmt: skip
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
        environment |= {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "OMP_NUM_THREADS": "1"}
        environment.pop("PYTHONPATH", None)
        environment |= variables
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + START
        while not self._is_up():
            log_text = (self.folder / "server.log").read_text()
            assert self._process.poll() is None, log_text
            assert time.monotonic() < deadline, log_text
            time.sleep(0.1)  # until its port answers

    def _is_up(self) -> bool:
        try:
            with urllib.request.urlopen(self.url + "/health", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def tags(self, run_id: str) -> dict[str, str]:
        """A run's tags as the server itself tells them."""
        where = f"{self.url}/api/2.0/mlflow/runs/get?run_id={run_id}"
        with urllib.request.urlopen(where) as answer:
            found = json.load(answer)["run"]["data"]["tags"]
        return {tag["key"]: tag["value"] for tag in found}

    @property
    def running(self) -> bool:
        return self._process is not None

    def send(self, number: int) -> None:
        """A signal to the server and its workers."""
        if self._process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def pause(self) -> None:
        self.send(signal.SIGSTOP)

    def go_on(self) -> None:
        self.send(signal.SIGCONT)

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        if self._process:
            self._process.wait()
        self._process = None

    def wipe(self) -> None:
        """Forget everything but the default experiment."""
        if self.database.startswith("sqlite"):
            with contextlib.closing(sqlite3.connect(self.folder / "server.db", timeout=30)) as db:
                tables = "SELECT name FROM sqlite_master WHERE type = 'table'"
                for (name,) in db.execute(tables).fetchall():
                    if name not in KEPT:
                        db.execute(f"DELETE FROM {name}")
                db.execute(OTHER_EXPERIMENTS)
                db.commit()
            return
        import psycopg

        with psycopg.connect(self.database) as connection:
            tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            names = {name for (name,) in connection.execute(tables).fetchall()} - set(KEPT)
            connection.execute(f"TRUNCATE {', '.join(names)}")
            connection.execute(OTHER_EXPERIMENTS)


KEPT = ("alembic_version", "experiments", "workspaces", "sqlite_sequence")
OTHER_EXPERIMENTS = "DELETE FROM experiments WHERE experiment_id <> 0"
