"""What goes on in one thread with PyTorch: which losses gradients are computed of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from autolog.loops import here
from autolog.pytorch.library import PyTorch
from autolog.pytorch.values import kept

_inside = torch._C._current_graph_task_id  # of a backward pass; -1 outside of any


class Here(here.Here):
    """The loops of one thread."""

    def __init__(self) -> None:
        super().__init__(PyTorch())
        self.scaled: dict[int, Any] = {}  # the losses themselves, by the ids of their multiples
        self.quiet = False  # a framework makes the steps, and is recorded itself

    @contextmanager
    def silenced(self) -> Iterator[None]:
        """A framework makes the steps for a while, and is recorded itself."""
        before = self.quiet
        self.quiet, self.wanted = True, False
        try:
            yield
        finally:
            self.quiet, self.wanted = before, not before

    def makes_room(self) -> bool:
        """Get ready to keep what `backward` was called on; False if that is not to be kept."""
        return not self.quiet and super().makes_room()

    def take_batch(self, samples: Any) -> None:
        """A batch comes: note its size."""
        while isinstance(samples, (list, tuple)) and samples:
            samples = samples[0]
        if isinstance(samples, dict):
            samples = next(iter(samples.values()), None)
        shape = getattr(samples, "shape", None)
        self.batch = shape[0] if shape else 0

    def after_scaling(self, outputs: Any, scaled: Any) -> None:
        """A loss was multiplied, so that its gradients do not vanish."""
        if scaled is not outputs:
            if isinstance(outputs, torch.Tensor):
                self.scaled[id(scaled)] = outputs.detach()
            else:
                for one, multiple in zip(outputs, scaled, strict=True):
                    self.after_scaling(one, multiple)

    def after_backward(self, tensors: Any, weights: Any) -> None:
        """Gradients were computed: keep what they are the gradients of."""
        if _inside() != -1 or self.library.is_noting() or not self.makes_room():
            return
        if isinstance(tensors, torch.Tensor):
            if not tensors.ndim and not self.scaled:  # as nearly always
                self.losses.append(tensors.detach().clone())
                return
            tensors, weights = (tensors,), (weights,)
        elif weights is None or isinstance(weights, torch.Tensor):
            weights = (weights,) * len(tensors)
        for tensor, weight in zip(tensors, weights, strict=True):
            loss = self.scaled.pop(id(tensor), tensor)
            if loss.ndim:  # of a vector, gradients are those of a weighted sum
                loss = (loss.detach() if weight is None else loss.detach() * weight).sum()
            self.losses.append(kept(loss))

    def record(self, metrics: Mapping[str, Any]) -> None:
        """The user has metrics to be recorded with the next step."""
        if not self.library.is_noting():
            super().record(metrics)

    def forget(self) -> None:
        """The gradients of the losses so far are no more."""
        super().forget()
        self.scaled.clear()
