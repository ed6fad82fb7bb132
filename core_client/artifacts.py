"""The files of a run, on the local disk: written whole or not at all, never outside their root."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from core_client.entities import FileInfo
from core_client.exceptions import invalid, missing
from core_client.exchange import exchange
from core_client.paths import contained, safe_relative


def local_root(artifact_uri: str) -> Path:
    """The folder that an artifact URI means: a plain path or a ``file:`` URI.

    Raises:
        MlflowException: the URI lies in another kind of store, or on another host.
    """
    parts = urlsplit(artifact_uri)
    if not parts.scheme:
        return Path(artifact_uri).absolute()
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        raise invalid(
            f"Artifacts at '{artifact_uri}' cannot be reached: "
            "this version keeps artifacts on the local disk only."
        )
    return Path(unquote(parts.path)).absolute()


def _join(folder: str | None, name: str) -> str:
    prefix = safe_relative(folder or "")
    return f"{prefix}/{name}" if prefix else name


class Artifacts:
    """The artifacts below one URI; paths are relative to it, with ``/``.

    Args:
        uri: the run's artifact URI.
    """

    def __init__(self, uri: str) -> None:
        self.root = local_root(uri)

    def add(self, local_path: str | Path, artifact_path: str | None = None) -> None:
        """Copy a file, or a folder under its own name, into the folder `artifact_path`."""
        source = Path(local_path)
        if not source.exists():
            raise missing(f"There is no file or folder '{source}' to log as an artifact.")
        if source.is_dir():
            self.add_all(source, _join(artifact_path, source.absolute().name))
            return
        with self._incoming() as folder:
            shutil.copyfile(source, folder / source.name)
            self._place(folder / source.name, _join(artifact_path, source.name))

    def add_all(self, local_dir: str | Path, artifact_path: str | None = None) -> None:
        """Copy everything in a folder, with the folders below it, into `artifact_path`."""
        source = Path(local_dir)
        if not source.is_dir():
            raise missing(f"There is no folder '{source}' to log artifacts from.")
        with self._incoming() as folder:
            shutil.copytree(source, folder / "all")
            for path in sorted((folder / "all").rglob("*")):
                inner = path.relative_to(folder / "all").as_posix()
                if not path.is_dir():
                    self._place(path, _join(artifact_path, inner))

    def write(self, data: bytes, artifact_file: str) -> None:
        """Make one file of these bytes."""
        with self._incoming() as folder:
            (folder / "data").write_bytes(data)
            self._place(folder / "data", artifact_file)

    @contextlib.contextmanager
    def folder(self, artifact_path: str) -> Iterator[Path]:
        """An empty folder to fill; it replaces what is at `artifact_path` when the body is done.

        Nothing is left of it if the body raises.
        """
        self._target(artifact_path)
        with self._incoming() as folder:
            new = folder / "new"
            new.mkdir()
            yield new
            target = self._target(artifact_path)
            if target.exists():
                exchange(new, target)
            else:
                new.rename(target)

    def read(self, artifact_file: str) -> bytes:
        """The content of one file."""
        return self.local(artifact_file).read_bytes()

    def has(self, artifact_file: str) -> bool:
        """Whether there is a file of that name."""
        return contained(self.root, artifact_file).is_file()

    def local(self, artifact_path: str = "") -> Path:
        """The file or folder itself. Raises MlflowException RESOURCE_DOES_NOT_EXIST."""
        path = contained(self.root, artifact_path)
        if not path.exists():
            raise missing(f"There is no artifact '{artifact_path}' in '{self.root}'.")
        return path

    def list(self, artifact_path: str | None = None) -> list[FileInfo]:
        """What lies directly in a folder, by name; nothing for a file or a missing folder."""
        path = contained(self.root, artifact_path or "")
        if not path.is_dir():
            return []
        return [
            FileInfo(
                _join(artifact_path, entry.name),
                entry.is_dir(),
                None if entry.is_dir() else entry.stat().st_size,
            )
            for entry in sorted(os.scandir(path), key=lambda entry: entry.name)
        ]

    def download(self, artifact_path: str = "", dst_path: str | Path | None = None) -> Path:
        """Copy a file or folder.

        Args:
            artifact_path: relative to the root; empty means all of it.
            dst_path: an existing folder to copy into; without it, nothing is copied and the
                place where the artifact lies is returned.
        """
        source = self.local(artifact_path)
        if dst_path is None:
            return source
        target = contained(dst_path, artifact_path)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        return target

    def _target(self, artifact_path: str) -> Path:
        if not safe_relative(artifact_path):
            raise invalid(f"The artifact path {artifact_path!r} names no file below the run.")
        target = contained(self.root, artifact_path)
        target.parent.mkdir(parents=True, exist_ok=True)
        return target

    def _place(self, path: Path, artifact_path: str) -> None:
        os.replace(path, self._target(artifact_path))

    @contextlib.contextmanager
    def _incoming(self) -> Iterator[Path]:
        """A private folder on the same disk, beside the root, so that listings never show it."""
        self.root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".incoming-", dir=self.root.parent) as name:
            yield Path(name)
