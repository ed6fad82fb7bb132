"""Files that lie elsewhere: the four things that are asked of every kind of artifact store."""

from __future__ import annotations

import contextlib
import posixpath
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from core_client.artifacts.failures import explained

Sent = Callable[[int], object]  # told how many bytes of a file have gone over the line so far


class Entry(NamedTuple):
    """What a store says lies in a folder: a name that has not been checked, and a size in bytes."""

    name: str
    is_dir: bool
    size: int | None


class Storage(ABC):
    """One place for files; paths are relative to it and have been checked.

    Every method raises StoreUnavailable if it may go better later, else MlflowException.
    """

    @abstractmethod
    def list(self, folder: str) -> list[Entry]:
        """What lies directly in a folder; nothing for a file or a missing folder."""

    @abstractmethod
    def put(self, source: Path, path: str, sent: Sent) -> None:
        """Copy a local file there, over what is there."""

    @abstractmethod
    def get(self, path: str, target: Path) -> None:
        """Copy a file from there into a new local file."""

    @abstractmethod
    def delete(self, path: str) -> None:
        """Delete a file."""


class Place(NamedTuple):
    """A folder in a file system of fsspec.

    Args:
        system: the file system.
        root: the folder.
        bucket: what holds it and has to exist; empty where folders are made as needed.
    """

    system: Any
    root: str
    bucket: str = ""


class FileSystemStorage(Storage):
    """Any file system that fsspec drives.

    Args:
        uri: the place as users know it.
        connect: opens it; called when the first file is asked for.
    """

    def __init__(self, uri: str, connect: Callable[[], Place]) -> None:
        self._uri = uri
        self._connect = connect
        self._place: Place | None = None

    def list(self, folder: str) -> list[Entry]:
        """What lies directly in a folder; nothing for a file or a missing folder."""
        with self._connected() as place:
            path = posixpath.join(place.root, folder)
            try:
                found = place.system.ls(path, detail=True)
            except (FileNotFoundError, NotADirectoryError):
                self._check_bucket(place)
                return []
            top = path.strip("/")
            entries = [
                Entry(
                    item["name"].strip("/").removeprefix(top).lstrip("/"),
                    item["type"] == "directory",
                    item.get("size"),
                )
                for item in found
            ]
            # FTP servers list a file as if it lay in a folder of its own name.
            if [entry.name for entry in entries] == [posixpath.basename(path)]:
                entries = entries if place.system.isdir(path) else []
        # A file, or the mark of an empty folder in an object store, lists itself.
        return [entry for entry in entries if entry.name]

    def put(self, source: Path, path: str, sent: Sent) -> None:
        """Copy a local file there, over what is there."""
        from fsspec.callbacks import Callback

        told = Callback(hooks={"sent": lambda size, value, **_: sent(value)})
        with self._connected() as place:
            full = posixpath.join(place.root, path)
            if not place.bucket:
                place.system.makedirs(posixpath.dirname(full), exist_ok=True)
            try:
                place.system.put_file(str(source), full, callback=told)
            except FileNotFoundError:
                self._check_bucket(place)
                raise

    def get(self, path: str, target: Path) -> None:
        """Copy a file from there into a new local file."""
        with self._connected() as place:
            place.system.get_file(posixpath.join(place.root, path), str(target))

    def delete(self, path: str) -> None:
        """Delete a file."""
        with self._connected() as place:
            place.system.rm_file(posixpath.join(place.root, path))

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Place]:
        with explained(self._uri):
            if self._place is None:
                self._place = self._connect()
            try:
                yield self._place
            except Exception:
                # Drivers keep their connections; the next try looks at the credentials anew.
                self._place.system.clear_instance_cache()
                self._place = None
                raise

    def _check_bucket(self, place: Place) -> None:
        if place.bucket and not place.system.exists(place.bucket):
            raise FileNotFoundError(f"there is no '{place.bucket}'; create it first")
