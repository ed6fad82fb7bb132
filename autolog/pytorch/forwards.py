"""What goes into a module and what comes out: types and shapes, seen at the first call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from autolog.engine.guard import guarded

if TYPE_CHECKING:
    from flavors.signature import ModelSignature


class Forwards:
    """Looks at the first call of a module, and is gone. No value is kept.

    Args:
        module: called with one tensor, and giving one, or there is no signature.
    """

    def __init__(self, module: Any) -> None:
        self.signature: ModelSignature | None = None
        self._handle: Any = None
        if getattr(module, "_compiler_ctx", None) is None:  # what is compiled stays as it is
            self._handle = module.register_forward_hook(self._look)

    def stop(self) -> None:
        """Look no longer."""
        if self._handle is not None:
            self._handle.remove()
            self._handle = None

    def _look(self, module: Any, given: tuple[Any, ...], output: Any) -> None:
        self.stop()
        with guarded("pytorch: signature"):
            if len(given) == 1 and _has_rows(given[0]) and _has_rows(output):
                from flavors.signature import ModelSignature, Schema

                inputs, outputs = (Schema([_spec(one)]) for one in (given[0], output))
                self.signature = ModelSignature(inputs, outputs)


def _has_rows(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.dim() > 0


def _spec(tensor: Any) -> Any:
    from flavors.signature import TensorSpec

    name = str(tensor.dtype).removeprefix("torch.")
    # Arrays have no such type: in and out of a saved model it is float32.
    dtype = {"bool": "bool", "bfloat16": "float32"}.get(name, name)
    return TensorSpec(dtype, (-1, *(int(size) for size in tensor.shape[1:])))
