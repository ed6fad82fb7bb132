"""Runs kept by an MLflow tracking server, spoken to in MLflow's REST API 2.0."""

from __future__ import annotations

import math
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
from core_client.exceptions import invalid, missing
from core_client.http import Http
from core_client.search import EXPERIMENTS, RUNS, Comparison, page_offset
from core_client.search import page_token as token_at
from core_client.stores.base import Refused, Store
from core_client.stores.rest import wire
from core_client.stores.rest.api import Api, is_experiment_id
from core_client.stores.rest.filters import filter_text, order_texts
from core_client.stores.rest.writing import Writer
from core_client.stores.values import short

MOST_RUNS = 50_000  # that a server gives at a time


class RestStore(Store):
    """A tracking server. It names new runs itself: an id that a run had here stands for its own.

    Args:
        uri: ``http(s)://`` or ``databricks``.

    Raises:
        MlflowException: the URI or the credentials cannot be used.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._api = Api(Http(uri))
        self._writer = Writer(self._api, uri)
        self._pages_history: bool | None = None

    def apply(self, batch: Sequence[Event]) -> None:
        refused = self._writer.write(batch)
        if refused:
            raise Refused(refused)

    def started(self, run_id: str) -> RunInfo | None:
        return self._writer.started(run_id)

    def own_id(self, run_id: str) -> str:
        return self._writer.ids.server_id(run_id)

    def recognize(self, run_id: str, experiment_id: str) -> str:
        self._writer.recognize(run_id, experiment_id)
        return self.own_id(run_id)

    def get_run(self, run_id: str) -> Run:
        found = self._api.run(self._writer.ids.server_id(run_id))
        if found is None:
            raise missing(f"Run '{run_id}' does not exist on '{self._api.shown}'.")
        return found.entity()

    def search_runs(
        self,
        experiment_ids: Sequence[str],
        filter_string: str = "",
        view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        order_by: Sequence[str] = (),
        page_token: str | None = None,
    ) -> PagedList[Run]:
        wanted, orders = RUNS.filters(filter_string), RUNS.orders(order_by)
        _check_page(view_type, max_results, page_token)
        ids = [one for one in experiment_ids if is_experiment_id(one)]
        if not ids:
            return PagedList([])
        page = self._api.search(
            "runs/search",
            wire.Runs,
            experiment_ids=ids,
            filter=filter_text(wanted),
            run_view_type=view_type,
            max_results=min(max_results, MOST_RUNS),
            order_by=order_texts(orders),
            page_token=page_token or "",
        )
        found = [run for run in map(wire.RunMessage.entity, page.runs) if not _has_nan(run, wanted)]
        return PagedList(found, page.next_page_token or None)

    def metric_history(
        self, run_id: str, key: str, max_results: int | None = None, page_token: str | None = None
    ) -> PagedList[Metric]:
        start = page_offset(page_token)
        _check_page(ViewType.ALL, 1 if max_results is None else max_results, None)
        if max_results is None or (start and not self._can_page(run_id, key)):
            page = self._history(run_id, key)
            end = len(page) if max_results is None else start + max_results
            return PagedList(page[start:end], token_at(end) if end < len(page) else None)
        page = self._history(run_id, key, max_results, page_token)
        if len(page) <= max_results:
            return page
        self._pages_history = False  # all came at once
        return PagedList(page[:max_results], token_at(max_results))

    def get_experiment(self, experiment_id: str) -> Experiment:
        found = self._api.experiment(experiment_id)
        if found is None:
            raise missing(f"Experiment '{experiment_id}' does not exist on '{self._api.shown}'.")
        return found.entity()

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        found = self._api.experiment_named(name)
        return found.entity() if found else None

    def search_experiments(
        self,
        view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        filter_string: str = "",
        order_by: Sequence[str] = (),
        page_token: str | None = None,
    ) -> PagedList[Experiment]:
        wanted, orders = EXPERIMENTS.filters(filter_string), EXPERIMENTS.orders(order_by)
        _check_page(view_type, max_results, page_token)
        page = self._api.search(
            "experiments/search",
            wire.Experiments,
            view_type=view_type,
            max_results=min(max_results, MOST_RUNS),
            filter=filter_text(wanted),
            order_by=order_texts(orders),
            page_token=page_token or "",
        )
        return PagedList([one.entity() for one in page.experiments], page.next_page_token or None)

    def model_versions(self, name: str) -> list[ModelVersion]:
        return self._writer.registry.versions(name)

    def model_source(self, name: str, which: str) -> str:
        return self._writer.registry.source(name, which)

    def get_logged_model(self, model_id: str) -> LoggedModel:
        return self._writer.models.get(model_id)

    def close(self) -> None:
        self._api.http.close()

    def _history(
        self, run_id: str, key: str, max_results: int | None = None, page_token: str | None = None
    ) -> PagedList[Metric]:
        """Points as the server gives them; servers before MLflow 3 give all of them at once."""
        server_id = self._writer.ids.server_id(run_id)
        page = self._api.ask(
            "metrics/get-history",
            wire.History,
            run_id=server_id,
            metric_key=key,
            max_results=max_results,
            page_token=page_token,
        )
        if not page.metrics and not page_token:
            self.get_run(run_id)  # some servers have an empty history of a run that is not there
        points = sorted((point.metric() for point in page.metrics), key=_place)
        return PagedList(points, page.next_page_token or None)

    def _can_page(self, run_id: str, key: str) -> bool:
        if self._pages_history is None:
            self._pages_history = len(self._history(run_id, key, 1)) <= 1
        return self._pages_history


def _place(point: Metric) -> tuple[int, int, float, bool]:
    """Where a point stands in a history; NaN is where a zero would be, as it is in databases."""
    is_nan = math.isnan(point.value)
    return point.timestamp, point.step, 0.0 if is_nan else point.value, is_nan


def _has_nan(run: Run, conditions: Sequence[Comparison]) -> bool:
    """Whether a number is compared to NaN, which MLflow 2 takes for a zero."""
    return any(
        wanted.kind == "metric"
        and wanted.operator not in ("!=", "IS NULL", "IS NOT NULL")
        and math.isnan(run.data.metrics.get(wanted.key, 0.0))
        for wanted in conditions
    )


def _check_page(view_type: int, max_results: int, token: str | None) -> None:
    if view_type not in (ViewType.ACTIVE_ONLY, ViewType.DELETED_ONLY, ViewType.ALL):
        raise invalid(
            f"No view type: {short(view_type)}. Use ViewType.ACTIVE_ONLY, DELETED_ONLY or ALL."
        )
    if max_results < 1:
        raise invalid(f"max_results must be 1 or more, not {max_results}.")
    page_offset(token)
