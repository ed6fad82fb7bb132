"""What differs in PyTorch, for who records a loop."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import torch

from autolog.loops.library import Library
from autolog.pytorch import captures, modules, params, summary
from autolog.pytorch.values import Values, kept

if TYPE_CHECKING:
    from autolog.engine.recorder import Recorder


class PyTorch(Library):
    """Knows the optimizers, modules and tensors of PyTorch."""

    name = "pytorch"
    callers = frozenset(("pytorch", "fastai", "keras", "tensorflow"))
    with_loops = ("fastai", "keras")

    def is_silent(self, optimizer: Any) -> bool:
        """Whether another process records: among distributed ones, that of rank zero."""
        distributed = sys.modules.get("torch.distributed")
        if distributed is not None and distributed.is_available() and distributed.is_initialized():
            return bool(distributed.get_rank() != 0)
        return super().is_silent(optimizer)

    def is_noting(self) -> bool:
        """Whether a CUDA graph is captured."""
        return captures.is_capturing()

    def params(self, optimizer: Any) -> dict[str, Any]:
        """The optimizer's name and hyper-parameters."""
        found = params.of_optimizers([optimizer]).items()
        return {name: value for name, value in found if not isinstance(value, torch.Tensor)}

    def learning_rates(self, optimizer: Any) -> list[Any]:
        """The rate of each group of parameters."""
        return [group.get("lr") for group in optimizer.param_groups]

    def gradient_norm(self, optimizer: Any) -> Any:
        """The norm of all gradients as one vector, on their device."""
        with torch.no_grad():
            gradients = [
                one.grad.coalesce().values() if one.grad.is_sparse else one.grad
                for group in optimizer.param_groups
                for one in group["params"]
                if one.grad is not None
            ]
            return torch.nn.utils.get_total_norm(gradients) if gradients else None

    def trains(self, optimizer: Any, model: Any) -> bool:
        """Whether the optimizer's first parameter is one of the model's."""
        first = modules.first_parameter(optimizer)
        return any(one is first for one in model.parameters())

    def model(self, optimizer: Any) -> Any:
        """The outermost module around the optimizer's first parameter."""
        return modules.trained(optimizer)

    def unwrapped(self, model: Any) -> Any:
        """The user's model inside of a compiled or a distributed one."""
        return modules.unwrapped(model)

    def size(self, model: Any) -> dict[str, int]:
        """The numbers of parameters."""
        return summary.count(model)

    def summary(self, model: Any) -> str:
        """Its layers."""
        return summary.text(model)

    def loss(self, losses: list[Any]) -> Any:
        """Their sum: so much do the gradients add up to."""
        return losses[0] if len(losses) == 1 else losses

    def kept(self, value: Any) -> Any:
        """A tensor's value; a number is one already."""
        return kept(value) if isinstance(value, torch.Tensor) else value

    def values(self, run: Recorder) -> Values:
        """What fetches tensors together."""
        return Values(run)
