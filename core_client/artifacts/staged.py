"""The files of a run on their way: kept in the spool at once, sent from there."""

from __future__ import annotations

import builtins
import contextlib
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from core_client.artifacts.base import Artifacts
from core_client.artifacts.staging import staging
from core_client.entities import FileInfo
from core_client.events import Files
from core_client.spool import Spool


class StagedArtifacts(Artifacts):
    """Writing takes as long as a copy on the local disk, wherever the run keeps its files.

    Args:
        run_id: the run.
        spool: takes the files; they survive `kill -9` when a call returns.
        stored: the run's files with everything in place that was written until now.
        model_id: the logged model that is written, if one is; see `Files`.
    """

    def __init__(
        self, run_id: str, spool: Spool, stored: Callable[[], Artifacts], model_id: str = ""
    ) -> None:
        self._run_id = run_id
        self._model_id = model_id
        self._spool = spool
        self._stored = stored

    def has(self, artifact_file: str) -> bool:
        """Whether there is a file of that name."""
        return self._stored().has(artifact_file)

    def local(self, artifact_path: str = "") -> Path:
        """A private copy, or the file itself if it lies on this disk."""
        return self._stored().local(artifact_path)

    def list(self, artifact_path: str | None = None) -> builtins.list[FileInfo]:
        """What lies directly in a folder, by name; nothing for a file or a missing folder."""
        return self._stored().list(artifact_path)

    def download(self, artifact_path: str = "", dst_path: str | Path | None = None) -> Path:
        """Copy a file or folder."""
        return self._stored().download(artifact_path, dst_path)

    def delete(self, artifact_path: str = "") -> None:
        """Delete a file, a folder, or all there is. What is not there is no news."""
        self._stored().delete(artifact_path)

    def _put(
        self,
        files: Mapping[str, Path],
        bring: Callable[[Path, Path], object],
        replaces: str = "",
    ) -> None:
        if not files and not replaces:
            return
        with self._scratch() as folder:
            for path, source in files.items():
                copy = folder / path
                copy.parent.mkdir(parents=True, exist_ok=True)
                bring(source, copy)
            (folder / replaces).mkdir(parents=True, exist_ok=True)
            kept = folder.rename(self._spool.folder / uuid.uuid4().hex)
            try:
                self._spool.append_events(Files(self._run_id, kept.name, replaces, self._model_id))
            except BaseException:
                shutil.rmtree(kept)
                raise

    @contextlib.contextmanager
    def _scratch(self) -> Iterator[Path]:
        with staging(self._room()), super()._scratch() as folder:
            yield folder

    def _room(self) -> Path:
        self._spool.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._spool.folder
