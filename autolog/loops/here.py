"""What goes on in one thread: losses, steps, and the trainings that they belong to."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any
from weakref import ref

from autolog.engine.guard import notice
from autolog.engine.options import frameworks
from autolog.engine.session import current, excluded
from autolog.loops import frames as stacks
from autolog.loops.training import Training
from core_client import context
from core_client.checks import check_key

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType

    from autolog.loops.frames import Place
    from autolog.loops.library import Library
    from autolog.loops.part import Part

MOST_LOSSES = 1024  # that are kept for one step


class Here:
    """The loops of one thread.

    A subclass for each library keeps the losses, as `backward` is called.

    Args:
        library: what the loops are written with.
    """

    def __init__(self, library: Library) -> None:
        self.library = library
        self.parts: dict[int, Part | None] = {}  # by the optimizer's id; None: not to be recorded
        self.training: Training | None = None  # the one of the last step
        self.losses: list[Any] = []  # whose gradients the next step will use
        self.origins: list[tuple[int, list[Place]]] = []  # of them: number before, and whence
        self.wanted = True  # whether the next step will be recorded, or may be of another loop
        self.batch = self.fixed_batch = 0  # samples: in the last batch; as the user says
        self.watched: ref[Any] | None = None
        self.extra: dict[str, Any] = {}

    def watch(self, model: Any, batch_size: int | None) -> None:
        """The user says which model the loops train, and how large a batch is."""
        self.watched, self.fixed_batch = ref(model), batch_size or 0

    def record(self, metrics: Mapping[str, Any]) -> None:
        """The user has metrics to be recorded with the next step, as they are now.

        Raises:
            MlflowException: a metric cannot have that name.
        """
        kept = self.library.kept
        self.extra.update({check_key(key, "metric"): kept(one) for key, one in metrics.items()})

    def makes_room(self) -> bool:
        """Get ready to keep what `backward` was called on; False if that is not to be kept."""
        if _is_called_by_framework(self.library):
            return False
        if self.training is None or self.training.resting:  # no step may ever come
            if len(self.losses) >= MOST_LOSSES:
                self.forget()
            self.origins.append((len(self.losses), stacks.places(stacks.stack())))
        return len(self.losses) < MOST_LOSSES

    def samples(self, losses: list[Any]) -> int:
        """How many samples the losses of one step are of, 0 if that is not known."""
        return (self.fixed_batch or self.batch) * len(losses)

    def forget(self) -> None:
        """The gradients of the losses so far are no more."""
        self.losses.clear()
        self.origins.clear()

    def after_step(self, optimizer: Any, by_closure: bool = False) -> None:
        """An optimizer has made a step.

        Args:
            optimizer: the optimizer.
            by_closure: the step itself called `backward`, perhaps again and again.
        """
        part = self.parts.get(id(optimizer))
        if self.wanted or part is None or part.training is not self.training:
            part = self._recorded(part, optimizer, by_closure)
        if part is not None:
            part.count += 1
            training = part.training
            self.wanted = part.count == part.due or (
                len(training.parts) > 1 and training.wants_next()
            )
        if self.losses:
            self.forget()

    def _recorded(self, part: Part | None, optimizer: Any, by_closure: bool) -> Part | None:
        """Record the step if it is to be; None if it does not even count."""
        if self.library.is_noting():
            return None
        if self.origins:
            self._forget_all_before(stacks.places(stacks.stack()))
        if part is None or part.training is not self.training or part.training.resting:
            part = self._of(optimizer)
        elif context.active_run() is not part.training.active:
            part = self._in_another_run(part, optimizer)
        if part is not None and part.count == part.due:
            losses = self.losses[:1] if by_closure else self.losses
            part.record(optimizer, losses, self.samples(losses), self.extra)
            self.losses = []
            if self.extra:
                self.extra = {}
        return part

    def _forget_all_before(self, step: list[Place]) -> None:
        """Of losses that were kept while no loop went on, keep those that the step is made with."""
        first = len(self.losses)
        for number, origin in reversed(self.origins):
            if not stacks.follows(origin, step):
                del self.losses[:first]
                break
            first = number
        self.origins.clear()

    def _of(self, optimizer: Any) -> Part | None:
        """What is recorded of an optimizer whose loop is new, was over, or was left for another."""
        part = self.parts.get(id(optimizer))
        if part is not None:
            return self._go_on(part, optimizer)
        return None if id(optimizer) in self.parts else self._begin(optimizer)

    def _begin(self, optimizer: Any) -> Part | None:
        """The first step of an optimizer."""
        options = frameworks[self.library.name].options
        if options is None or _is_called_by_framework(self.library):
            return None
        if self.library.is_silent(optimizer):
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
            name = "Model" if model is None else type(model).__name__
            training = Training(self, options, name, stack)
        return self._add(training, optimizer, model, stack)

    def _add(self, training: Training, optimizer: Any, model: Any, stack: list[FrameType]) -> Part:
        self.training = training
        training.go_on(stack)
        part = training.add(optimizer, model)
        parts, key = self.parts, id(optimizer)

        def gone(_: object) -> None:
            if parts.get(key) is part:
                del parts[key]
            part.is_gone = True
            stacks.finalize(training.gone, part)

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
            if training.active.is_running:
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
        if watched is not None and self.library.trains(optimizer, watched):
            return self.library.unwrapped(watched)
        return self.library.model(optimizer)


def _is_called_by_framework(library: Library) -> bool:
    session = current.get()
    if session is not None and not library.callers.isdisjoint(session.frameworks):
        return True
    for name in library.with_loops:
        if name in sys.modules:
            frame = stacks.caller()
            return frame is not None and stacks.package(frame) in library.with_loops
    return False
