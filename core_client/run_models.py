"""How a run logs a model: beside the run where the store keeps logged models, else in its files."""

from __future__ import annotations

import contextlib
import re
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core_client import source
from core_client.artifacts import Artifacts, LocalArtifacts
from core_client.artifacts.models import note_id
from core_client.checks import check_key, param_value, tag_value
from core_client.clock import now
from core_client.entities import MODEL_PATH, RunInfo, RunStatus
from core_client.events import ModelLogged, ModelReady, ModelRegistered, encode
from core_client.paths import safe_relative

if TYPE_CHECKING:
    from core_client.destination import Destination

_REFUSED = re.compile(r"[/:.%\"']")  # what the name of a logged model must not hold


class NewModel:
    """A model that is being logged.

    Args:
        run: its run.
        path: its folder, as if it were among the run's artifacts.
        event: tells the store of it.
        location: where the store keeps its files; empty if among the run's, None if not known here.
    """

    def __init__(self, run: RunModels, path: str, event: ModelLogged, location: str | None) -> None:
        self._run = run
        self._path = path
        self._event = event
        self._location = location
        if location is None:
            run.tell_of_model(event)  # before its files are on their way

    @property
    def model_id(self) -> str | None:
        """Its id; None where the store keeps models among the artifacts of runs only."""
        return None if self._location == "" else self._event.model_id

    @contextlib.contextmanager
    def folder(self) -> Iterator[Path]:
        """An empty folder to fill; it replaces the model's files when the body is done."""
        if not self._location:
            model_id = "" if self._location == "" else self._event.model_id
            with self._run.files_of(model_id).folder(self._path) as folder:
                yield folder
            return
        around, _, name = self._location.rpartition("/")
        with LocalArtifacts(around).folder(name) as folder:
            yield folder
            note_id(folder, self._event.model_id)
        self._run.tell_of_model(self._event, ModelReady(self._event.model_id))


class RunModels:
    """What `ActiveRun` does with models."""

    if TYPE_CHECKING:
        _id: str
        _destination: Destination
        _append: Any
        _models: list[ModelLogged]
        tags: dict[str, str]

        @property
        def info(self) -> RunInfo:
            """The run's names, times and places."""

        @property
        def artifacts(self) -> Artifacts:
            """The run's files."""

    def new_model(
        self,
        path: str,
        model_type: str | None = None,
        step: int = 0,
        params: Mapping[str, Any] | None = None,
        tags: Mapping[str, Any] | None = None,
        model_id: str | None = None,
    ) -> NewModel:
        """Begin to log a model; its files go into the `folder` of what this returns.

        Args:
            path: its folder, as if it were among the run's artifacts, and its name.
            model_type: what it is, for people.
            step: the step of the run that it belongs to.
            params: what is known of it beside the params of the run.
            tags: notes on it.
            model_id: a logged model that is there already, and gets these files.

        Raises:
            MlflowException: there is no such model.
        """
        path = safe_relative(path)
        name = _REFUSED.sub("-", path)
        notes = {key: text for key, text in self.tags.items() if key.startswith(source.PREFIXES)}
        for key, text in (tags or {}).items():
            notes[check_key(key, "tag")] = tag_value(text, key)
        if name != path:
            notes[MODEL_PATH] = path
        known = {
            check_key(key, "param"): param_value(text, key) for key, text in (params or {}).items()
        }
        event = ModelLogged(
            self._id,
            model_id or f"m-{uuid.uuid4().hex}",
            "" if model_id else name,
            model_type or "",
            step,
            now(),
            known,
            notes,
        )
        location = self._destination.model_location(self.info.experiment_id, event)
        return NewModel(self, path, event, location)

    def tell_of_model(self, event: ModelLogged, *more: ModelReady) -> None:
        """Let the store know of a model."""
        self._append(b"".join(encode(one) + b"\n" for one in (event, *more)))
        if event not in self._models:
            self._models.append(event)

    def files_of(self, model_id: str) -> Artifacts:
        """Where a model's files are written that has no place of its own yet."""
        if model_id:
            return self._destination.outbox.artifacts(self._id, model_id)
        return self.artifacts

    def complete_models(self) -> None:
        """When the run is over: its models get what it has recorded since they were logged."""
        if self._models and self.info.status in RunStatus.TERMINATED:
            self._append(b"".join(encode(event) + b"\n" for event in self._models))

    def check_registry(self) -> None:
        """Raise MlflowException FEATURE_DISABLED if models cannot be registered there."""
        self._destination.check_registry()

    def register_model(
        self,
        name: str,
        artifact_path: str = "model",
        tags: Mapping[str, Any] | None = None,
        model_id: str = "",
    ) -> None:
        """Make the model in a folder of the run's artifacts a version of a registered name.

        Args:
            name: the registered model, created if there is none.
            artifact_path: the model's folder.
            tags: notes on the version.
            model_id: which logged model; by default the last one of that path.

        Raises:
            MlflowException: FEATURE_DISABLED: the store is not a server, which alone has names.
        """
        self.check_registry()
        notes = {check_key(key, "tag"): tag_value(text, key) for key, text in (tags or {}).items()}
        path = safe_relative(artifact_path)
        event = ModelRegistered(self._id, check_key(name, "model"), path, notes, model_id)
        self._append(encode(event) + b"\n")
