"""What `autolog sync` does: sends what processes that are gone have left in this user's spool."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from core_client.artifacts.base import tree
from core_client.destination import destination
from core_client.drain import Account
from core_client.events import Files
from core_client.exceptions import MlflowException, invalid
from core_client.paths import contained
from core_client.segment import SUFFIX, Header, Segment
from core_client.settings import absolute, home, tracking_uri, without_password


class Waiting(NamedTuple):
    """What the spool holds for one store.

    Args:
        uri: the store; empty if only what it refused is left.
        folder: where its part of the spool lies.
        events: how many `sync` would send.
        runs: whose events these are, by the ids that the runs have here.
        size: bytes of the files among them.
        living: how many further events their own processes are going to send.
        held: sentences that say which processes these are.
        aside: files with what the store refused or what was broken.
    """

    uri: str
    folder: Path
    events: int
    runs: list[str]
    size: int
    living: int
    held: list[str]
    aside: list[Path]


class Synced(NamedTuple):
    """How it went with one store.

    Args:
        uri: the store.
        folder: where its part of the spool lies.
        events: how many have been sent now.
        killed: runs that died with their process and were closed as KILLED now.
        runs: the runs that these events are about, each with the id that the store knows it by,
            which for a server is not the one that it has here.
        problem: why the store did not take the rest; empty if it took all.
        waiting: sentences that say who holds what is still there.
        aside: files with what the store refused or what was broken, now or earlier.
    """

    uri: str
    folder: Path
    events: int
    killed: int
    runs: dict[str, str]
    problem: str
    waiting: list[str]
    aside: list[Path]


def waiting() -> Iterator[Waiting]:
    """What `sync` would send to each store. Nothing is sent or changed."""
    for folder in _folders():
        found = _waiting(folder)
        if found.uri or found.aside:
            yield found


def sync(watch: Callable[[int], object] = lambda events: None) -> Iterator[Synced]:
    """Send what is left for every store, one after the other. Safe to run at any time, anywhere.

    Args:
        watch: told how many events have been sent until now.
    """
    sent = 0
    for folder in _folders():
        uri = next((header.uri for _, header in _headers(folder)), None)
        if uri or _aside(folder):
            report = _sync(uri, folder, watch, sent)
            sent += report.events
            yield report


def _sync(uri: str | None, folder: Path, watch: Callable[[int], object], before: int) -> Synced:
    account = Account(lambda events: watch(before + events))
    problem = ""
    runs = {}
    held: list[str] = []
    try:
        if uri:
            place = destination(_in_use(uri))
            try:
                place.adopt(every_host=True, account=account)
            finally:
                if place.opened:
                    runs = {run_id: place.opened.own_id(run_id) for run_id in account.runs}
        held = [_why(header) for _, header in _headers(folder)]
    except MlflowException as error:
        problem = f"{error} All is kept in '{folder}'."
    aside = _aside(folder)
    return Synced(uri or "", folder, account.events, account.killed, runs, problem, held, aside)


def _waiting(folder: Path) -> Waiting:
    uri = ""
    events = living = size = 0
    runs: dict[str, None] = {}
    held = []
    for path, header in _headers(folder):
        uri = header.uri
        count = 0
        if _is_held(path):
            living += sum(1 for _ in _unsent(path))
            held.append(_why(header))
            continue
        for event in _unsent(path):
            count += 1
            if run_id := getattr(event, "run_id", ""):
                runs[run_id] = None
            if isinstance(event, Files):
                staged = tree(contained(path.parent, event.staged)).values()
                size += sum(file.stat().st_size for file in staged)
        events += count
    return Waiting(uri, folder, events, list(runs), size, living, held, _aside(folder))


def _unsent(path: Path) -> Iterator[object]:
    """The events of a segment that have not reached the store."""
    try:
        segment = Segment(path)
    except FileNotFoundError:  # sent meanwhile
        return
    try:
        while chunk := segment.read():
            segment.offset = chunk.end
            yield from chunk.events
    finally:
        segment.close()


def _is_held(path: Path) -> bool:
    """Whether a living process holds the segment."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        pass
    return False


def _folders() -> list[Path]:
    """One for each store."""
    return sorted(path for path in (home() / "spool").glob("*") if path.is_dir())


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


def _headers(folder: Path) -> Iterator[tuple[Path, Header]]:
    for path in sorted([*folder.glob("*" + SUFFIX), *folder.glob("files/*" + SUFFIX)]):
        # Gone: another process was faster. Broken: it is set aside when it is sent.
        try:
            with path.open("rb") as file:
                header = msgspec.json.decode(file.readline(), type=Header)
        except (FileNotFoundError, msgspec.DecodeError):
            continue
        yield path, header


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
