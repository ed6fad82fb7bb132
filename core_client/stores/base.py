"""What every store can do. One contract suite (tests/store_contract.py) holds for all of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from core_client.entities import (
    Experiment,
    LoggedModel,
    Metric,
    ModelVersion,
    PagedList,
    Run,
    RunInfo,
    ViewType,
)
from core_client.events import Event
from core_client.exceptions import MlflowException
from core_client.settings import without_password


class Refused(Exception):
    """Events that a store will never take, with the reason; the rest of the batch was applied.

    Args:
        reasons: pairs of a refused event and one sentence that says why.
    """

    def __init__(self, reasons: list[tuple[Event, str]]) -> None:
        super().__init__("; ".join(reason for _, reason in reasons))
        self.reasons = reasons


def no_registry(uri: str) -> MlflowException:
    """The error for stores that give models no names."""
    return MlflowException(
        f"Models are registered on tracking servers only, and '{without_password(uri)}' is none. "
        "Without a name, 'runs:/<run id>/<path>' loads a model.",
        "FEATURE_DISABLED",
    )


def no_logged_models(uri: str) -> MlflowException:
    """The error for stores that keep models among the artifacts of runs only."""
    return MlflowException(
        f"'{without_password(uri)}' keeps no logged models: those came with MLflow 3. "
        "'runs:/<run id>/<path>' loads a model.",
        "FEATURE_DISABLED",
    )


class Store(ABC):
    """Runs and experiments in one place. Safe to use from several threads."""

    uri: str

    @abstractmethod
    def apply(self, batch: Sequence[Event]) -> None:
        """Write events in their order, in one transaction. The only way to write.

        Idempotent: a batch may come again, whole or in part.

        Raises:
            Refused: some events can never be applied (a run that does not exist, a param that
                has another value already); all others of the batch were applied.
            StoreUnavailable: nothing was applied; the same batch may be tried again later.
        """

    def started(self, run_id: str) -> RunInfo | None:
        """A run that was begun here a moment ago, by its id here, where the store names it anew."""
        return None

    def own_id(self, run_id: str) -> str:
        """The id that a run has in the store, where that names anew what was begun here."""
        return run_id

    def recognize(self, run_id: str, experiment_id: str) -> str:
        """The id of the copy of another store's run, looked for if another account may have made
        it; `run_id` itself if there is none."""
        return self.own_id(run_id)

    @abstractmethod
    def get_run(self, run_id: str) -> Run:
        """One run, deleted or not. Raises MlflowException RESOURCE_DOES_NOT_EXIST."""

    @abstractmethod
    def search_runs(
        self,
        experiment_ids: Sequence[str],
        filter_string: str = "",
        view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        order_by: Sequence[str] = (),
        page_token: str | None = None,
    ) -> PagedList[Run]:
        """Runs that match MLflow's filter grammar, newest first unless `order_by` says otherwise."""

    @abstractmethod
    def metric_history(
        self, run_id: str, key: str, max_results: int | None = None, page_token: str | None = None
    ) -> PagedList[Metric]:
        """Every point of one metric, ordered by timestamp, step, value."""

    @abstractmethod
    def get_experiment(self, experiment_id: str) -> Experiment:
        """One experiment, deleted or not. Raises MlflowException RESOURCE_DOES_NOT_EXIST."""

    @abstractmethod
    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """The experiment of that name, deleted or not."""

    @abstractmethod
    def search_experiments(
        self,
        view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        filter_string: str = "",
        order_by: Sequence[str] = (),
        page_token: str | None = None,
    ) -> PagedList[Experiment]:
        """Experiments that match (attributes name, creation_time, last_update_time; tags)."""

    def deleted_runs(self, before: int) -> list[Run]:
        """The runs that were deleted before that time (ms since 1970), the first one first.

        Raises:
            MlflowException: this kind of store removes nothing for good.
        """
        raise MlflowException(
            f"'{without_password(self.uri)}' has no call that removes runs for good. "
            "Whoever runs the server does it there, with `mlflow gc`.",
            "NOT_IMPLEMENTED",
        )

    def remove_runs(self, run_ids: Sequence[str]) -> None:
        """Take deleted runs away for good; those that are not deleted stay. Not their files."""
        if run_ids:
            self.deleted_runs(0)

    def model_versions(self, name: str) -> list[ModelVersion]:
        """The versions of a registered model, the newest first; none of an unknown name."""
        raise no_registry(self.uri)

    def model_source(self, name: str, which: str) -> str:
        """The artifact URI of a version: ``which`` is a number, ``@alias``, ``latest`` or a stage."""
        raise no_registry(self.uri)

    def get_logged_model(self, model_id: str) -> LoggedModel:
        """A logged model (``m-…``), which MLflow 3 keeps beside the runs.

        Raises:
            MlflowException: RESOURCE_DOES_NOT_EXIST, or FEATURE_DISABLED: this store has none, and
                a model is a folder of its run's artifacts.
        """
        raise no_logged_models(self.uri)

    def model_location(self, experiment: Experiment, model_id: str) -> str:
        """Where a new logged model keeps its files, by a store that can tell beforehand; else ""."""
        return ""

    @abstractmethod
    def close(self) -> None:
        """Give connections back; the store may not be used after."""
