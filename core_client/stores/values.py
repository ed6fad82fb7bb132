"""Values as MLflow's stores hold them, and what cannot be held."""

from __future__ import annotations

import reprlib
import sys

from core_client.settings import MAX_KEY

RUN_NAME = "mlflow.runName"
DATASET_CONTEXT = "mlflow.data.context"
LARGEST = sys.float_info.max
_MAX_EXPERIMENT_NAME = 256
_MAX_EXPERIMENT_TAG = 20000
_MIN_INT, _MAX_INT = -(2**63), 2**63 - 1
_NEIGHBOUR = 1.7976931348623155e308

_repr = reprlib.Repr()
_repr.maxstring = _repr.maxother = 100
short = _repr.repr  # a value as a message may show it


class Unfit(Exception):
    """An event can never be written; the message says why."""


def stored(value: float | str) -> tuple[float, bool]:
    """A metric's value as MLflow stores it, and whether it is NaN.

    NaN is 0 with a flag. An infinity is the largest float, which `loaded` therefore takes for
    infinity; the largest float itself becomes its neighbour.
    """
    value = float(value)
    if value != value:
        return 0.0, True
    if abs(value) == LARGEST:
        return (_NEIGHBOUR if value > 0 else -_NEIGHBOUR), False
    return max(-LARGEST, min(LARGEST, value)), False


def loaded(value: float, is_nan: bool) -> float:
    """The value that `stored` was given."""
    if is_nan:
        return float("nan")
    if abs(value) == LARGEST:
        return float("inf") if value > 0 else float("-inf")
    return value


def check_instant(step: int, timestamp: int) -> None:
    """Raise Unfit if a point's step or time is no 64-bit integer."""
    if not (_MIN_INT <= step <= _MAX_INT and _MIN_INT <= timestamp <= _MAX_INT):
        raise Unfit(f"Step {step} and timestamp {timestamp} must be 64-bit integers.")


def check(kind: str, key: str, value: str = "", limit: int = 0) -> None:
    """Raise Unfit if a key, or the value of a key, is longer than its column."""
    if not 0 < len(key) <= MAX_KEY:
        raise Unfit(
            f"The key of a {kind} must have 1 to {MAX_KEY} characters; '{key[:40]}' has {len(key)}."
        )
    if len(value) > limit:
        raise Unfit(
            f"The value of {kind} '{key}' has {len(value)} characters; at most {limit} are kept."
        )


def check_experiment_name(name: str) -> None:
    """Raise Unfit if no experiment can have this name."""
    if not 0 < len(name) <= _MAX_EXPERIMENT_NAME:
        raise Unfit(
            f"An experiment's name must have 1 to {_MAX_EXPERIMENT_NAME} characters; "
            f"'{name[:40]}' has {len(name)}."
        )


def check_experiment_tags(values: dict[str, str]) -> None:
    """Raise Unfit if one of the tags is too long."""
    for key, value in values.items():
        check("experiment tag", key, value, _MAX_EXPERIMENT_TAG)


def not_kept(key: str, owner: str) -> str:
    """The sentence for a key that was taken for another one."""
    return (
        f"'{key}' of {owner} was not stored: this database takes it for another key that differs "
        "in case or accents only. Use another name."
    )
