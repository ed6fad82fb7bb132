"""The logged models of a run into another store; where that has none, into the run's files."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import NamedTuple

from core_client.artifacts import Artifacts, open_artifacts
from core_client.artifacts.base import MODEL_FILE, join
from core_client.artifacts.models import note_id
from core_client.destination import destination
from core_client.entities import LoggedModel, LoggedModelStatus, Metric, Run
from core_client.events import Event, ModelLogged, ModelMetrics, ModelReady, RunRestored, writable
from core_client.exceptions import MlflowException
from core_client.stores.base import Refused
from core_client.stores.values import stored


class Copy(NamedTuple):
    """What the second store has of a model.

    Args:
        model: the logged model; None if it is not there, or only its files are.
        files: the artifacts around its files; None if they have no place yet.
        path: its folder there.
        has_models: whether that store keeps logged models at all.
    """

    model: LoggedModel | None
    files: Artifacts | None
    path: str
    has_models: bool


class ModelMove:
    """Models on their way.

    Args:
        source: URI of the first store.
        target: URI of the second one.
        sizes: tells the sizes of all files in a folder, by their paths.
    """

    def __init__(
        self, source: str, target: str, sizes: Callable[[Artifacts, str], dict[str, int | None]]
    ) -> None:
        self._source_uri, self._target_uri = source, target
        self._source, self._target = destination(source), destination(target)
        self._sizes = sizes

    def lacking(self, run: Run, copy: Run) -> list[str]:
        """What the copy of a run does not have of its models, in sentences."""
        return [
            f"Its model '{model.path}' is not there, or not whole."
            for model, path, _ in self._models(run)
            if not self._is_whole(run, model, self._copy(model, path, copy))
        ]

    def copy(self, run: Run, copy: Run) -> list[str]:
        """Write what is lacking; what the second store did not take, in sentences."""
        problems = []
        for model, path, step in self._models(run):
            if self._is_whole(run, model, self._copy(model, path, copy)):
                continue
            try:
                self._write(run, model, path, step, copy)
            except Refused as refused:
                problems += [reason for _, reason in refused.reasons]
            except MlflowException as error:
                problems.append(f"Its model '{model.path}': {error}")
        return problems

    def _write(self, run: Run, model: LoggedModel, path: str, step: int, copy: Run) -> None:
        run_id, model_id = run.info.run_id, model.model_id
        if self._copy(model, path, copy).has_models:
            own = model.source_run_id == run_id
            name, tags = (model.name, model.tags) if own else ("", {})
            points: list[Event] = [
                ModelMetrics(
                    run_id, one.timestamp, one.step, {one.key: writable(one.value)}, model_id
                )
                for one in self._points(run, model)
            ]
            self._target.store().apply([
                RunRestored(run_id),  # a deleted one takes nothing
                ModelLogged(
                    run_id, model_id, name, model.model_type, step, model.creation_timestamp,
                    model.params, tags, from_run=False,
                ),
                *points,
            ])  # fmt: skip
        place = self._copy(model, path, copy)
        here = place.model.artifact_location if place.model else ""
        if place.files is not None and here != model.artifact_location:
            with tempfile.TemporaryDirectory() as scratch:
                ours, folder = _around(model, self._source_uri)
                local = ours.download(folder, scratch)
                if place.model and (local / MODEL_FILE).exists():
                    note_id(local, place.model.model_id)
                place.files.add_all(local, place.path, replaces=True)
        if place.model and model.status == LoggedModelStatus.READY:
            self._target.store().apply([ModelReady(model_id)])

    def _is_whole(self, run: Run, model: LoggedModel, copy: Copy) -> bool:
        if copy.files is None:
            return False
        if there := copy.model:
            points = {_stored(one) for one in there.metrics}
            if not (
                model.params.items() <= there.params.items()
                and (model.tags.items() <= there.tags.items())
                and {_stored(one) for one in self._points(run, model)} <= points
                and (there.status == model.status or model.status != LoggedModelStatus.READY)
            ):
                return False
        ours, folder = _around(model, self._source_uri)
        wanted = {path[len(folder) + 1 :]: size for path, size in self._sizes(ours, folder).items()}
        theirs = self._sizes(copy.files, copy.path)
        return all(theirs.get(join(copy.path, path)) == size for path, size in wanted.items())

    def _copy(self, model: LoggedModel, path: str, copy: Run) -> Copy:
        try:
            there = self._target.store().get_logged_model(model.model_id)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return Copy(None, None, "", True)
            if error.error_code != "FEATURE_DISABLED":
                raise
            files = open_artifacts(copy.info.artifact_uri, self._target_uri)
            return Copy(None, files, path, False)
        return Copy(there, *_around(there, self._target_uri), True)

    def _models(self, run: Run) -> list[tuple[LoggedModel, str, int]]:
        """The models of a run, each with a path of its own among the run's files, and its step."""
        steps = {one.model_id: one.step for one in run.outputs.model_outputs}
        last = {model.path: model.model_id for model in self._source.logged_models(run)}
        return [
            (
                model,
                model.path
                if last[model.path] == model.model_id
                else f"{model.path}.{model.model_id}",
                steps[model.model_id],
            )
            for model in self._source.logged_models(run)
        ]

    def _points(self, run: Run, model: LoggedModel) -> list[Metric]:
        """The model's points that are its run's; others come from runs that evaluated it."""
        store = self._source.store()
        mine = {
            key: {_stored(one) for one in store.metric_history(run.info.run_id, key)}
            for key in {one.key for one in model.metrics} & run.data.metrics.keys()
        }
        return [one for one in model.metrics if _stored(one) in mine.get(one.key, ())]


def _around(model: LoggedModel, uri: str) -> tuple[Artifacts, str]:
    """The artifacts around a model's folder, and the folder's name there."""
    around, _, name = model.artifact_location.rpartition("/")
    return open_artifacts(around, uri), name


def _stored(point: Metric) -> tuple[str, int, int, tuple[float, bool]]:
    return point.key, point.timestamp, point.step, stored(point.value)
