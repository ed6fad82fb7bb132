"""Where data and predictions came from: libraries of boosted trees do not give them back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import ref

from autolog.engine import names, origins
from autolog.sklearn.data import head as first_rows
from autolog.sklearn.data import indexable

if TYPE_CHECKING:
    from types import FrameType

    from autolog.engine.call import Call
    from autolog.engine.recorder import Recorder

HEAD_ROWS = 5  # of an input example
SAMPLE_ROWS = 200  # of a matrix whose own data is gone


class Source(NamedTuple):
    """What the user made a matrix from: the data while it lives, and a copy of its first rows."""

    data: ref[Any]
    targets: ref[Any] | None
    head: Any


_sources = origins.ById()


def remember(matrix: Any, data: Any, targets: Any) -> None:
    """Note what data a matrix was made from, without keeping it alive."""
    try:
        living = ref(data)
        labels = None if targets is None else ref(targets)
    except TypeError:  # lists, paths: there is nothing to come back to
        return
    _sources.put(matrix, Source(living, labels, first_rows(data)))


def given(matrix: Any) -> tuple[Any, Any] | None:
    """The user's data and targets of a matrix, if they still live."""
    source: Source | None = _sources.get(matrix)
    data = source.data() if source is not None else None
    if source is None or not hasattr(data, "shape"):
        return None
    return indexable(data), source.targets() if source.targets is not None else None


def head(matrix: Any) -> Any:
    """The first rows of what a matrix was made from, None where that is not known."""
    source: Source | None = _sources.get(matrix)
    return source.head if source is not None else None


def variable(value: Any, frame: FrameType, unknown: str) -> str:
    """What the user calls it."""
    return names.variable(value, frame, unknown=unknown)


def register(model: Any, run: Recorder, kind: str, data: Any, name: str) -> None:
    """From now on, metrics of what this model predicts belong to this run.

    Args:
        model: the trained model.
        run: where its training was recorded.
        kind: its class.
        data: what it was trained with.
        name: what the user calls that.
    """
    trained = origins.Trained(run, kind)
    origins.register(model, trained)
    trained.dataset_name(data, name)


def note_predictions(call: Call, predictions: Any, data: Any) -> None:
    """Remember which recorded model, fed with what, made these predictions."""
    trained = origins.trained(call.instance)
    if trained is not None:
        name = trained.dataset_name(data, names.variable(data, call.caller))
        origins.remember(predictions, trained, name, data)
