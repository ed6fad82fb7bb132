"""Folders of files between two steps: what a process that was killed there left is cleared away."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
from collections.abc import Iterator
from pathlib import Path

LOCK = "lock"


@contextlib.contextmanager
def staging(folder: Path) -> Iterator[None]:
    """While the body makes a folder there and tells of it, nobody takes it for a left-over."""
    with (folder / LOCK).open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield


def sweep(folder: Path) -> None:
    """Delete the folders that no event tells of, unless another process is staging files now."""
    if not folder.exists():
        return
    with (folder / LOCK).open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # the next start does it
        # Those that were refused stay, too: a file beside them names them.
        told = b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())
        for path in folder.iterdir():
            if path.is_dir() and path.name.encode() not in told:
                shutil.rmtree(path, ignore_errors=True)


def discard(folder: Path) -> None:
    """Delete a folder whose files have been sent. Half of it must not be sent once more."""
    done = folder.rename(folder.with_name(f".sent-{folder.name}"))
    shutil.rmtree(done, ignore_errors=True)
