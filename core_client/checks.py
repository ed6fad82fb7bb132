"""What a run accepts. Each error names the value, the limit and the cure."""

from __future__ import annotations

import operator
import posixpath
import re
from typing import Any

from core_client.entities import RunStatus
from core_client.exceptions import invalid
from core_client.report import warn
from core_client.settings import MAX_KEY, MAX_PARAM_VALUE, MAX_TAG_VALUE

_KEY = re.compile(r"[/\w.\- :]+")
_NO_KEY = re.compile(r"[^/\w.\- :]")
_INT64 = 2**63
MAX_EXPERIMENT_NAME = 256  # characters


def check_key(key: Any, kind: str) -> str:
    """A name for a metric, param or tag (`kind`): what every MLflow store takes."""
    if not isinstance(key, str) or not key:
        raise invalid(f"The {kind} key {key!r} must be a text of 1 to {MAX_KEY} characters.")
    if len(key) > MAX_KEY:
        raise invalid(
            f"The {kind} key '{key[:40]}…' has {len(key)} characters; the limit is {MAX_KEY}. "
            "Shorten it."
        )
    if not _KEY.fullmatch(key):
        raise invalid(
            f"The {kind} key '{key}' may only hold letters, digits, '_', '-', '.', ' ', ':' "
            "and '/'. Rename it."
        )
    if posixpath.normpath(key) != key or key == "." or key.startswith(("..", "/")):
        raise invalid(
            f"The {kind} key '{key}' reads as the path '{posixpath.normpath(key)}'; "
            "a key must have no '..', no '//' and no '/' at either end. Rename it."
        )
    return key


def metric_key(name: str) -> str:
    """A name that is not up to us as a metric's key: ``ndcg@5`` is ``ndcg_at_5``, as under MLflow."""
    key = _NO_KEY.sub("_", name.replace("@", "_at_"))
    reads_as_path = posixpath.normpath(key) != key or key.startswith(("/", "..")) or key == "."
    return key.replace("/", "_").lstrip(".") if reads_as_path else key


def metric_value(value: Any, key: str) -> float:
    """The value as a float: numbers and whatever turns into one (numpy, tensors), no texts."""
    if not isinstance(value, (str, bytes)):
        try:
            return float(value)
        except (TypeError, ValueError, OverflowError, RuntimeError):
            pass
    raise invalid(
        f"The metric '{key}' got {_shown(value)}, which is not one number. "
        "Log a number, or a text as a param or tag."
    )


def whole_number(value: Any, what: str) -> int:
    """A step or a time: any integer that 64 bits can hold."""
    if type(value) is int and -_INT64 <= value < _INT64:
        return value
    try:
        number = operator.index(value)
    except TypeError:
        if not isinstance(value, float) or not value.is_integer():
            raise invalid(f"The {what} {_shown(value)} must be a whole number.") from None
        number = int(value)
    if not -_INT64 <= number < _INT64:
        raise invalid(f"The {what} {number} does not fit into 64 bits (from -2**63 to 2**63 - 1).")
    return number


def check_experiment_name(name: Any) -> str:
    """A name that an experiment may have."""
    if not isinstance(name, str) or not name.strip() or len(name) > MAX_EXPERIMENT_NAME:
        raise invalid(
            f"The experiment name {_shown(name)} must be a text of 1 to {MAX_EXPERIMENT_NAME} "
            "characters."
        )
    return name


def check_status(status: str) -> str:
    """A run's state as stores spell it."""
    if status not in RunStatus.ALL:
        raise invalid(f"There is no run status {status!r}. Use one of {', '.join(RunStatus.ALL)}.")
    return status


def param_value(value: Any, key: str) -> str:
    """The value as text, cut at the limit with a warning."""
    return _cut(str(value), MAX_PARAM_VALUE, "param", key)


def tag_value(value: Any, key: str) -> str:
    """The value as text, cut at the limit with a warning."""
    return _cut(str(value), MAX_TAG_VALUE, "tag", key)


def _cut(text: str, limit: int, kind: str, key: str) -> str:
    if len(text) > limit:
        warn(f"The {kind} '{key}' has {len(text)} characters; it was cut at {limit}.")
        return text[:limit]
    return text


def _shown(value: Any) -> str:
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:60] + '…'} ({type(value).__name__})"
