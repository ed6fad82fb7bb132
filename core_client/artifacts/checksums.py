"""What this user's files in artifact stores must look like: a record that no store can change.

A store's own checksum says what it holds, not what we gave it; and a file beside each file would
show in every tool. So the record stays here, in this user's folder, one file per artifact folder.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from core_client.exceptions import MlflowException
from core_client.settings import home

CHUNK = 2**20  # bytes


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    total = hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(CHUNK):
            total.update(data)
    return total.hexdigest()


def remember(root: str, path: str, checksum: str) -> None:
    """This is what was written there."""
    record, name = _record(root, path)
    record.parent.mkdir(mode=0o700, exist_ok=True)
    fd = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(fd, json.dumps([name, checksum]).encode() + b"\n")
    finally:
        os.close(fd)


def check(root: str, path: str, copy: Path) -> None:
    """Raise MlflowException if we wrote another content there. A file of others is not known."""
    record, name = _record(root, path)
    if not record.exists():
        return
    known = dict(json.loads(line) for line in record.read_text().splitlines())
    if name in known and digest(copy) != known[name]:
        raise MlflowException(
            f"'{path}' in '{root}' is not the file that was written from here: somebody changed "
            f"it, or it was damaged. If the change is right, delete '{record}' and try again.",
            "DATA_LOSS",
        )


def _record(root: str, path: str) -> tuple[Path, str]:
    folder, _, name = f"{root}/{path}".rpartition("/")
    key = hashlib.sha256(folder.encode()).hexdigest()[:32]
    return home() / "checksums" / key, name
