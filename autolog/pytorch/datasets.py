"""The data of a training by description. No item of a dataset is asked for: that is user code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import Subset, TensorDataset

from flavors.dataset import describe

if TYPE_CHECKING:
    from core_client.entities import DatasetInput

SAMPLE_ROWS = 200


def describe_all(loaders: Any, name: str, context: str, batch: Any = None) -> list[DatasetInput]:
    """The datasets of one or several loaders.

    Args:
        loaders: a loader, or a list or dict of them, or None.
        name: how the user calls them.
        context: ``train`` or ``eval``.
        batch: one that the loader gave, for the types and shapes.
    """
    if loaders is None:
        return []
    if isinstance(loaders, Mapping):
        named = {f"{name}.{key}": loader for key, loader in loaders.items()}
    elif isinstance(loaders, list | tuple) and len(loaders) != 1:
        named = {f"{name}-{number}": loader for number, loader in enumerate(loaders, 1)}
    else:
        named = {name: loaders[0] if isinstance(loaders, list | tuple) else loaders}
    shared = batch if len(named) == 1 else None
    return [_described(loader, name, context, shared) for name, loader in named.items()]


def _described(loader: Any, name: str, context: str, batch: Any) -> DatasetInput:
    dataset = getattr(loader, "dataset", None)
    arrays, rows = _sample(dataset), _length(dataset)
    if not arrays:
        arrays = _blanks(batch)
    data, targets = (*arrays, None, None)[:2]
    return describe(data, targets, name=name, context=context, rows=rows)


def _sample(dataset: Any) -> list[Any]:
    """Some rows of each tensor of the dataset, where it consists of tensors at hand."""
    places: Any = slice(None, None, max(1, (_length(dataset) or 0) // SAMPLE_ROWS))
    if isinstance(dataset, Subset):
        places, dataset = list(dataset.indices)[places], dataset.dataset
    if not isinstance(dataset, TensorDataset):
        return []
    if any(one.device.type != "cpu" or one.dtype == torch.bfloat16 for one in dataset.tensors):
        return _blanks(dataset.tensors)
    return [one.detach()[places].numpy() for one in dataset.tensors]


def _blanks(batch: Any) -> list[Any]:
    """Arrays without rows, of the types and shapes of a batch."""
    if isinstance(batch, Mapping):
        found = {str(key): _blank(value) for key, value in batch.items() if _has_rows(value)}
        return [found] if found else []
    parts = batch if isinstance(batch, list | tuple) else [batch]
    return [_blank(part) for part in parts if _has_rows(part)]


def _has_rows(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.dim() > 0


def _blank(tensor: Any) -> Any:
    name = str(tensor.dtype).removeprefix("torch.")
    dtype = name if hasattr(np, name) else "float32"
    return np.empty((0, *tensor.shape[1:]), dtype)


def _length(dataset: Any) -> int | None:
    try:
        return len(dataset)
    except Exception:  # noqa: BLE001 - of a stream, or the user's own: then it is not known
        return None
