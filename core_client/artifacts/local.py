"""The files of a run on the local disk, or on one that is mounted there."""

from __future__ import annotations

import builtins
import os
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from core_client.artifacts.base import Artifacts, join
from core_client.entities import FileInfo
from core_client.exceptions import invalid, missing
from core_client.exchange import exchange
from core_client.paths import contained
from core_client.settings import without_password


def is_local(artifact_uri: str) -> bool:
    """Whether this is a plain path or a ``file:`` URI."""
    scheme = re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", artifact_uri)
    return scheme is None or scheme[0].lower() == "file:"


def local_root(artifact_uri: str) -> Path:
    """The folder that a plain path or a ``file:`` URI means.

    Raises:
        MlflowException: it is another kind of URI, or lies on another host.
    """
    parts = urlsplit(artifact_uri)
    if not parts.scheme:
        return Path(artifact_uri).absolute()
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        raise invalid(
            f"Artifacts at '{without_password(artifact_uri)}' cannot be reached as files of this "
            "machine. If they lie on another one, mount its disk here and use the path."
        )
    return Path(unquote(parts.path)).absolute()


class LocalArtifacts(Artifacts):
    """The artifacts below one folder.

    Args:
        uri: a plain path or a ``file:`` URI.
    """

    def __init__(self, uri: str) -> None:
        self.root = local_root(uri)

    def has(self, artifact_file: str) -> bool:
        """Whether there is a file of that name."""
        return contained(self.root, artifact_file).is_file()

    def local(self, artifact_path: str = "") -> Path:
        """The file or folder itself. Raises MlflowException RESOURCE_DOES_NOT_EXIST."""
        path = contained(self.root, artifact_path)
        if not path.exists():
            raise missing(f"There is no artifact '{artifact_path}' in '{self.root}'.")
        return path

    def list(self, artifact_path: str | None = None) -> builtins.list[FileInfo]:
        """What lies directly in a folder, by name; nothing for a file or a missing folder."""
        path = contained(self.root, artifact_path or "")
        if not path.is_dir():
            return []
        return [
            FileInfo(
                join(artifact_path, entry.name),
                entry.is_dir(),
                None if entry.is_dir() else entry.stat().st_size,
            )
            for entry in sorted(os.scandir(path), key=lambda entry: entry.name)
        ]

    def download(self, artifact_path: str = "", dst_path: str | Path | None = None) -> Path:
        """Copy a file or folder; without `dst_path`, say where it lies."""
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

    def delete(self, artifact_path: str = "") -> None:
        """Delete a file, a folder, or all there is. What is not there is no news."""
        path = contained(self.root, artifact_path)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    def _put(
        self,
        files: Mapping[str, Path],
        bring: Callable[[Path, Path], object],
        replaces: str = "",
    ) -> None:
        with self._scratch() as folder:
            # First all are on this disk, for from here on each is in place at once.
            here = {path: folder / str(number) for number, path in enumerate(files)}
            for path, source in files.items():
                bring(source, here[path])
            if replaces:
                self._exchange(here, folder / "whole", replaces)
                return
            for path, copy in here.items():
                os.replace(copy, self._target(path))

    def _exchange(self, files: Mapping[str, Path], whole: Path, artifact_path: str) -> None:
        whole.mkdir()
        for path, copy in files.items():
            inner = whole / Path(path).relative_to(artifact_path)
            inner.parent.mkdir(parents=True, exist_ok=True)
            copy.rename(inner)
        target = self._target(artifact_path)
        if target.exists():
            exchange(whole, target)
        else:
            whole.rename(target)

    def _target(self, artifact_path: str) -> Path:
        target = contained(self.root, self._named(artifact_path))
        target.parent.mkdir(parents=True, exist_ok=True)
        return target

    def _room(self) -> Path:
        # Beside the root, so that listings never show what is under way.
        self.root.mkdir(parents=True, exist_ok=True)
        return self.root.parent
