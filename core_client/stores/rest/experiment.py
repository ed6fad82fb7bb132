"""How experiments are created, found and changed on a server."""

from __future__ import annotations

from typing import Any

from core_client import events
from core_client.checks import MAX_EXPERIMENT_NAME
from core_client.entities import LifecycleStage
from core_client.exceptions import MlflowException
from core_client.stores.rest import wire
from core_client.stores.rest.api import Api, lasting
from core_client.stores.values import Unfit, check

MAX_TAG_VALUE = 20000


class Experiments:
    """The experiments of one server.

    Args:
        api: the server.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._ids: dict[str, str] = {}

    def named(self, name: str) -> str:
        """The id of the experiment of that name, created if there is none.

        Raises:
            Unfit: there cannot be such an experiment.
        """
        if name not in self._ids:
            found = self._api.experiment_named(name)
            if found is None:
                self._create(name, "", {})
                found = self._api.experiment_named(name)
            if found is None or found.lifecycle_stage != LifecycleStage.ACTIVE:
                raise Unfit(f"Experiment '{name}' is deleted; restore it or name another one.")
            self._ids[name] = found.experiment_id
        return self._ids[name]

    def write(self, event: Any) -> None:
        """Do what the event says has happened to an experiment."""
        self._ids.clear()
        match event:
            case events.ExperimentCreated():
                self._create(event.name, event.artifact_location, event.tags)
            case events.ExperimentRenamed():
                _check_name(event.name)
                self._do("update", event, new_name=event.name)
            case events.ExperimentTagged():
                _check_tags(event.values)
                for key, value in event.values.items():
                    self._do("set-experiment-tag", event, key=key, value=value)
            case events.ExperimentDeleted():
                self._move("delete", event, LifecycleStage.DELETED)
            case events.ExperimentRestored():
                self._move("restore", event, LifecycleStage.ACTIVE)

    def reason(self, event: Any, error: MlflowException) -> str:
        """Why the server does not take an event."""
        if isinstance(event, events.ExperimentRenamed):
            other = self._api.experiment_named(event.name)
            if other and other.experiment_id != event.experiment_id:
                return f"Another experiment has the name '{event.name}' already."
        experiment_id = getattr(event, "experiment_id", "")
        return str(self.unusable(experiment_id, error)) if experiment_id else error.message

    def unusable(self, experiment_id: str, error: MlflowException) -> Unfit:
        """Why nothing can be written to an experiment, which the server's error may not say."""
        found = self._api.experiment(experiment_id)
        if found is None:
            return Unfit(f"Experiment '{experiment_id}' does not exist.")
        if found.lifecycle_stage != LifecycleStage.ACTIVE:
            return Unfit(
                f"Experiment '{experiment_id}' is deleted; restore it or name another one."
            )
        return Unfit(error.message)

    def _create(self, name: str, location: str, tags: dict[str, str]) -> None:
        _check_name(name)
        _check_tags(tags)
        place = {"artifact_location": location} if location else {}
        try:
            self._api.do("experiments/create", name=name, tags=wire.pairs(tags), **place)
        except MlflowException as error:
            lasting(error)
            if self._api.experiment_named(name) is None:  # else it was there before
                raise

    def _do(self, what: str, event: Any, **body: str) -> None:
        self._api.do(f"experiments/{what}", experiment_id=event.experiment_id, **body)

    def _move(self, what: str, event: Any, stage: str) -> None:
        try:
            self._do(what, event)
        except MlflowException as error:
            lasting(error)
            found = self._api.experiment(event.experiment_id)
            if found is None or found.lifecycle_stage != stage:  # else it was so before
                raise


def _check_name(name: str) -> None:
    if not 0 < len(name) <= MAX_EXPERIMENT_NAME:
        raise Unfit(
            f"An experiment's name must have 1 to {MAX_EXPERIMENT_NAME} characters; "
            f"'{name[:40]}' has {len(name)}."
        )


def _check_tags(values: dict[str, str]) -> None:
    for key, value in values.items():
        check("experiment tag", key, value, MAX_TAG_VALUE)
