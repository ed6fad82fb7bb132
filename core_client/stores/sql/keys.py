"""Keys as they stand in conditions: numbers of experiments, lists that are not too long."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

_CHUNK = 500  # values in one IN (...), below every database's limit of variables


def experiment_number(experiment_id: str) -> int:
    """The number of an experiment; what is no number belongs to no experiment."""
    is_number = experiment_id.isascii() and experiment_id.isdigit() and len(experiment_id) < 19
    return int(experiment_id) if is_number else -1


def chunks(values: Iterable[Any]) -> Iterator[list[Any]]:
    """The values in lists that fit into one IN (...)."""
    every = list(values)
    for start in range(0, len(every), _CHUNK):
        yield every[start : start + _CHUNK]
