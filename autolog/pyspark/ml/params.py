"""The params of an estimator and of all that it is made of, under names that tell them apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

# Params that hold other estimators, or what is tried of them: told as parts, not as values.
TUNED = "estimatorParamMaps"


class Names:
    """What the parts of an estimator are called in its run.

    A part has the name of its class; of several of one class each has a number, from 1.

    Args:
        estimator: the whole.
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator
        parts = list(_all(estimator))
        of_class = Counter(map(_class, parts))
        seen: Counter[str] = Counter()
        self._names: dict[str, str] = {}
        for part in parts:
            if part.uid in self._names:
                continue
            kind = _class(part)
            seen[kind] += 1
            self._names[part.uid] = kind if of_class[kind] == 1 else f"{kind}_{seen[kind]}"

    def of(self, part: Any) -> str:
        """The name of a part."""
        return self._names.get(part.uid, _class(part))

    def param(self, param: Any) -> str:
        """The name of a part's param, such as ``LogisticRegression.maxIter``."""
        return f"{self._names.get(param.parent, param.parent)}.{param.name}"

    def params(self, search: bool = False) -> dict[str, Any]:
        """All params by name: those of the whole as they are, others after their part's name.

        Args:
            search: the estimator is a search; its candidates have params of their own.
        """
        found: dict[str, Any] = {}
        tuned = set(map(id, _all(self.estimator.getEstimator()))) if search else set()
        for part in _all(self.estimator):
            if id(part) not in tuned:
                prefix = "" if part is self.estimator else f"{self.of(part)}."
                for name, value in sorted(_own(part).items()):
                    found[prefix + name] = self._plain(value)
        return found

    def hierarchy(self, part: Any = None) -> dict[str, Any]:
        """What the estimator is made of, by names."""
        part = self.estimator if part is None else part
        told: dict[str, Any] = {"name": self.of(part)}
        for role, value in _parts(part).items():
            several = isinstance(value, list)
            told[role] = (
                [self.hierarchy(one) for one in value] if several else self.hierarchy(value)
            )
        return told

    def _plain(self, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [self._plain(one) for one in value]
        return self.of(value) if hasattr(value, "extractParamMap") else value


def _own(part: Any) -> dict[str, Any]:
    return {
        param.name: value for param, value in part.extractParamMap().items() if param.name != TUNED
    }


def _parts(part: Any) -> dict[str, Any]:
    """The parts right below, by their role."""
    found: dict[str, Any] = {}
    for name, value in _own(part).items():
        role = "tuned_estimator" if name == "estimator" else name
        if hasattr(value, "extractParamMap") or (
            isinstance(value, list) and value and all(hasattr(x, "extractParamMap") for x in value)
        ):
            found[role] = value
    return found


def _all(part: Any) -> Iterator[Any]:
    yield part
    for value in _parts(part).values():
        for below in value if isinstance(value, list) else [value]:
            yield from _all(below)


def _class(part: Any) -> str:
    return type(part).__name__
