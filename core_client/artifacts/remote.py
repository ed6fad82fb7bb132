"""The files of a run in another place: listings are not believed, copies are private and checked."""

from __future__ import annotations

import atexit
import builtins
import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from core_client.artifacts import checksums
from core_client.artifacts.base import Artifacts, join
from core_client.artifacts.schemes import open_storage
from core_client.artifacts.storage import Sent
from core_client.entities import FileInfo
from core_client.exceptions import MlflowException, StoreUnavailable, invalid, missing
from core_client.paths import contained, safe_relative
from core_client.settings import without_password


class RemoteArtifacts(Artifacts):
    """The artifacts below one URI; what is written is there when the call returns.

    Args:
        uri: such as ``s3://bucket/path``.
        tracking_uri: the server that ``mlflow-artifacts:`` URIs without a host mean.
        sent: told how many bytes of a file have gone so far.
    """

    def __init__(self, uri: str, tracking_uri: str = "", sent: Sent = lambda _: None) -> None:
        self.uri = without_password(uri).rstrip("/")
        self._storage = open_storage(uri, tracking_uri)
        self._sent = sent

    def has(self, artifact_file: str) -> bool:
        """Whether there is a file of that name."""
        return self._file(safe_relative(artifact_file)) is not None

    def local(self, artifact_path: str = "") -> Path:
        """A private copy, kept until the process ends."""
        return self.download(artifact_path, private_folder())

    def list(self, artifact_path: str | None = None) -> builtins.list[FileInfo]:
        """What lies directly in a folder, by name; nothing for a file or a missing folder.

        Raises:
            MlflowException: the store names something that could lie outside of the folder.
        """
        folder = safe_relative(artifact_path or "")
        found = [
            FileInfo(
                join(folder, self._checked(entry.name, folder)),
                entry.is_dir,
                None if entry.is_dir else entry.size,
            )
            for entry in self._storage.list(folder)
        ]
        return sorted(found, key=lambda file: file.path)

    def download(self, artifact_path: str = "", dst_path: str | Path | None = None) -> Path:
        """Copy a file or folder.

        Raises:
            MlflowException: it is not there, arrived incomplete, or is not what was written.
        """
        path = safe_relative(artifact_path)
        place = private_folder() if dst_path is None else Path(dst_path)
        place.mkdir(parents=True, exist_ok=True)
        files = list(self._files(path))
        if path and not files:
            raise missing(f"There is no artifact '{artifact_path}' in '{self.uri}'.")
        with tempfile.TemporaryDirectory(prefix=".incoming-", dir=place) as scratch:
            arrived = [Path(scratch, str(number)) for number in range(len(files))]
            for file, copy in zip(files, arrived, strict=True):
                self._fetch(file, copy)
            for file, copy in zip(files, arrived, strict=True):
                target = contained(place, file.path)
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(copy, target)
        return contained(place, path)

    def delete(self, artifact_path: str = "") -> None:
        """Delete a file, a folder, or all there is. What is not there is no news."""
        for file in self._files(safe_relative(artifact_path)):
            self._storage.delete(file.path)

    def _fetch(self, file: FileInfo, target: Path) -> None:
        self._storage.get(file.path, target)
        size = target.stat().st_size
        if file.file_size and file.file_size != size:
            raise StoreUnavailable(
                f"'{file.path}' in '{self.uri}' has {file.file_size} bytes, and {size} arrived. "
                "Try again."
            )
        checksums.check(self.uri, file.path, target)

    def _put(
        self,
        files: Mapping[str, Path],
        bring: Callable[[Path, Path], object],
        replaces: str = "",
    ) -> None:
        for path, source in files.items():
            digest = checksums.digest(source)
            self._sent(0)
            self._storage.put(source, path, self._sent)
            self._sent(source.stat().st_size)  # not every driver tells on the way
            checksums.remember(self.uri, path, digest)
        for file in self._files(replaces) if replaces else ():
            if file.path not in files:
                self._storage.delete(file.path)

    def _room(self) -> Path:
        return Path(tempfile.gettempdir())

    def _files(self, path: str) -> Iterator[FileInfo]:
        """Every file at or below a path."""
        found = self.list(path)
        if not found and (file := self._file(path)):
            yield file
        for entry in found:
            if entry.is_dir:
                yield from self._files(entry.path)
            else:
                yield entry

    def _file(self, path: str) -> FileInfo | None:
        beside = self.list(path.rpartition("/")[0])
        return next((file for file in beside if file.path == path and not file.is_dir), None)

    def _checked(self, name: str, folder: str) -> str:
        with contextlib.suppress(MlflowException):
            if name and "/" not in name and safe_relative(name) == name:
                return name
        raise invalid(
            f"'{self.uri}' says that {name!r} lies in its folder '{folder}'. No file can: "
            "nothing of it is read."
        )


_folders: list[tuple[int, Path]] = []


def private_folder() -> Path:
    """A new folder that only this user can enter; it goes when the process ends."""
    folder = Path(tempfile.mkdtemp(prefix="autolog-"))
    _folders.append((os.getpid(), folder))
    return folder


@atexit.register
def _remove_folders() -> None:
    for pid, folder in _folders:
        if pid == os.getpid():  # a forked child leaves its parent's alone
            shutil.rmtree(folder, ignore_errors=True)
