"""What a training goes through, told without asking the user's dataset for a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autolog.engine import names
from flavors.dataset import describe, describe_stream

if TYPE_CHECKING:
    from types import FrameType

    from core_client.entities import DatasetInput

SAMPLE_ROWS = 200


def described(loader: Any, frame: FrameType, unknown: str, context: str) -> DatasetInput:
    """The data behind a DataLoader, as a run records it.

    A dataset may compute its rows, and draw random numbers for that; only of arrays a sample is
    taken.

    Args:
        loader: the ``gluon.data.DataLoader``.
        frame: of the user's code, where a variable may hold it.
        unknown: its name if none does.
        context: ``train`` or ``eval``.
    """
    from mxnet.gluon.data import ArrayDataset

    name = names.variable(loader, frame, unknown=unknown)
    dataset = loader._dataset
    rows = len(dataset)
    if type(dataset) is not ArrayDataset:
        return describe_stream(name, context, None, {"num_rows": rows})
    data, *targets = (_sample(part, rows) for part in dataset._data)
    return describe(data, targets[0] if targets else None, name, context, rows)


def _sample(part: Any, rows: int) -> Any:
    some = part[:: max(1, rows // SAMPLE_ROWS)]
    return some.asnumpy() if hasattr(some, "asnumpy") else some
