"""Filters and sort keys as conditions on MLflow's tables."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    FromClause,
    Select,
    String,
    Table,
    and_,
    case,
    cast,
    false,
    or_,
    select,
    true,
)

from core_client.search import Comparison, Order
from core_client.stores.sql.dialects import exact
from core_client.stores.sql.schema import (
    datasets,
    experiment_tags,
    experiments,
    input_tags,
    inputs,
    latest_metrics,
    params,
    runs,
    tags,
)
from core_client.stores.values import DATASET_CONTEXT, RUN_NAME

_RUN_TABLES = {"metric": latest_metrics, "param": params, "tag": tags}
_RUN_COLUMNS = {"run_id": runs.c.run_uuid, "run_name": runs.c.name}
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def run_condition(wanted: Comparison) -> ColumnElement[bool]:
    """The condition on `runs` that a comparison stands for."""
    if wanted.kind == "attribute" and wanted.key == "run_name":
        wanted = Comparison("tag", RUN_NAME, wanted.operator, wanted.value)  # as MLflow does
    if wanted.kind == "attribute":
        return _compare(_run_column(wanted.key), wanted)
    if wanted.kind == "dataset":
        return _among(runs.c.run_uuid, _dataset_users(wanted), wanted)
    table = _RUN_TABLES[wanted.kind]
    having = select(table.c.run_uuid).where(has_key(table, wanted.key))
    return _among(runs.c.run_uuid, having, wanted, table)


def _run_column(key: str) -> Column[Any]:
    return _RUN_COLUMNS[key] if key in _RUN_COLUMNS else runs.c[key]


def experiment_condition(wanted: Comparison) -> ColumnElement[bool]:
    """The condition on `experiments` that a comparison stands for."""
    if wanted.kind == "tag":
        table = experiment_tags
        having = select(table.c.experiment_id).where(has_key(table, wanted.key))
        return _among(experiments.c.experiment_id, having, wanted, table)
    column: ColumnElement[Any] = experiments.c[wanted.key]
    if wanted.key == "experiment_id":  # a number in the table, a text in the filter
        column = cast(column, String)
    return _compare(column, wanted)


def order_runs(query: Select[Any], orders: Sequence[Order]) -> Select[Any]:
    """The query in the wanted order; then the newest first, and by id where all else is equal."""
    for order in orders:
        if order.kind == "attribute":
            column: Any = _run_column(order.key)
            last: Any = case((column.is_(None), 1), else_=0)
        else:
            table = _RUN_TABLES[order.kind].alias()
            same = and_(table.c.run_uuid == runs.c.run_uuid, has_key(table, order.key))
            query = query.outerjoin(table, same)
            column = table.c.value
            last = case((column.is_(None), 2), else_=0)
            if order.kind == "metric":
                last = case((table.c.is_nan == true(), 1), (column.is_(None), 2), else_=0)
        value = _sortable(column)
        query = query.order_by(last, value.asc() if order.ascending else value.desc())
    named = {order.key for order in orders if order.kind == "attribute"}
    # SQL Server takes no column twice.
    if "start_time" not in named:
        query = query.order_by(runs.c.start_time.desc())
    return query if "run_id" in named else query.order_by(runs.c.run_uuid)


def order_experiments(query: Select[Any], orders: Sequence[Order]) -> Select[Any]:
    """The query in the wanted order; the newest first unless told otherwise."""
    if not orders:
        return query.order_by(experiments.c.creation_time.desc(), experiments.c.experiment_id)
    for order in orders:
        column = _sortable(experiments.c[order.key])
        query = query.order_by(column.asc() if order.ascending else column.desc())
    named = {order.key for order in orders}
    return query if "experiment_id" in named else query.order_by(experiments.c.experiment_id.desc())


def has_key(table: FromClause, key: str) -> ColumnElement[bool]:
    """Whether a row has this very key: MySQL's index alone would also find it in other case."""
    return and_(table.c.key == key, exact(table.c.key) == key)


def _sortable(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return exact(column) if isinstance(column.type, String) else column


def _among(
    owner: Column[Any], having: Select[Any], wanted: Comparison, table: Table | None = None
) -> ColumnElement[bool]:
    """Whether the owner is one of those that have a value, and such a one as is wanted."""
    if wanted.operator == "IS NULL":
        return owner.not_in(having)
    if wanted.operator != "IS NOT NULL" and table is not None:
        having = having.where(_compare(table.c.value, wanted, table.c.get("is_nan")))
    return owner.in_(having)


def _dataset_users(wanted: Comparison) -> Select[Any]:
    """The ids of the runs that have a dataset such as is wanted."""
    of_runs = select(inputs.c.destination_id).where(
        inputs.c.source_type == "DATASET", inputs.c.destination_type == "RUN"
    )
    if wanted.key == "context":
        column: Column[Any] = input_tags.c.value
        of_runs = of_runs.join(input_tags, input_tags.c.input_uuid == inputs.c.input_uuid).where(
            input_tags.c.name == DATASET_CONTEXT
        )
    else:
        column = datasets.c[wanted.key]
        of_runs = of_runs.join(datasets, datasets.c.dataset_uuid == inputs.c.source_id)
    return of_runs if wanted.value is None else of_runs.where(_compare(column, wanted))


def _compare(
    column: ColumnElement[Any], wanted: Comparison, is_nan: Column[Any] | None = None
) -> ColumnElement[bool]:
    value: Any = wanted.value
    if isinstance(column.type, String) and column is not runs.c.run_uuid:
        column = exact(column)
    match wanted.operator:
        case "IS NULL":
            return column.is_(None)
        case "IS NOT NULL":
            return column.is_not(None)
        case "LIKE":
            return column.like(value)
        case "ILIKE":
            return column.ilike(value)
        case "IN":
            return column.in_(value)
        case "NOT IN":
            return column.not_in(value)
    condition: ColumnElement[bool] = _OPERATORS[wanted.operator](column, value)
    if is_nan is None:
        return condition
    if wanted.operator == "!=":  # NaN differs from every number, and is in no order to any
        return or_(condition, is_nan == true())
    return and_(condition, is_nan == false())
