"""What a module consists of: its layers and numbers of parameters. Nothing is computed."""

from __future__ import annotations

from typing import Any

from autolog.loops import summary


def count(module: Any) -> dict[str, int]:
    """How many parameters a module has, and how many of them are trained."""
    sizes = [(one.numel(), one.requires_grad) for one in _parameters(module)]
    return {
        "parameters": sum(size for size, _ in sizes),
        "trainable_parameters": sum(size for size, trained in sizes if trained),
    }


def text(module: Any) -> str:
    """A line for each layer, then the sums."""
    layers = (
        (name, type(layer).__name__, sum(one.numel() for one in _parameters(layer, recurse=False)))
        for name, layer in module.named_modules()
    )
    size = sum(one.numel() * one.element_size() for one in _parameters(module))
    return summary.text(layers, count(module), size)


def _parameters(module: Any, recurse: bool = True) -> list[Any]:
    """Its parameters, without those whose size is not known before the first batch."""
    from torch.nn.parameter import is_lazy

    return [one for one in module.parameters(recurse) if not is_lazy(one)]
