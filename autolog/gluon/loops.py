"""Loops written by hand: where MXNet tells us of them."""

from __future__ import annotations

from autolog.engine import after
from autolog.loops import threads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar

    from autolog.gluon.here import Here

    B = TypeVar("B")


def _make() -> Here:
    from autolog.gluon.here import Here

    return Here()


here, wanted = threads.of_each(_make)


@after("mxnet.ndarray.ndarray", "NDArray.backward", when=wanted)
def backward(_: None, loss: Any, out_grad: Any = None, *__: Any, **___: Any) -> None:
    """Keep the loss."""
    here().after_backward(loss, out_grad)


@after("mxnet.autograd", "backward", when=wanted)
def backward_of_several(_: None, heads: Any, head_grads: Any = None, *__: Any, **___: Any) -> None:
    """Keep the losses; `NDArray.backward` does not end up here."""
    here().after_backward(heads, head_grads)


@after("mxnet.gluon.trainer", "Trainer.step")
def step(_: None, trainer: Any, batch_size: int, *__: Any, **___: Any) -> None:
    """Record the step."""
    here().after_update(trainer, batch_size)


@after("mxnet.gluon.trainer", "Trainer.update")
def update(_: None, trainer: Any, batch_size: int, *__: Any, **___: Any) -> None:
    """Record the step of a loop that calls `allreduce_grads` itself."""
    here().after_update(trainer, batch_size)


@after("mxnet.contrib.amp", "scale_loss")
def scale(_: Any, __: Any, trainer: Any) -> None:
    """The gradients will be those of a multiple of the loss."""
    here().scale = trainer._amp_loss_scaler.loss_scale


@after("mxnet.contrib.amp.loss_scaler", "LossScaler.has_overflow")
def overflow(found: bool, *_: Any) -> None:
    """Gradients were too large, so that the step is not made."""
    here().skips = found


def watch(net: B, batch_size: int | None = None) -> B:
    """Say which network the loops of this thread train, and switch the recording on if it is off.

    Without it the network is known from the parameters of the ``Trainer``, and the size of a batch
    from its ``step``.

    Args:
        net: a ``Block``; it is not changed.
        batch_size: the number of samples that one step is for, where ``step`` is not told.

    Returns:
        The network.
    """
    from autolog.engine.options import frameworks

    if "gluon" not in frameworks or frameworks["gluon"].options is None:
        from autolog.gluon import autolog

        autolog()
    here().watch(net, batch_size)
    return net


def record(**metrics: Any) -> None:
    """Record metrics of your own with the next step of this thread's loop.

    Nothing waits for an array: MXNet delivers it when it is computed. A step that is not recorded,
    as `log_every_n_step` says, leaves them to the next.

    Args:
        metrics: by name, a number or an array, of which the mean is recorded.

    Raises:
        MlflowException: a metric cannot have that name.
    """
    here().record(metrics)
