"""Filters and sort keys evaluated in Python, for stores that cannot do it themselves."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from operator import attrgetter
from typing import Any

from core_client.entities import Experiment, Run, T
from core_client.search import Comparison, Order
from core_client.stores.values import DATASET_CONTEXT, RUN_NAME

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "IN": lambda value, wanted: value in wanted,
    "NOT IN": lambda value, wanted: value not in wanted,
    "LIKE": lambda value, wanted: _like(value, wanted),
    "ILIKE": lambda value, wanted: _like(value.lower(), wanted.lower()),
}


def run_matches(run: Run, wanted: Sequence[Comparison]) -> bool:
    """Whether a run meets all conditions."""
    return all(_meets(_run_values(run, one), one) for one in wanted)


def experiment_matches(experiment: Experiment, wanted: Sequence[Comparison]) -> bool:
    """Whether an experiment meets all conditions."""
    return all(_meets(_experiment_values(experiment, one), one) for one in wanted)


def sorted_runs(runs: Iterable[Run], orders: Sequence[Order]) -> list[Run]:
    """The runs in the wanted order; then the newest first, and by id where all else is equal."""
    found = sorted(runs, key=lambda run: (-(run.info.start_time or 0), run.info.run_id))
    for order in reversed(orders):
        found = _sorted(found, order, partial(_run_value, wanted=order))
    return found


def sorted_experiments(found: Iterable[Experiment], orders: Sequence[Order]) -> list[Experiment]:
    """The experiments in the wanted order; the newest first unless told otherwise."""
    by_id = sorted(found, key=lambda one: one.experiment_id, reverse=bool(orders))
    if not orders:
        return sorted(by_id, key=lambda one: -(one.creation_time or 0))
    for order in reversed(orders):
        by_id = _sorted(by_id, order, attrgetter(order.key))
    return by_id


def _meets(values: list[Any], wanted: Comparison) -> bool:
    """Whether one of the values does: a thing has one at most, but datasets it has many."""
    if wanted.operator == "IS NULL":
        return not values
    if wanted.operator == "IS NOT NULL":
        return bool(values)
    compare = _COMPARE[wanted.operator]
    return any(compare(value, wanted.value) for value in values)


def _run_values(run: Run, wanted: Comparison | Order) -> list[Any]:
    if wanted.kind == "dataset":
        return _dataset_values(run, wanted.key)
    if wanted.kind == "attribute" and wanted.key == "run_name":
        value = run.data.tags.get(RUN_NAME)  # as MLflow does
    else:
        value = _run_value(run, wanted)
    return [] if value is None else [value]


def _run_value(run: Run, wanted: Comparison | Order) -> Any:
    match wanted.kind:
        case "metric":
            return run.data.metrics.get(wanted.key)
        case "param":
            return run.data.params.get(wanted.key)
        case "tag":
            return run.data.tags.get(wanted.key)
    return getattr(run.info, wanted.key)


def _dataset_values(run: Run, key: str) -> list[Any]:
    inputs = run.inputs.dataset_inputs
    if key == "context":
        return [tag.value for one in inputs for tag in one.tags if tag.key == DATASET_CONTEXT]
    return [getattr(one.dataset, key) for one in inputs]


def _experiment_values(experiment: Experiment, wanted: Comparison) -> list[Any]:
    if wanted.kind == "tag":
        value = experiment.tags.get(wanted.key)
    else:
        value = getattr(experiment, wanted.key)
    return [] if value is None else [value]


def _sorted(found: list[T], order: Order, value_of: Callable[[T], Any]) -> list[T]:
    """What has a value in its order, then what has NaN, then what has none; else as it was."""
    valued: list[T] = []
    nan: list[T] = []
    none: list[T] = []
    for one in found:
        value = value_of(one)
        (none if value is None else nan if value != value else valued).append(one)
    valued.sort(key=value_of, reverse=not order.ascending)
    return valued + nan + none


def _like(value: str, wanted: str) -> bool:
    return _pattern(wanted).fullmatch(value) is not None


@lru_cache
def _pattern(text: str) -> re.Pattern[str]:
    """SQL's pattern: ``%`` is any text, ``_`` any character."""
    parts = {"%": ".*", "_": "."}
    return re.compile("".join(parts.get(sign) or re.escape(sign) for sign in text), re.DOTALL)
