"""Registered models: names for the models of runs, with numbered versions."""

from __future__ import annotations

from core_client.entities import ModelVersion
from core_client.events import ModelRegistered
from core_client.exceptions import MlflowException, missing
from core_client.stores.rest import wire
from core_client.stores.rest.api import Api, lasting
from core_client.stores.rest.filters import quoted
from core_client.stores.rest.ids import RunIds
from core_client.stores.rest.models import Models
from core_client.stores.values import Unfit

_EXISTS = "RESOURCE_ALREADY_EXISTS"


class Registry:
    """The registered models of one server.

    Args:
        api: the server.
        ids: which run of the server an id stands for.
        models: the server's logged models.
    """

    def __init__(self, api: Api, ids: RunIds, models: Models) -> None:
        self._api = api
        self._ids = ids
        self._models = models

    def register(self, event: ModelRegistered) -> None:
        """Make the model a version of that name, unless it is one.

        Raises:
            Unfit: its run is not there.
        """
        run = self._api.run(self._ids.server_id(event.run_id))
        if run is None:
            raise Unfit(f"Run '{event.run_id}' does not exist.")
        model_id = self._models.of_run(run, event.artifact_path, event.model_id)
        source = f"{run.info.artifact_uri}/{event.artifact_path}"
        logged = {"model_id": model_id} if model_id else {}
        source = f"models:/{model_id}" if model_id else source
        if any(one.source == source for one in self.versions(event.name, run.info.run_id)):
            return
        try:
            self._api.do("registered-models/create", name=event.name)
        except MlflowException as error:
            if lasting(error).error_code != _EXISTS:
                raise
        # After an answer that was lost, the version is found above.
        self._api.do_once(
            "model-versions/create",
            wire.Nothing,
            name=event.name,
            source=source,
            run_id=run.info.run_id,
            tags=wire.pairs(event.tags),
            **logged,
        )

    def versions(self, name: str, run_id: str = "") -> list[ModelVersion]:
        """The versions of a name, the newest first, or those that are models of one run."""
        condition = f"name = {quoted(name)}" + (f" and run_id = '{run_id}'" if run_id else "")
        found = self._api.ask("model-versions/search", wire.Versions, filter=condition)
        entities = [one.entity() for one in found.model_versions]
        return sorted(entities, key=lambda one: -int(one.version))

    def source(self, name: str, which: str) -> str:
        """Where the files of a version are.

        Args:
            name: the registered model.
            which: a number, ``@`` and an alias, ``latest``, or a stage.

        Raises:
            MlflowException: there is none.
        """
        version = which
        if which.startswith("@"):
            question = {"name": name, "alias": which[1:]}
            found = self._api.ask("registered-models/alias", wire.OneVersion, **question)
            version = found.model_version.version
        elif not which.isdigit():
            fitting = [
                one
                for one in self.versions(name)
                if which.lower() in ("latest", one.current_stage.lower())
            ]
            if not fitting:
                raise missing(f"The registered model '{name}' has no version '{which}'.")
            version = fitting[0].version
        place = self._api.ask(
            "model-versions/get-download-uri", wire.Place, name=name, version=version
        )
        return place.artifact_uri
