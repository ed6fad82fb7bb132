"""What a user can do with the files of a run, wherever they lie."""

from __future__ import annotations

import builtins
import contextlib
import os
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from core_client.entities import FileInfo
from core_client.exceptions import invalid, missing
from core_client.paths import safe_relative

MODEL_FILE = "MLmodel"  # makes a folder a model: it comes when everything else is there


class Artifacts(ABC):
    """Files below one root; paths are relative to it, with ``/``.

    Every path passes `safe_relative`. A file is in place whole or not at all.
    """

    def add(self, local_path: str | Path, artifact_path: str | None = None) -> None:
        """Copy a file, or a folder under its own name, into the folder `artifact_path`."""
        source = Path(local_path)
        if not source.exists():
            raise missing(f"There is no file or folder '{source}' to log as an artifact.")
        if source.is_dir():
            self.add_all(source, join(artifact_path, source.absolute().name))
        else:
            self._put({join(artifact_path, source.name): source}, shutil.copyfile)

    def add_all(
        self, local_dir: str | Path, artifact_path: str | None = None, replaces: bool = False
    ) -> None:
        """Copy everything in a folder, with the folders below it, into `artifact_path`.

        Args:
            local_dir: the folder.
            artifact_path: where it goes.
            replaces: nothing else stays at `artifact_path`.
        """
        source = Path(local_dir)
        if not source.is_dir():
            raise missing(f"There is no folder '{source}' to log artifacts from.")
        name = self._named(artifact_path or "") if replaces else safe_relative(artifact_path or "")
        self._put(tree(source, name), shutil.copyfile, name if replaces else "")

    def write(self, data: bytes, artifact_file: str) -> None:
        """Make one file of these bytes."""
        name = self._named(artifact_file)
        with self._scratch() as folder:
            (folder / "data").write_bytes(data)
            self._put({name: folder / "data"}, os.replace)

    @contextlib.contextmanager
    def folder(self, artifact_path: str, replaces: bool = True) -> Iterator[Path]:
        """An empty folder to fill, put in place when the body is done; not if that raises.

        Args:
            artifact_path: where it goes.
            replaces: nothing else stays at `artifact_path`; else its files join those there.
        """
        name = self._named(artifact_path)
        with self._scratch() as folder:
            yield folder
            self._put(tree(folder, name), os.replace, name if replaces else "")

    def read(self, artifact_file: str) -> bytes:
        """The content of one file."""
        return self.local(artifact_file).read_bytes()

    @abstractmethod
    def has(self, artifact_file: str) -> bool:
        """Whether there is a file of that name."""

    @abstractmethod
    def local(self, artifact_path: str = "") -> Path:
        """The file or folder on the local disk; a private copy if it lies elsewhere.

        Raises:
            MlflowException: RESOURCE_DOES_NOT_EXIST.
        """

    @abstractmethod
    def list(self, artifact_path: str | None = None) -> builtins.list[FileInfo]:
        """What lies directly in a folder, by name; nothing for a file or a missing folder."""

    @abstractmethod
    def download(self, artifact_path: str = "", dst_path: str | Path | None = None) -> Path:
        """Copy a file or folder.

        Args:
            artifact_path: relative to the root; empty means all of it.
            dst_path: an existing folder to copy into; without it, what `local` gives.

        Returns:
            Where it is.
        """

    @abstractmethod
    def delete(self, artifact_path: str = "") -> None:
        """Delete a file, a folder, or all there is. What is not there is no news."""

    @abstractmethod
    def _put(
        self,
        files: Mapping[str, Path],
        bring: Callable[[Path, Path], object],
        replaces: str = "",
    ) -> None:
        """Put files in place.

        Args:
            files: local files by their artifact paths, in the order in which they shall appear.
            bring: copies a file, or moves it if it was made for this call.
            replaces: a folder that shall hold nothing but these files, if any.
        """

    @abstractmethod
    def _room(self) -> Path:
        """An existing folder, on the disk where `_put` wants its files."""

    @contextlib.contextmanager
    def _scratch(self) -> Iterator[Path]:
        """A private folder for a moment."""
        # No TemporaryDirectory: at the end of the process Python removes those, whoever still
        # works in them, before it calls us to wait for that work.
        place = Path(tempfile.mkdtemp(prefix=".incoming-", dir=self._room()))
        try:
            folder = place / "new"
            folder.mkdir()
            yield folder
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def _named(self, artifact_path: str) -> str:
        name = safe_relative(artifact_path)
        if not name:
            raise invalid(f"The artifact path {artifact_path!r} names no file below the run.")
        return name


def join(folder: str | None, name: str) -> str:
    """The artifact path of a file in a folder; both are checked."""
    prefix, name = safe_relative(folder or ""), safe_relative(name)
    return f"{prefix}/{name}" if prefix and name else prefix or name


def tree(folder: Path, artifact_path: str = "") -> dict[str, Path]:
    """Every file below a folder, by the artifact path it shall have."""
    files = [
        Path(top, name) for top, _, names in os.walk(folder, followlinks=True) for name in names
    ]
    files.sort(key=lambda path: (path.name == MODEL_FILE, path))
    return {join(artifact_path, path.relative_to(folder).as_posix()): path for path in files}
