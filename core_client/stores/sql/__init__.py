"""Runs in an SQL database that MLflow opens too."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Select, and_, case, or_, select, true
from sqlalchemy.exc import DataError

from core_client.entities import Experiment, LoggedModel, Metric, PagedList, Run, ViewType
from core_client.events import Event
from core_client.exceptions import MlflowException, StoreUnavailable, missing
from core_client.search import EXPERIMENTS, RUNS, page_offset, page_token
from core_client.settings import artifact_root
from core_client.stores.base import Refused, Store, no_logged_models
from core_client.stores.paging import check_size, last_point, point_token, stages
from core_client.stores.sql import models, removing, schema
from core_client.stores.sql.connection import Database, Overtaken
from core_client.stores.sql.dialects import tables_at_rest
from core_client.stores.sql.finding import (
    experiment_condition,
    has_key,
    order_experiments,
    order_runs,
    run_condition,
)
from core_client.stores.sql.keys import chunks, experiment_number
from core_client.stores.sql.reading import read_experiments, read_runs
from core_client.stores.sql.schema import experiments, metrics, runs
from core_client.stores.sql.writing import Refusals, write
from core_client.stores.values import loaded, short

T = TypeVar("T")

_TRIES = 20  # for a transaction that other writers overtake


class SqlStore(Store):
    """A database with MLflow's tables. Opening makes the tables; for SQLite, file and folder too.

    Args:
        uri: SQLAlchemy's URI of the database, such as ``sqlite:////absolute/path/mlflow.db``.

    Raises:
        StoreUnavailable: the database cannot be opened, or holds something else.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._database = Database(uri)
        self._artifact_root = artifact_root()
        try:
            self._prepare()
        except MlflowException:
            self.close()
            raise

    def _prepare(self) -> None:
        with self._database.transaction() as connection, tables_at_rest(connection):
            unfinished = schema.is_unfinished(connection)
            lacking = [] if unfinished else schema.lacking(connection)
            self._has_models = models.there(connection)
        if lacking:
            raise StoreUnavailable(
                f"The database '{self._database.name}' is not one of MLflow 2.4 or newer: it lacks "
                f"{', '.join(lacking[:4])}. If an older MLflow made it, `mlflow db upgrade` "
                "brings it up to date; otherwise name another database."
            )
        if unfinished:
            self._repeated(self._create)

    def _create(self) -> None:
        with self._database.transaction(True) as connection, tables_at_rest(connection):
            schema.create(connection, self._artifact_root, int(time.time() * 1000))

    def _repeated(self, work: Callable[[], T]) -> T:
        """The result of a transaction, which is tried again where other writers overtake it."""
        for _ in range(_TRIES):
            with contextlib.suppress(Overtaken):
                return work()
        return work()

    def apply(self, batch: Sequence[Event]) -> None:
        refused = self._write(batch)
        if refused:
            raise Refused(refused)

    def _write(self, batch: Sequence[Event]) -> Refusals:
        try:
            return self._repeated(lambda: self._write_at_once(batch))
        except (ValueError, TypeError, OverflowError, DataError) as error:
            if len(batch) == 1:
                cause = error.orig if isinstance(error, DataError) else error
                return [(batch[0], f"{short(batch[0])} cannot be stored: {cause}")]
            half = len(batch) // 2  # one event holds what no column takes: find it
            return self._write(batch[:half]) + self._write(batch[half:])

    def _write_at_once(self, batch: Sequence[Event]) -> Refusals:
        with self._database.transaction(writing=True) as connection:
            return write(connection, batch, self._artifact_root, self._has_models)

    def get_run(self, run_id: str) -> Run:
        with self._database.transaction() as connection:
            rows = connection.execute(select(runs).where(runs.c.run_uuid == run_id)).all()
            if not rows:
                raise missing(f"Run '{run_id}' does not exist in '{self._database.name}'.")
            return read_runs(connection, rows, self._has_models)[0]

    def search_runs(
        self,
        experiment_ids: Sequence[str],
        filter_string: str = "",
        view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        order_by: Sequence[str] = (),
        page_token: str | None = None,
    ) -> PagedList[Run]:
        query = select(runs).where(
            runs.c.experiment_id.in_([experiment_number(one) for one in experiment_ids]),
            runs.c.lifecycle_stage.in_(stages(view_type)),
            *(run_condition(wanted) for wanted in RUNS.filters(filter_string)),
        )
        query = order_runs(query, RUNS.orders(order_by))
        with self._database.transaction() as connection:
            rows, token = _page(connection, query, max_results, page_token)
            return PagedList(read_runs(connection, rows, self._has_models), token)

    def metric_history(
        self, run_id: str, key: str, max_results: int | None = None, page_token: str | None = None
    ) -> PagedList[Metric]:
        check_size(max_results)
        is_nan = case((metrics.c.is_nan == true(), 1), else_=0)
        order = (metrics.c.timestamp, metrics.c.step, metrics.c.value, is_nan)
        query = select(*order).where(metrics.c.run_uuid == run_id, has_key(metrics, key))
        query = query.order_by(*order)
        if page_token:
            query = query.where(_after(order, last_point(page_token)))
        if max_results is not None:
            query = query.limit(max_results + 1)
        with self._database.transaction() as connection:
            rows = connection.execute(query).all()
            if not rows and not page_token:
                self._check_run(connection, run_id)
        token = None
        if max_results is not None and len(rows) > max_results:
            rows = rows[:max_results]
            token = point_token(rows[-1])
        return PagedList(
            [Metric(key, loaded(value, bool(nan)), when, step) for when, step, value, nan in rows],
            token,
        )

    def get_experiment(self, experiment_id: str) -> Experiment:
        number = experiment_number(experiment_id)
        with self._database.transaction() as connection:
            query = select(experiments).where(experiments.c.experiment_id == number)
            found = read_experiments(connection, connection.execute(query).all())
        if not found:
            raise missing(
                f"Experiment '{experiment_id}' does not exist in '{self._database.name}'."
            )
        return found[0]

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        with self._database.transaction() as connection:
            query = select(experiments).where(experiments.c.name == name)
            found = read_experiments(connection, connection.execute(query).all())
        return found[0] if found else None

    def search_experiments(
        self,
        view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        filter_string: str = "",
        order_by: Sequence[str] = (),
        page_token: str | None = None,
    ) -> PagedList[Experiment]:
        query = select(experiments).where(
            experiments.c.lifecycle_stage.in_(stages(view_type)),
            *(experiment_condition(wanted) for wanted in EXPERIMENTS.filters(filter_string)),
        )
        query = order_experiments(query, EXPERIMENTS.orders(order_by))
        with self._database.transaction() as connection:
            rows, token = _page(connection, query, max_results, page_token)
            return PagedList(read_experiments(connection, rows), token)

    def deleted_runs(self, before: int) -> list[Run]:
        with self._database.transaction() as connection:
            return removing.deleted_runs(connection, before, self._has_models)

    def remove_runs(self, run_ids: Sequence[str]) -> None:
        for some in chunks(run_ids):
            with self._database.transaction(writing=True) as connection:
                removing.remove_runs(connection, some, self._has_models)

    def get_logged_model(self, model_id: str) -> LoggedModel:
        if not self._has_models:
            raise no_logged_models(self.uri)
        with self._database.transaction() as connection:
            found = models.read(connection, model_id)
        if found is None:
            raise missing(f"There is no logged model '{model_id}' in '{self._database.name}'.")
        return found

    def model_location(self, experiment: Experiment, model_id: str) -> str:
        if not self._has_models:
            return ""
        return models.location(experiment.artifact_location, model_id)

    def close(self) -> None:
        self._database.close()

    def _check_run(self, connection: Connection, run_id: str) -> None:
        if connection.scalar(select(runs.c.run_uuid).where(runs.c.run_uuid == run_id)) is None:
            raise missing(f"Run '{run_id}' does not exist in '{self._database.name}'.")


def _page(
    connection: Connection, query: Select[Any], max_results: int, token: str | None
) -> tuple[Sequence[Row[Any]], str | None]:
    """One page of rows, and the token of the next page if there is one."""
    check_size(max_results)
    start = page_offset(token)
    rows = connection.execute(query.offset(start).limit(max_results + 1)).all()
    if len(rows) > max_results:
        return rows[:max_results], page_token(start + max_results)
    return rows, None


def _after(columns: Sequence[Any], last: Sequence[Any]) -> Any:
    """Whether a row comes after the last one of the previous page."""
    ways = [
        and_(*(c == v for c, v in zip(columns[:n], last, strict=False)), columns[n] > last[n])
        for n in range(len(columns))
    ]
    return and_(columns[0] >= last[0], or_(*ways))  # the first part bounds the scan of the index
