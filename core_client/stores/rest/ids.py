"""Which run or model of the server a local id stands for: asked for once, remembered for good."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

# What stands in the place of the server's id until that is known.
_ASKED = "?"
_TAKEN_BACK = "!"


class RunIds:
    """A file of lines ``<local id> <server's id>``, shared by all processes of this user.

    Args:
        path: the file; it and its folder are made when the first id is.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, str] = {}
        self._asked: dict[str, int] = {}
        self._read = 0

    def server_id(self, run_id: str) -> str:
        """The server's id of a run; the same one where the server's is given."""
        if run_id not in self._known:
            self._refresh()
        return self._known.get(run_id, run_id)

    def knows(self, local_id: str) -> bool:
        """Whether the server has named this run."""
        return self.server_id(local_id) != local_id

    def asked(self, local_id: str) -> int:
        """How often the server has been asked to create this run."""
        return self._asked.get(local_id, 0)

    def ask(self, local_id: str) -> None:
        """The server is about to be asked: whoever finds no answer after this has to look."""
        self._append(local_id, _ASKED)

    def take_back(self, local_id: str) -> None:
        """The server was not asked after all."""
        self._append(local_id, _TAKEN_BACK)

    def learn(self, local_id: str, server_id: str) -> None:
        """The server has named the run."""
        self._append(local_id, server_id)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """No other thread or process creates a run meanwhile."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)

    def _append(self, local_id: str, server_id: str) -> None:
        fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(fd, f"{local_id} {server_id}\n".encode())
            os.fsync(fd)
        finally:
            os.close(fd)
        self._refresh()

    def _refresh(self) -> None:
        """Read what any process has added since."""
        try:
            if self._path.stat().st_size == self._read:
                return
            with self._path.open("rb") as file:
                file.seek(self._read)
                lines = file.read()
        except FileNotFoundError:
            return
        whole = lines[: lines.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.decode().splitlines():
            local_id, _, server_id = line.partition(" ")
            if server_id == _ASKED:
                self._asked[local_id] = self.asked(local_id) + 1
            elif server_id == _TAKEN_BACK:
                self._asked[local_id] = self.asked(local_id) - 1
            else:
                self._known[local_id] = server_id
