"""A copy of a result that shares nothing with the user's that either side could change."""

from __future__ import annotations

from copy import copy, deepcopy
from types import MethodType
from typing import Any

import numpy as np


def snapshot(result: Any) -> Any:
    """A copy of a fitted result as it is now: of its arrays, tables, model and caches.

    What a result computes when it is asked, it keeps, and pickles. Asked of the copy, that leaves
    the user's result as the fit returned it. `copy.deepcopy` would not do: it evaluates a formula
    again, by the names of whoever calls it.
    """
    return _Copies().of(result)


class _Copies:
    def __init__(self) -> None:
        # By id; the original is held as well, so that no id comes back meanwhile.
        self.made: dict[int, tuple[Any, Any]] = {}

    def of(self, thing: Any) -> Any:
        if id(thing) in self.made:
            return self.made[id(thing)][1]
        if isinstance(thing, np.ndarray) or hasattr(type(thing), "iloc"):
            return self._keep(thing, thing.copy())
        if isinstance(thing, dict):
            new = self._keep(thing, copy(thing))
            for key, value in thing.items():
                new[key] = self.of(value)
            return new
        if type(thing) is list:
            new = self._keep(thing, [])
            new.extend(map(self.of, thing))
            return new
        if type(thing) is tuple:
            return self._keep(thing, tuple(map(self.of, thing)))
        if type(thing) is MethodType:
            return MethodType(thing.__func__, self.of(thing.__self__))
        if _of_statsmodels(type(thing)):
            return self._object(thing)
        return thing

    def _keep(self, thing: Any, new: Any) -> Any:
        self.made[id(thing)] = thing, new
        return new

    def _object(self, thing: Any) -> Any:
        # Wrappers of results look up every attribute in the result, these two included.
        try:
            attributes = object.__getattribute__(thing, "__dict__")
        except AttributeError:  # a compiled filter of a state space model
            return self._keep(thing, deepcopy(thing))
        new = self._keep(thing, object.__new__(type(thing)))
        there = object.__getattribute__(new, "__dict__")
        for name, value in list(attributes.items()):
            there[name] = self.of(value)
        return new


def _of_statsmodels(kind: type) -> bool:
    """Whether it is a class of statsmodels, or of the user's on the base of one."""
    return any(base.__module__.startswith("statsmodels.") for base in kind.__mro__)
