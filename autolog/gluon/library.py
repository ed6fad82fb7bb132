"""What differs in Gluon, for who records a loop."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, NamedTuple

import mxnet as mx

from autolog.gluon import blocks, params
from autolog.gluon.values import Mean, Values, sent
from autolog.loops.library import Library

if TYPE_CHECKING:
    from autolog.engine.recorder import Recorder


class Loss(NamedTuple):
    """What `backward` was called on: usually one number for each sample of a device."""

    array: Any
    factor: float  # that makes it the loss itself


class Gluon(Library):
    """Knows the trainers, blocks and arrays of Gluon."""

    name = "gluon"
    callers = frozenset(("gluon",))

    def is_silent(self, optimizer: Any) -> bool:
        """Whether another process records: among those with one key-value store, that of rank 0."""
        store = optimizer._kvstore
        return bool(store is not None and store.rank) or super().is_silent(optimizer)

    def params(self, optimizer: Any) -> dict[str, Any]:
        """The optimizer's name and hyper-parameters."""
        return params.of_optimizer(optimizer.optimizer)

    def learning_rates(self, optimizer: Any) -> list[Any]:
        """The one of the step that was made."""
        used = optimizer.optimizer
        if used.lr_scheduler is None:
            return [used.lr]
        # A scheduler may count its calls: a copy of it is asked.
        return [copy.copy(used.lr_scheduler)(used.num_update)]

    def gradient_norm(self, optimizer: Any) -> Any:
        """The norm of all gradients as one vector, as the step has used them."""
        gradients = [
            one.list_grad()[0].as_nd_ndarray()
            for one in optimizer._params
            if one.grad_req != "null" and one._grad_stype == "default"
        ]
        if not gradients:
            return None
        squares = mx.nd.multi_sum_sq(*gradients, num_arrays=len(gradients))
        return sent(squares.sum().sqrt() * optimizer.optimizer.rescale_grad)

    def trains(self, optimizer: Any, model: Any) -> bool:
        """Whether the trainer's first parameter is one of the block's."""
        return any(one is optimizer._params[0] for one in model.collect_params().values())

    def model(self, optimizer: Any) -> Any:
        """The outermost block around the trainer's first parameter."""
        return blocks.trained(optimizer._params[0]) if optimizer._params else None

    def size(self, model: Any) -> dict[str, int]:
        """The numbers of layers and parameters."""
        return {"num_layers": params.layers(model), **blocks.count(model)}

    def summary(self, model: Any) -> str:
        """Its blocks."""
        return blocks.text(model)

    def loss(self, losses: list[Any]) -> Any:
        """Their mean, whatever devices the samples were on, and however often they came."""
        return Mean([(sent(loss.array), loss.factor, loss.array.size) for loss in losses])

    def kept(self, value: Any) -> Any:
        """The mean of an array on its way; a number is there already."""
        return sent(value) if isinstance(value, mx.nd.NDArray) else value

    def values(self, run: Recorder) -> Values:
        """What takes numbers as MXNet delivers them."""
        return Values(run)
