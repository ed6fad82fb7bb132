"""Which network a trainer trains, and what it consists of."""

from __future__ import annotations

import gc
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from mxnet.gluon import Block

from autolog.loops import summary


def trained(parameter: Any) -> Any:
    """The outermost block that holds the parameter, None if there is none.

    It is looked for among everything that lives, which takes some ten milliseconds.
    """
    alive = [one for one in gc.get_objects() if issubclass(type(one), Block)]
    found = next((one for one in alive if _is_in(parameter, one._reg_params)), None)
    around = found
    while around is not None:
        found = around
        around = next((one for one in alive if _is_in(found, one._children)), None)
    return found


def _is_in(part: Any, parts: Any) -> bool:
    return any(one is part for one in parts.values())


def count(block: Any) -> dict[str, int]:
    """How many parameters a block has, and how many of them are trained."""
    sizes = [(_size(one), one.grad_req != "null") for one in block.collect_params().values()]
    return {
        "parameters": sum(size for size, _ in sizes),
        "trainable_parameters": sum(size for size, is_trained in sizes if is_trained),
    }


def text(block: Any) -> str:
    """A line for each block, then the sums."""
    size = sum(_size(one) * np.dtype(one.dtype).itemsize for one in block.collect_params().values())
    return summary.text(_layers("", block), count(block), size)


def _layers(name: str, block: Any) -> Iterator[tuple[str, str, int]]:
    yield name, type(block).__name__, sum(map(_size, block._reg_params.values()))
    for part, child in block._children.items():
        yield from _layers(f"{name}.{part}" if name else part, child)


def _size(parameter: Any) -> int:
    """How many numbers it has; 0 before the first batch tells its shape."""
    return math.prod(max(0, length) for length in parameter.shape or (0,))
