"""What `autolog sync` does: sends what processes that are gone have left in this user's spool."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from core_client.destination import destination
from core_client.exceptions import MlflowException, invalid
from core_client.segment import SUFFIX, Header
from core_client.settings import absolute, home, tracking_uri, without_password


class Synced(NamedTuple):
    """How it went with one store.

    Args:
        uri: the store.
        folder: where its part of the spool lies.
        events: how many have been sent now.
        killed: runs that died with their process and were closed as KILLED now.
        problem: why the store did not take the rest; empty if it took all.
        waiting: sentences that say who holds what is still there.
        aside: files with what the store refused or what was broken, now or earlier.
    """

    uri: str
    folder: Path
    events: int
    killed: int
    problem: str
    waiting: list[str]
    aside: list[Path]


def sync() -> Iterator[Synced]:
    """Send what is left for every store, one after the other. Safe to run at any time, anywhere."""
    for folder in sorted(path for path in (home() / "spool").glob("*") if path.is_dir()):
        uri = next((header.uri for header in _headers(folder)), None)
        if uri or _aside(folder):
            yield _sync(uri, folder)


def _sync(uri: str | None, folder: Path) -> Synced:
    events = killed = 0
    problem = ""
    waiting: list[str] = []
    try:
        if uri:
            events, killed = destination(_in_use(uri)).adopt(every_host=True)
        waiting = [_why(header) for header in _headers(folder)]
    except MlflowException as error:
        problem = f"{error} All is kept in '{folder}'."
    return Synced(uri or "", folder, events, killed, problem, waiting, _aside(folder))


def _aside(folder: Path) -> list[Path]:
    places = [*folder.glob("*"), *folder.glob("files/*")]
    return sorted(path for path in places if path.suffix in (".refused", ".broken"))


def _in_use(uri: str) -> str:
    """The URI with its password, which the spool does not hold: from the tracking URI in use.

    Raises:
        MlflowException: another URI is in use.
    """
    chosen = absolute(tracking_uri())
    if without_password(chosen) == uri:
        return chosen
    if "***" in uri:
        raise invalid(
            "The spool holds no password: set MLFLOW_TRACKING_URI to this URI with its password, "
            "and run `autolog sync` again."
        )
    return uri


def _headers(folder: Path) -> Iterator[Header]:
    for path in sorted([*folder.glob("*" + SUFFIX), *folder.glob("files/*" + SUFFIX)]):
        # Gone: another process was faster. Broken: it is set aside when it is sent.
        try:
            with path.open("rb") as file:
                header = msgspec.json.decode(file.readline(), type=Header)
        except (FileNotFoundError, msgspec.DecodeError):
            continue
        yield header


def _why(header: Header) -> str:
    """Why a segment that nobody but its writer or another `sync` can hold is still there."""
    if header.host != os.uname().nodename:
        return f"Process {header.pid} on '{header.host}' is still running and sends its own."
    if header.pid == os.getpid() or _alive(header.pid):
        return f"Process {header.pid} is still running and sends its own."
    return f"What process {header.pid} left is being sent by another process now."


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
