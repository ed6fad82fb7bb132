"""A run begins on the server: exactly once, however often it is told and whatever breaks off."""

from __future__ import annotations

from core_client.entities import LifecycleStage, RunInfo, ViewType
from core_client.events import RunStarted
from core_client.exceptions import MlflowException, StoreUnavailable
from core_client.http import Unsent
from core_client.settings import MAX_TAG_VALUE
from core_client.stores.rest import wire
from core_client.stores.rest.api import Api, lasting
from core_client.stores.rest.experiment import Experiments
from core_client.stores.rest.ids import RunIds
from core_client.stores.values import RUN_NAME, Unfit, check

PARENT = "mlflow.parentRunId"
MOST_STARTED = 1000  # runs whose start is kept in memory for whoever waits for it


class Starter:
    """Begins runs.

    Args:
        api: the server.
        ids: where the server's ids are remembered.
        experiments: finds the experiment that a run names.
    """

    def __init__(self, api: Api, ids: RunIds, experiments: Experiments) -> None:
        self._api = api
        self._ids = ids
        self._experiments = experiments
        self.started: dict[str, RunInfo] = {}

    def start(self, event: RunStarted) -> dict[str, str]:
        """Begin the run, unless the server has it.

        Returns:
            Tags that the server could not take, with the reasons.

        Raises:
            Unfit: there cannot be such a run.
        """
        refused = {}
        tags = {}
        for key, value in self.translated(event.tags).items():
            try:
                check("tag", key, value, MAX_TAG_VALUE)
                tags[key] = value
            except Unfit as unfit:
                refused[key] = str(unfit)
        with self._ids.alone():
            if self._ids.knows(event.run_id):
                return {}
            experiment_id = event.experiment_id or self._experiments.named(event.experiment_name)
            found = self._doubles(event.run_id, experiment_id)[:1] if self._asked(event) else []
            run = found[0] if found else self._create(event, experiment_id, tags)
            self._ids.learn(event.run_id, run.info.run_id)
        if len(self.started) >= MOST_STARTED:
            self.started.pop(next(iter(self.started)))
        self.started[event.run_id] = run.info.entity()
        return refused

    def translated(self, tags: dict[str, str]) -> dict[str, str]:
        """The tags with the parent run's id as the server knows it."""
        if PARENT not in tags:
            return tags
        return {**tags, PARENT: self._ids.server_id(tags[PARENT])}

    def remove_doubles(self, run_id: str) -> None:
        """A request that broke off may have been carried out much later: delete its run."""
        if self._ids.asked(run_id) < 2:
            return
        server_id = self._ids.server_id(run_id)
        run = self._api.run(server_id)
        for double in self._doubles(run_id, run.info.experiment_id) if run else []:
            if double.info.run_id != server_id:
                self._api.do("runs/delete", run_id=double.info.run_id)

    def copy(self, run_id: str, experiment_id: str) -> wire.RunMessage | None:
        """The server's run that was begun as this one, if this account does not know of it."""
        if self._ids.knows(run_id):
            return None
        found = self._doubles(run_id, experiment_id, ViewType.ALL)
        found.sort(key=lambda run: run.info.lifecycle_stage != LifecycleStage.ACTIVE)
        return found[0] if found else None

    def _asked(self, event: RunStarted) -> bool:
        return self._ids.asked(event.run_id) > 0

    def _create(
        self, event: RunStarted, experiment_id: str, tags: dict[str, str]
    ) -> wire.RunMessage:
        named = {RUN_NAME: event.run_name} if event.run_name else {}
        self._ids.ask(event.run_id)
        try:
            return self._api.do_once(
                "runs/create",
                wire.OneRun,
                experiment_id=experiment_id,
                user_id=event.user_id,
                start_time=event.start_time,
                run_name=event.run_name,
                tags=wire.pairs({**tags, **named, wire.LOCAL_ID: event.run_id}),
            ).run
        except Unsent:
            self._ids.take_back(event.run_id)
            raise
        except StoreUnavailable:
            raise
        except MlflowException as error:
            self._ids.take_back(event.run_id)
            lasting(error)
            raise self._experiments.unusable(experiment_id, error) from error

    def _doubles(
        self, run_id: str, experiment_id: str, view_type: int = ViewType.ACTIVE_ONLY
    ) -> list[wire.RunMessage]:
        """The server's runs that are this one, the first one begun first."""
        return self._api.search(
            "runs/search",
            wire.Runs,
            experiment_ids=[experiment_id],
            filter=f"tags.`{wire.LOCAL_ID}` = '{run_id}'",
            run_view_type=view_type,
            order_by=["attributes.start_time ASC", "attributes.run_id ASC"],
        ).runs
