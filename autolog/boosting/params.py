"""Params of a training as texts: functions by their names, long lists cut."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autolog.sklearn import params


def readable(values: Mapping[str, Any]) -> dict[str, str]:
    """The params as a run keeps them."""
    return {
        str(key): getattr(value, "__name__", None) or params.text(value)
        if callable(value)
        else params.text(value)
        for key, value in values.items()
    }
