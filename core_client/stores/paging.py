"""How the stores that answer by themselves cut results into pages."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any

from core_client.entities import LifecycleStage, ViewType
from core_client.exceptions import invalid

_STAGES = {
    ViewType.ACTIVE_ONLY: (LifecycleStage.ACTIVE,),
    ViewType.DELETED_ONLY: (LifecycleStage.DELETED,),
    ViewType.ALL: (LifecycleStage.ACTIVE, LifecycleStage.DELETED),
}


def stages(view_type: int) -> tuple[str, ...]:
    """The lifecycle stages that a view shows. Raises MlflowException if there is no such view."""
    if view_type not in _STAGES:
        raise invalid(
            f"No view type: {view_type!r}. Use ViewType.ACTIVE_ONLY, DELETED_ONLY or ALL."
        )
    return _STAGES[view_type]


def check_size(max_results: int | None) -> None:
    """Raise MlflowException if a page could hold nothing."""
    if max_results is not None and max_results < 1:
        raise invalid(f"max_results must be 1 or more, not {max_results}.")


def point_token(last: Sequence[Any]) -> str:
    """The token of the page of a history that begins after this point: time, step, value, NaN."""
    return base64.b64encode(json.dumps(list(last)).encode()).decode()


def last_point(token: str) -> tuple[int, int, float, int]:
    """What `point_token` was given. Raises MlflowException if it is no such token."""
    try:
        timestamp, step, value, is_nan = json.loads(base64.b64decode(token, validate=True))
        return int(timestamp), int(step), float(value), int(is_nan)
    except (binascii.Error, ValueError, TypeError):
        raise invalid(
            f"Not a page token: '{token}'. Pass the token of a result, or None."
        ) from None
