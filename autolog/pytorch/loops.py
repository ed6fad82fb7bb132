"""Loops written by hand: where PyTorch, and what an optimizer's step is made of, tells us of them."""

from __future__ import annotations

import sys

from autolog.engine import after, before, while_on
from autolog.loops import threads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any, TypeVar

    from autolog.pytorch.here import Here

    M = TypeVar("M")


def _make() -> Here:
    from autolog.pytorch.here import Here

    return Here()


here, wanted = threads.of_each(_make)


def _after_step(optimizer: Any, args: Any, kwargs: Any) -> None:
    try:
        loops = here()
        if not loops.quiet:
            closure = args[1] if len(args) > 1 else kwargs.get("closure")  # self comes first
            loops.after_step(optimizer, closure is not None)
    except Exception as error:  # noqa: BLE001 - the training goes on
        from autolog.engine.guard import report

        report("pytorch: after a step", error)
        here().forget()


_listening: list[Any] = []  # the handle of PyTorch's hook, while there is one


@while_on("torch.optim.optimizer")
def steps(module: Any) -> Generator[None, None, None]:
    """Be told of each optimizer's steps."""
    _listening.append(module.register_optimizer_step_post_hook(_after_step))
    if _has_compiled():
        compiling()
    yield
    _listening.pop().remove()


def _has_compiled() -> bool:
    """Whether anything may be compiled already, as far as PyTorch tells: the backends in use."""
    dynamo = sys.modules.get("torch._dynamo.eval_frame")
    backends = getattr(dynamo, "cached_backends", {0: dynamo})
    return any(one is not None for one in backends.values())


@before("torch", "compile")
def compiling(*_: Any, **__: Any) -> None:
    """From now on, be told of steps by what is not compiled: they may be part of what is.

    The graph gets no further break: PyTorch itself ends it before an optimizer's hooks.
    """
    from torch.compiler import disable
    from torch.optim.optimizer import register_optimizer_step_post_hook

    _listening.pop().remove()
    _listening.append(register_optimizer_step_post_hook(disable(_after_step)))


@while_on("torch.nn.modules.module")
def building(module: Any) -> Generator[None, None, None]:
    """Be told of which parts modules are built."""
    from autolog.pytorch.modules import note, note_parameter

    handles = (
        module.register_module_parameter_registration_hook(note_parameter),
        module.register_module_module_registration_hook(note),
    )
    yield
    for handle in handles:
        handle.remove()


@after("torch.autograd", "backward", when=wanted)
def backward(_: None, tensors: Any, grad_tensors: Any = None, *__: Any, **___: Any) -> None:
    """Keep the loss. `Tensor.backward` ends up here as well."""
    here().after_backward(tensors, grad_tensors)


@after("torch.amp.grad_scaler", "GradScaler.scale", when=wanted)
def scale(scaled: Any, _: Any, outputs: Any) -> None:
    """Keep the loss itself: the gradients are those of a multiple of it."""
    here().after_scaling(outputs, scaled)


@after("torch.amp.grad_scaler", "GradScaler.step")
def scaled_step(*_: Any, **__: Any) -> None:
    """Forget the losses whose gradients were too large, so that no step was made."""
    here().forget()


@before("torch.cuda.graphs", "CUDAGraph.capture_begin")
def capture_begins(*_: Any, **__: Any) -> None:
    """Leave the GPU alone for a while."""
    from autolog.pytorch.captures import begins

    begins()


@after("torch.cuda.graphs", "CUDAGraph.capture_end")
def capture_is_over(*_: Any, **__: Any) -> None:
    """Values may be read again."""
    from autolog.pytorch.captures import is_over

    is_over()


@after("torch.utils.data.dataloader", "_BaseDataLoaderIter.__next__", when=wanted)
def batch(samples: Any, *_: Any) -> None:
    """Keep the size of the batch."""
    here().take_batch(samples)


def watch(model: M, batch_size: int | None = None) -> M:
    """Say which model the loops of this thread train, and switch the recording on if it is off.

    Without it the model is known from the optimizer's parameters, and the size of a batch from
    the ``DataLoader``.

    Args:
        model: a ``torch.nn.Module``; it is not changed.
        batch_size: the number of samples that one call of ``backward`` is for, where no
            ``DataLoader`` tells it.

    Returns:
        The model.
    """
    from autolog.engine.options import frameworks

    if "pytorch" not in frameworks or frameworks["pytorch"].options is None:
        from autolog.pytorch import autolog

        autolog()
    here().watch(model, batch_size)
    return model


def record(**metrics: Any) -> None:
    """Record metrics of your own with the next step of this thread's loop.

    A tensor may be on any device: it is fetched later, together with others, and nothing waits
    for it. A step that is not recorded, as `log_every_n_step` says, leaves them to the next.

    Args:
        metrics: by name, a number or a tensor of one element.

    Raises:
        MlflowException: a metric cannot have that name.
    """
    here().record(metrics)
