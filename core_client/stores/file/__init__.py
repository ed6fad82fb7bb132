"""Runs in a folder of plain files, in the layout of every MLflow since the first."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from pathlib import Path

from core_client.clock import now
from core_client.entities import Experiment, Metric, PagedList, Run, T, ViewType
from core_client.events import Event
from core_client.exceptions import StoreUnavailable, missing
from core_client.search import EXPERIMENTS, RUNS, page_offset
from core_client.search import page_token as token_at
from core_client.stores.base import Refused, Store
from core_client.stores.file.experiments import create_default, named
from core_client.stores.file.layout import Layout, key_file, read_meta
from core_client.stores.file.points import PointFiles, read_points
from core_client.stores.file.reading import is_deleted, read_experiment, read_run
from core_client.stores.file.writing import write
from core_client.stores.matching import (
    experiment_matches,
    run_matches,
    sorted_experiments,
    sorted_runs,
)
from core_client.stores.paging import check_size, last_point, point_token, stages
from core_client.stores.values import Unfit


class FileStore(Store):
    """A folder such as ``./mlruns``. Opening makes the folder and the experiment ``Default``.

    A batch is not one transaction here. Where it is broken off, the next try writes the rest.

    Args:
        uri: the tracking URI.
        root: the folder that it names.

    Raises:
        StoreUnavailable: the folder cannot be made or written.
    """

    def __init__(self, uri: str, root: Path) -> None:
        self.uri = uri
        self._layout = Layout(root)
        self._files = PointFiles()
        try:
            create_default(self._layout, now())
        except OSError as error:
            raise self._unusable(error) from error

    def apply(self, batch: Sequence[Event]) -> None:
        try:
            with self._layout.alone():
                refused = write(self._layout, self._files, batch)
        except OSError as error:
            raise self._unusable(error) from error
        if refused:
            raise Refused(refused)

    def get_run(self, run_id: str) -> Run:
        return read_run(self._run(run_id), self._files)

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
        shown = stages(view_type)
        found = (
            run
            for run in self._runs(experiment_ids)
            if run.info.lifecycle_stage in shown and run_matches(run, wanted)
        )
        return _page(sorted_runs(found, orders), max_results, page_token)

    def metric_history(
        self, run_id: str, key: str, max_results: int | None = None, page_token: str | None = None
    ) -> PagedList[Metric]:
        check_size(max_results)
        after = last_point(page_token) if page_token else None
        folder = self._run(run_id)
        try:
            points = read_points(key_file(folder / "metrics", key))
            found = (point for point in points if after is None or point > after)
            some = sorted(found) if max_results is None else heapq.nsmallest(max_results + 1, found)
        except (Unfit, FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return PagedList([])
        token = None
        if max_results is not None and len(some) > max_results:
            some = some[:max_results]
            token = point_token(some[-1])
        unique = dict.fromkeys(some)
        return PagedList([Metric(key, p.number(), p.timestamp, p.step) for p in unique], token)

    def get_experiment(self, experiment_id: str) -> Experiment:
        folder = self._layout.experiment(experiment_id)
        if folder is None:
            raise missing(f"Experiment '{experiment_id}' does not exist in '{self.uri}'.")
        return read_experiment(folder)

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        folder = named(self._layout, name)
        return read_experiment(folder) if folder else None

    def search_experiments(
        self,
        view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        filter_string: str = "",
        order_by: Sequence[str] = (),
        page_token: str | None = None,
    ) -> PagedList[Experiment]:
        wanted, orders = EXPERIMENTS.filters(filter_string), EXPERIMENTS.orders(order_by)
        shown = stages(view_type)
        folders = self._layout.experiments() + self._layout.experiments(deleted=True)
        found = (
            experiment
            for experiment in map(read_experiment, folders)
            if experiment.lifecycle_stage in shown and experiment_matches(experiment, wanted)
        )
        return _page(sorted_experiments(found, orders), max_results, page_token)

    def deleted_runs(self, before: int) -> list[Run]:
        found = []
        for experiment in self._layout.experiments() + self._layout.experiments(deleted=True):
            for folder in self._layout.runs(experiment):
                meta = read_meta(folder)
                deleted_at = meta.get("deleted_time") if is_deleted(meta) else None
                if deleted_at is not None and deleted_at <= before:
                    found.append((deleted_at, folder))
        return [read_run(folder, self._files) for _, folder in sorted(found)]

    def remove_runs(self, run_ids: Sequence[str]) -> None:
        try:
            with self._layout.alone():
                for folder in filter(None, map(self._layout.run, run_ids)):
                    if is_deleted(read_meta(folder)):
                        self._layout.remove_run(folder)
        except OSError as error:
            raise self._unusable(error) from error

    def close(self) -> None:
        """No file stays open."""

    def _run(self, run_id: str) -> Path:
        folder = self._layout.run(run_id)
        if folder is None:
            raise missing(f"Run '{run_id}' does not exist in '{self.uri}'.")
        return folder

    def _runs(self, experiment_ids: Sequence[str]) -> Iterator[Run]:
        for experiment in filter(None, map(self._layout.experiment, dict.fromkeys(experiment_ids))):
            for folder in self._layout.runs(experiment):
                if read_meta(folder):
                    yield read_run(folder, self._files)

    def _unusable(self, error: OSError) -> StoreUnavailable:
        return StoreUnavailable(
            f"The folder '{self._layout.root}' cannot be used ({error.strerror}): give this user "
            "the right to write there, and see that the disk has room."
        )


def _page(found: list[T], max_results: int, token: str | None) -> PagedList[T]:
    check_size(max_results)
    start = page_offset(token)
    end = start + max_results
    return PagedList(found[start:end], token_at(end) if len(found) > end else None)
