"""What goes on in one thread: losses, steps, and the trainings that they belong to."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any
from weakref import ref

import torch

from autolog.engine.guard import notice
from autolog.engine.options import frameworks
from autolog.engine.session import current, excluded, silent_process
from autolog.pytorch import frames as stacks
from autolog.pytorch import modules
from autolog.pytorch.training import Part, Training
from autolog.pytorch.values import kept
from core_client import context
from core_client.entities import RunStatus

if TYPE_CHECKING:
    from types import FrameType

# Frameworks that call PyTorch for the user: they tell of their trainings themselves.
CALLERS = frozenset(("pytorch", "fastai", "keras", "tensorflow"))
# Those of them with loops of their own, which are none of the user's even where they do not tell.
WITH_LOOPS = ("fastai", "keras")
MOST_LOSSES = 1024  # that are kept for one step

_inside = torch._C._current_graph_task_id  # of a backward pass; -1 outside of any


class Here:
    """The loops of one thread."""

    def __init__(self) -> None:
        self.parts: dict[int, Part | None] = {}  # by the optimizer's id; None: not to be recorded
        self.training: Training | None = None  # the one of the last step
        self.losses: list[Any] = []  # whose gradients the next step will use
        self.scaled: dict[int, Any] = {}  # the losses themselves, by the ids of their multiples
        self.wanted = True  # whether the next step will be recorded
        self.batch = self.fixed_batch = 0  # samples: in the last batch; as the user says
        self.watched: ref[Any] | None = None
        self.extra: dict[str, Any] = {}

    def watch(self, model: Any, batch_size: int | None) -> None:
        """See `autolog.pytorch.watch`."""
        self.watched, self.fixed_batch = ref(model), batch_size or 0

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
        if scaled is not outputs and self._listens():
            if isinstance(outputs, torch.Tensor):
                self.scaled[id(scaled)] = outputs.detach()
            else:
                for one, multiple in zip(outputs, scaled, strict=True):
                    self.after_scaling(one, multiple)

    def after_backward(self, tensors: Any, weights: Any) -> None:
        """Gradients were computed: keep what they are the gradients of."""
        if not (self.wanted or self._listens()) or _inside() != -1 or _is_called_by_framework():
            return
        if len(self.losses) >= MOST_LOSSES:
            return
        if isinstance(tensors, torch.Tensor):
            if tensors.is_cuda and torch.cuda.is_current_stream_capturing():
                return  # nothing is computed, only noted, to be computed again and again
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

    def _listens(self) -> bool:
        """Whether the next step is recorded, or may be that of another loop."""
        return self.wanted or (self.training is not None and self.training.resting)

    def forget(self) -> None:
        """The gradients of the losses so far are no more."""
        self.losses.clear()
        self.scaled.clear()

    def after_step(self, optimizer: Any, by_closure: bool) -> None:
        """An optimizer has made a step.

        Args:
            optimizer: the optimizer.
            by_closure: the step itself called `backward`, perhaps again and again.
        """
        part = self.parts.get(id(optimizer))
        if part is None or part.training is not self.training or part.training.resting:
            part = self._of(optimizer)
        elif part.count == part.due and context.active_run() is not part.training.active:
            part = self._in_another_run(part, optimizer)
        if part is not None:
            if part.count == part.due:
                losses = self.losses[:1] if by_closure else self.losses
                samples = (self.fixed_batch or self.batch) * len(losses)
                part.record(optimizer, losses, samples, self.extra)
                self.losses = []
                if self.extra:
                    self.extra = {}
            part.count += 1
            self.wanted = part.count == part.due or part.training.wants_next()
        if self.losses:
            self.forget()

    def _of(self, optimizer: Any) -> Part | None:
        """What is recorded of an optimizer whose loop is new, was over, or was left for another."""
        part = self.parts.get(id(optimizer))
        if part is not None:
            return self._go_on(part, optimizer)
        return None if id(optimizer) in self.parts else self._begin(optimizer)

    def _begin(self, optimizer: Any) -> Part | None:
        """The first step of an optimizer."""
        options = frameworks["pytorch"].options
        if options is None or _is_called_by_framework():
            return None
        if _is_silent():
            self.parts[id(optimizer)] = None
            self.wanted = False
            return None
        if excluded(options, current.get()):
            return None
        stack = stacks.stack()
        model = self._model(optimizer)
        training = self.training
        if training is None or not training.goes_on_with(model, stack):
            if training is not None:
                training.rest()
                training.leave()
            training = Training(options, type(model).__name__ if model else "Model", stack)
        return self._add(training, optimizer, model, stack)

    def _add(self, training: Training, optimizer: Any, model: Any, stack: list[FrameType]) -> Part:
        self.training = training
        training.go_on(stack)
        part = training.add(optimizer, model)
        parts, key = self.parts, id(optimizer)

        def gone(_: object) -> None:
            if parts.get(key) is part:
                del parts[key]
            training.remove(part)

        part.optimizer = ref(optimizer, gone)
        parts[key] = part
        return part

    def _go_on(self, part: Part, optimizer: Any) -> Part | None:
        """A step of an optimizer whose loop was over, or was left for another one's."""
        if part.training.ended:
            del self.parts[id(optimizer)]
            return self._begin(optimizer)
        if self.training is not None and self.training is not part.training:
            self.training.leave()
        self.training = part.training
        part.training.go_on(stacks.stack())
        return part

    def _in_another_run(self, part: Part, optimizer: Any) -> Part | None:
        """The active run is not the one that the loop has been recorded in."""
        training = part.training
        if context.active_run() is None:
            if training.active.info.status == RunStatus.RUNNING:
                context.push(training.active)
                return part
            notice(
                f"autolog: the run '{training.run.name}' was ended while its loop goes on; the "
                "steps from now on are not recorded. Start a run to have them recorded there.",
                bool(training.options.get("silent")),
            )
            training.end()
            self.parts[id(optimizer)] = None
            return None
        del self.parts[id(optimizer)]
        training.end()
        self.training = None
        return self._begin(optimizer)

    def _model(self, optimizer: Any) -> Any:
        watched = self.watched() if self.watched is not None else None
        first = modules.first_parameter(optimizer)
        if watched is not None and any(one is first for one in watched.parameters()):
            return modules.unwrapped(watched)
        return modules.known(optimizer)


def _is_called_by_framework() -> bool:
    session = current.get()
    if session is not None and not CALLERS.isdisjoint(session.frameworks):
        return True
    if "fastai" not in sys.modules and "keras" not in sys.modules:
        return False
    frame = stacks.caller()
    return frame is not None and stacks.package(frame) in WITH_LOOPS


def _is_silent() -> bool:
    """Whether another process records: among distributed ones, that of rank zero."""
    distributed = sys.modules.get("torch.distributed")
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        return bool(distributed.get_rank() != 0)
    return silent_process()
