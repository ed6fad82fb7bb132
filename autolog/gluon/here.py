"""What goes on in one thread with Gluon: which losses gradients are computed of."""

from __future__ import annotations

from typing import Any

from mxnet.ndarray import NDArray

from autolog.gluon.library import Gluon, Loss
from autolog.loops import here


class Here(here.Here):
    """The loops of one thread."""

    def __init__(self) -> None:
        super().__init__(Gluon())
        self.scale = 1.0  # what the losses of the next step are multiples of
        self.skips = False  # the step that is being made will not be made

    def after_backward(self, arrays: Any, weights: Any) -> None:
        """Gradients were computed: keep what they are the gradients of."""
        if not self.makes_room():
            return
        if isinstance(arrays, NDArray):
            arrays, weights = (arrays,), (weights,)
        elif weights is None or isinstance(weights, NDArray):
            weights = (weights,) * len(arrays)
        for array, weight in zip(arrays, weights, strict=True):
            # What is backpropagated has been computed, or will be before anything changes it.
            loss = array.detach() if weight is None else array.detach() * weight
            self.losses.append(Loss(loss, 1 / self.scale))

    def after_update(self, trainer: Any, batch_size: int) -> None:
        """A trainer has made a step, for so many samples."""
        try:
            if not self.skips:
                self.batch = batch_size
                self.after_step(trainer)
        finally:
            self.forget()
            self.scale, self.skips = 1.0, False

    def samples(self, losses: list[Any]) -> int:
        """Those of all devices; a step after the mean of a loss does not tell, its batch is 1."""
        rows = sum(loss.array.shape[0] for loss in losses if loss.array.shape)
        known = self.fixed_batch or max(self.batch, rows)
        return known if known > 1 else 0
