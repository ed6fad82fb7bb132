"""Logged models: a server of MLflow 3 keeps models beside the runs and names them itself."""

from __future__ import annotations

import math
from typing import Any

from core_client.entities import LoggedModel
from core_client.events import ModelLogged
from core_client.exceptions import MlflowException, StoreUnavailable, missing
from core_client.http import NotThere, Unsent
from core_client.settings import MAX_BATCH_METRICS, MAX_BATCH_PARAMS
from core_client.stores.base import no_logged_models
from core_client.stores.rest import wire
from core_client.stores.rest.api import MISSING, Api, lasting
from core_client.stores.rest.ids import RunIds
from core_client.stores.values import Unfit


class Models:
    """The logged models of one server.

    Args:
        api: the server.
        ids: which run or model of the server an id stands for.
    """

    def __init__(self, api: Api, ids: RunIds) -> None:
        self._api = api
        self._ids = ids
        self._absent = False  # an older server, which has runs only

    def get(self, model_id: str) -> LoggedModel:
        """One model. Raises MlflowException as `Store.get_logged_model` does."""
        found = self._find(self._ids.server_id(model_id))
        if self._absent:
            raise no_logged_models(self._api.http.uri)
        if found is None:
            raise missing(f"There is no logged model '{model_id}' on '{self._api.shown}'.")
        return found.entity()

    def server_id(self, model_id: str) -> str:
        """The server's id of a model, empty if the server keeps no models.

        Raises:
            Unfit: there is no such model.
        """
        server_id = self._ids.server_id(model_id)
        if self._find(server_id) is None and not self._absent:
            raise Unfit(f"There is no logged model '{model_id}'.")
        return "" if self._absent else server_id

    def log(self, event: ModelLogged) -> None:
        """Add the model and its link to the run, unless they are there, and what it lacks.

        Raises:
            Unfit: there is no such run, or model if it is to be there.
        """
        if self._absent:
            return
        run = self._api.run(self._ids.server_id(event.run_id))
        if run is None:
            raise Unfit(f"Run '{event.run_id}' does not exist.")
        try:
            model = self._named(event, run)
        except MlflowException as error:
            self._absent = _is_unknown_call(error)  # though the run is there
            if self._absent:
                return
            raise
        outputs = [{"model_id": model.info.model_id, "step": event.step}]
        if model.info.model_id not in [one.model_id for one in run.outputs.model_outputs]:
            # After an answer that was lost, the link is found above.
            self._api.do_once("runs/outputs", wire.Nothing, run_id=run.info.run_id, models=outputs)
        self._complete(event, run, model)

    def of_run(self, run: wire.RunMessage, path: str, model_id: str = "") -> str:
        """The server's id of that model, or of the last one that the run has logged at that path.

        Empty if the server keeps no models.
        """
        if model_id:
            return self.server_id(model_id)
        found = [self._find(one.model_id) for one in run.outputs.model_outputs]
        named = [one for one in found if one and one.entity().path == path]
        last = max(named, key=lambda one: one.info.creation_timestamp_ms, default=None)
        return last.info.model_id if last else ""

    def recognize(self, run: wire.RunMessage) -> None:
        """Let the ids that the models of a copied run had before stand for the server's."""
        for output in run.outputs.model_outputs:
            model = self._find(output.model_id)
            for tag in model.info.tags if model else ():
                if tag.key == wire.LOCAL_MODEL_ID:
                    self._ids.learn(tag.value, output.model_id)

    def ready(self, model_id: str) -> None:
        """All files of a model are there. Raises Unfit without such a model."""
        if server_id := self.server_id(model_id):
            status = wire.STATUS + "READY"
            self._api.patch(f"logged-models/{server_id}", model_id=server_id, status=status)

    def _find(self, server_id: str) -> wire.LoggedModelMessage | None:
        if self._absent:
            return None
        try:
            return self._api.ask(f"logged-models/{server_id}", wire.OneLoggedModel).model
        except MlflowException as error:
            self._absent = _is_unknown_call(error)
            if not self._absent and error.error_code != MISSING:
                raise
        return None

    def _named(self, event: ModelLogged, run: wire.RunMessage) -> wire.LoggedModelMessage:
        """The model on the server, which is asked for it once, whatever breaks off."""
        if not event.name or self._ids.knows(event.model_id):
            return self._there(event)
        with self._ids.alone():
            if self._ids.knows(event.model_id):
                return self._there(event)
            found = self._doubles(event, run)[:1] if self._ids.asked(event.model_id) else []
            model = found[0] if found else self._create(event, run)
            self._ids.learn(event.model_id, model.info.model_id)
        return model

    def _there(self, event: ModelLogged) -> wire.LoggedModelMessage:
        path = f"logged-models/{self._ids.server_id(event.model_id)}"
        try:
            return self._api.ask(path, wire.OneLoggedModel).model
        except MlflowException as error:
            if error.error_code != MISSING:
                raise
            raise Unfit(f"There is no logged model '{event.model_id}'.") from error

    def _create(self, event: ModelLogged, run: wire.RunMessage) -> wire.LoggedModelMessage:
        self._ids.ask(event.model_id)
        try:
            return self._api.do_once(
                "logged-models",
                wire.OneLoggedModel,
                experiment_id=run.info.experiment_id,
                name=event.name,
                model_type=event.model_type,
                source_run_id=run.info.run_id,
                tags=wire.pairs({**event.tags, wire.LOCAL_MODEL_ID: event.model_id}),
            ).model
        except (Unsent, NotThere):
            self._ids.take_back(event.model_id)
            raise
        except StoreUnavailable:
            raise
        except MlflowException as error:
            self._ids.take_back(event.model_id)
            if _is_unknown_call(error):
                raise
            raise Unfit(lasting(error).message) from error

    def _doubles(self, event: ModelLogged, run: wire.RunMessage) -> list[wire.LoggedModelMessage]:
        """The server's models that are this one."""
        return self._api.search(
            "logged-models/search",
            wire.LoggedModels,
            experiment_ids=[run.info.experiment_id],
            filter=f"tags.`{wire.LOCAL_MODEL_ID}` = '{event.model_id}'",
        ).models

    def _complete(
        self, event: ModelLogged, run: wire.RunMessage, model: wire.LoggedModelMessage
    ) -> None:
        """Send what the model is to have and lacks."""
        model_id = model.info.model_id
        wanted = dict(event.params)
        points: list[wire.Point] = []
        if event.from_run:
            wanted |= {param.key: param.value for param in run.data.params}
            points = run.data.metrics
        there = {param.key for param in model.data.params}
        params = wire.pairs({key: value for key, value in wanted.items() if key not in there})
        for start in range(0, len(params), MAX_BATCH_PARAMS):
            some = params[start : start + MAX_BATCH_PARAMS]
            path = f"logged-models/{model_id}/params"
            self._api.do_once(path, wire.Nothing, model_id=model_id, params=some)
        valued = {point.key for point in model.data.metrics}
        metrics: list[dict[str, Any]] = [
            wire.point(point.key, point.number(), point.timestamp, point.step, model_id)
            for point in points
            if point.key not in valued and not math.isnan(point.number())  # has no place for it
        ]
        for start in range(0, len(metrics), MAX_BATCH_METRICS):
            some = metrics[start : start + MAX_BATCH_METRICS]
            self._api.do("runs/log-batch", run_id=run.info.run_id, metrics=some)


def _is_unknown_call(error: MlflowException) -> bool:
    """Whether the server knows nothing of logged models."""
    return isinstance(error, NotThere) or error.error_code == "ENDPOINT_NOT_FOUND"
