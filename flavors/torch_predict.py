"""Predictions of a PyTorch module for data as users have it: tables and arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any


def predictor(model: Any) -> Callable[..., Any]:
    """What predicts for a DataFrame, an array, a tuple of arrays, or a dict of them by name."""

    def predict(data: Any, **params: Any) -> Any:
        import numpy
        import torch

        tensor = _converter(model)
        table = hasattr(data, "iloc")
        arrays = data.to_numpy(dtype=numpy.float32) if table else data
        with torch.no_grad(), evaluating(model):
            if isinstance(arrays, dict):
                found = model(**{name: tensor(one) for name, one in arrays.items()}, **params)
            else:
                inputs = arrays if isinstance(arrays, tuple) else (arrays,)
                found = model(*(tensor(one) for one in inputs), **params)
        output = plain(found)
        if not table or not hasattr(output, "ndim"):
            return output
        import pandas

        return pandas.DataFrame(output, index=data.index)

    return predict


def _converter(model: Any) -> Callable[[Any], Any]:
    """Makes tensors that the model takes: on its device, numbers in its precision."""
    import torch

    first = next((one for one in model.parameters() if one.is_floating_point()), None)

    def tensor(array: Any) -> Any:
        found = torch.as_tensor(array)
        if first is None:
            return found
        return found.to(first.device, first.dtype if found.is_floating_point() else None)

    return tensor


class evaluating:
    """The module in evaluation mode for the time of a ``with`` block, then as it was."""

    def __init__(self, model: Any) -> None:
        self.model = model
        modules = [] if type(model).__module__.startswith("torch.fx.") else model.modules()
        self.training = [one for one in modules if one.training]  # a program has one mode only

    def __enter__(self) -> None:
        if self.training:
            self.model.eval()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        for one in self.training:
            one.training = True


def plain(value: Any) -> Any:
    """Tensors as arrays, all through."""
    if hasattr(value, "detach"):
        found = value.detach().cpu()
        # NumPy has no such type.
        return (found.float() if str(found.dtype) == "torch.bfloat16" else found).numpy()
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    if type(value) in (list, tuple):
        return type(value)(plain(one) for one in value)
    return value
