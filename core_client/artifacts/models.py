"""Models that a store keeps beside the runs, as if they were still folders of their run's files."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping
from pathlib import Path

from core_client.artifacts.base import MODEL_FILE, Artifacts
from core_client.entities import FileInfo
from core_client.paths import safe_relative

_ID = "model_id: "


def note_id(folder: Path, model_id: str) -> None:
    """Let the MLmodel file in a folder say which logged model it belongs to, as MLflow 3 does."""
    file = folder / MODEL_FILE
    lines = file.read_text("utf-8").splitlines(keepends=True)
    others = [line for line in lines if not line.startswith(_ID)]
    file.write_text(f"{''.join(others)}{_ID}{model_id}\n", "utf-8")


class WithModels(Artifacts):
    """The files of a run; what lies at a model's path is the model.

    Args:
        own: the run's own files.
        models: the files of each model, by the path that it was logged at.
    """

    def __init__(self, own: Artifacts, models: Mapping[str, Artifacts]) -> None:
        self._own = own
        self._models = models

    def has(self, artifact_file: str) -> bool:
        """Whether there is a file of that name."""
        files, _, path = self._at(artifact_file)
        return files.has(path)

    def local(self, artifact_path: str = "") -> Path:
        """The file or folder on the local disk; a private copy if it lies elsewhere."""
        if self._below(artifact_path):
            from core_client.artifacts.remote import private_folder

            return self.download(artifact_path, private_folder())
        files, _, path = self._at(artifact_path)
        return files.local(path)

    def list(self, artifact_path: str | None = None) -> builtins.list[FileInfo]:
        """What lies directly in a folder, by name; nothing for a file or a missing folder."""
        files, model, path = self._at(artifact_path or "")
        if model:
            return [
                FileInfo(f"{model}/{one.path}", one.is_dir, one.file_size)
                for one in files.list(path)
            ]
        depth = path.count("/") + 2 if path else 1
        folders = {"/".join(one.split("/")[:depth]) for one in self._below(path)}
        own = [one for one in files.list(path) if one.path not in folders]
        return sorted([*own, *(FileInfo(one, True) for one in folders)], key=lambda one: one.path)

    def download(self, artifact_path: str = "", dst_path: str | Path | None = None) -> Path:
        """Copy a file or folder; without `dst_path`, what `local` gives."""
        if dst_path is None:
            return self.local(artifact_path)
        files, model, path = self._at(artifact_path)
        below = self._below(artifact_path)
        if not below or self._own.list(artifact_path):
            files.download(path, Path(dst_path, model))
        for one in below:
            self._models[one].download("", Path(dst_path, one))
        return Path(dst_path, safe_relative(artifact_path))

    def delete(self, artifact_path: str = "") -> None:
        """Delete a file, a folder, or all there is of the run's own; the models stay."""
        self._own.delete(artifact_path)

    def _put(
        self,
        files: Mapping[str, Path],
        bring: Callable[[Path, Path], object],
        replaces: str = "",
    ) -> None:
        self._own._put(files, bring, replaces)

    def _room(self) -> Path:
        return self._own._room()

    def _at(self, artifact_path: str) -> tuple[Artifacts, str, str]:
        """The files that hold a path, the model's path if they are a model's, and the rest."""
        path = safe_relative(artifact_path)
        for model, files in self._models.items():
            if path == model or path.startswith(f"{model}/"):
                return files, model, path[len(model) + 1 :]
        return self._own, "", path

    def _below(self, artifact_path: str) -> builtins.list[str]:
        """The paths of the models in a folder of the run."""
        path = safe_relative(artifact_path)
        return [model for model in self._models if not path or model.startswith(f"{path}/")]
