"""Which run a model was recorded in, and which model predictions came from.

Nothing here keeps the user's models or data alive: all of it hangs on weak references.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any
    from weakref import ref

    from autolog.engine.recorder import Recorder


class Trained:
    """A model that was recorded: where, and what has been measured on its predictions.

    Args:
        run: where its fit was recorded; later metrics go there too, though the run has ended.
        name: the model's class.
    """

    def __init__(self, run: Recorder, name: str) -> None:
        self.run = run
        self.name = name
        self.calls: dict[str, int] = {}  # metric name -> calls so far
        self.call_texts: dict[str, str] = {}  # metric key -> text of the call
        self.texts_waiting = False  # to be written
        self.sets_listed: set[str] = set()  # evaluation sets among the run's datasets
        self._datasets: dict[str, list[tuple[int, ref[Any] | None]]] = {}

    def dataset_name(self, data: Any, variable: str) -> str:
        """The variable's name, with ``-2`` for the second data that it held."""
        known = self._datasets.setdefault(variable, [])
        for position, (identity, reference) in enumerate(known):
            if identity == id(data) and (reference is None or reference() is data):
                return numbered(variable, position)
        known.append((id(data), _reference(data)))
        return numbered(variable, len(known) - 1)

    def metric_key(self, metric: str, dataset: str) -> str:
        """The key of the next value of a metric, such as ``f1_score-2_X_test``."""
        position = self.calls.get(metric, 0)
        self.calls[metric] = position + 1
        return f"{numbered(metric, position)}_{dataset}"


def numbered(name: str, position: int) -> str:
    """``name``, ``name-2``, ``name-3`` for positions 0, 1, 2."""
    return name if position == 0 else f"{name}-{position + 1}"


class ById:
    """A dictionary from living objects, by identity, that does not keep them alive."""

    def __init__(self) -> None:
        self._entries: dict[int, tuple[ref[Any], Any]] = {}

    def put(self, key: Any, value: Any) -> None:
        """Remember the value for as long as the key lives."""
        from weakref import ref

        identity, entries = id(key), self._entries

        def forget(reference: ref[Any]) -> None:
            if identity in entries and entries[identity][0] is reference:
                del entries[identity]

        try:
            entries[identity] = (ref(key, forget), value)
        except TypeError:  # lists and numbers take no weak reference
            return

    def get(self, key: Any) -> Any:
        """The value of this very object, or None."""
        entry = self._entries.get(id(key))
        return entry[1] if entry is not None and entry[0]() is key else None

    def drop(self, key: Any) -> None:
        """Forget the object."""
        self._entries.pop(id(key), None)


_models = ById()
_predictions = ById()


def register(model: Any, trained: Trained) -> None:
    """Remember the run of a model."""
    _models.put(model, trained)


def forget(model: Any) -> None:
    """The model is being fitted anew: what it predicts now belongs to no run yet."""
    _models.drop(model)


def trained(model: Any) -> Trained | None:
    """The record of a model, if it has one."""
    found: Trained | None = _models.get(model)
    return found


def remember(predictions: Any, model: Trained, dataset: str, data: Any) -> None:
    """Note where predictions came from. Slices of them lead there too.

    Args:
        predictions: what the model returned.
        model: the model's record.
        dataset: what the user calls its input.
        data: that input; memory shared with it says nothing about predictions.
    """
    owner = _owner(predictions)
    if owner is _owner(data):
        return
    _predictions.put(predictions, (model, dataset))
    if owner is not predictions:
        _predictions.put(owner, (model, dataset))


def origin(value: Any) -> tuple[Trained, str] | None:
    """The record of the model that predicted this array, or the array it is a slice of."""
    found: tuple[Trained, str] | None = _predictions.get(value)
    if found is None and getattr(value, "base", None) is not None:
        found = _predictions.get(_owner(value))
    return found


def _owner(array: Any) -> Any:
    """The object whose memory an array shows."""
    base = getattr(array, "base", None)
    return array if base is None else base


def _reference(data: Any) -> ref[Any] | None:
    from weakref import ref

    try:
        return ref(data)
    except TypeError:
        return None
