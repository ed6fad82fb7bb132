"""The params of a fit: its arguments, and what the model was made with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from inspect import signature
from itertools import chain
from typing import Any

from autolog.engine.texts import text

# What holds data, not choices.
DATA = ("endog", "exog", "data", "self", "args", "kwargs", "kwds")
UNKNOWN = object()


def of_model(model: Any) -> dict[str, str]:
    """What the model was made with: formula, family, order and the like, defaults included.

    A model keeps the arguments of its constructor as attributes of the same name, or with an
    underscore in front. Those that it keeps otherwise, and arrays, are left out.
    """
    found: dict[str, Any] = {"formula": getattr(model, "formula", None)}
    for name in _arguments(model.__class__):
        value = _attribute(model, name)
        if value is not UNKNOWN and not _is_data(value):
            found[name] = value
    if hasattr(found.get("family"), "link"):
        found["link"] = found["family"].link
    if found["formula"] is None:
        del found["formula"]
    return readable(found)


def readable(params: Mapping[str, Any]) -> dict[str, str]:
    """The params as texts; an object without a text of its own is known by its class."""
    return {name: _text(value) for name, value in params.items()}


def _text(value: Any) -> str:
    if isinstance(value, type) or (callable(value) and hasattr(value, "__name__")):
        return str(value.__name__)
    kind: Any = type(value)
    if kind.__repr__ is object.__repr__ and kind.__str__ is object.__str__:
        return str(kind.__name__)
    return text(value)


@lru_cache
def _arguments(model: Any) -> Iterable[str]:
    """Names of all arguments of the constructors, those of the bases included."""
    constructors = (vars(kind).get("__init__") for kind in model.__mro__[:-1])
    names = chain.from_iterable(signature(one).parameters for one in constructors if one)
    return [name for name in dict.fromkeys(names) if name not in DATA]


def _attribute(model: Any, name: str) -> Any:
    for known in (name, f"_{name}"):
        if known in vars(model):
            return vars(model)[known]
    return UNKNOWN


def _is_data(value: Any) -> bool:
    return bool(getattr(value, "shape", ())) or hasattr(type(value), "iloc")
