"""Params as the texts that a run keeps."""

from __future__ import annotations

from autolog.engine.guard import guarded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

MOST_ITEMS = 1000  # of a list, dict, ...; its text would be cut anyway


def text(value: Any) -> str:
    """What ``str`` makes of a value, at bounded cost."""
    if isinstance(value, list | tuple | set | frozenset | dict) and len(value) > MOST_ITEMS:
        from itertools import islice

        start = ", ".join(str(item) for item in islice(value, MOST_ITEMS))
        return f"{start}, ... ({len(value)} in all)"
    with guarded("the text of a param"):
        return str(value)
    return f"<{type(value).__name__}>"


def texts(params: Mapping[str, Any]) -> dict[str, str]:
    """All params as texts."""
    return {key: text(value) for key, value in params.items()}


def readable(params: Mapping[str, Any]) -> dict[str, str]:
    """The same, with functions and classes by their names."""
    return {
        str(key): (callable(value) and getattr(value, "__name__", None)) or text(value)
        for key, value in params.items()
    }
