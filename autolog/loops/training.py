"""One training by a loop of the user's: its run, its optimizers, and what is kept of each step."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from functools import cache
from typing import TYPE_CHECKING, Any
from weakref import WeakSet, ref

from autolog.engine.guard import guarded
from autolog.engine.session import Session, current
from autolog.loops.frames import Place, Watch, in_one_loop, places
from autolog.loops.part import Part
from core_client import background, context

if TYPE_CHECKING:
    from types import FrameType

    from autolog.engine.options import Options
    from autolog.loops.here import Here


class Training:
    """What the optimizers of one loop do to one model, or to several.

    It begins with a first step, and rests when the function that makes the steps returns. A
    function may make one epoch only, or one step: if the same optimizer goes on, the training
    goes on in the same run, and rests when the calling function returns.

    Args:
        here: the loops of the thread.
        options: of the library's `autolog`.
        name: the model's class.
        stack: the functions that run.
    """

    def __init__(self, here: Here, options: Options, name: str, stack: list[FrameType]) -> None:
        self._here = ref(here)
        self.library, self.options = here.library, options
        self.session = Session(here.library.name, options, current.get())
        self.run = self.session.run.scope(name)
        self.active = self.session.run.run
        _end_with_process()
        self.thread = threading.get_ident()
        self.parts: list[Part] = []
        self.models: WeakSet[Any] = WeakSet()
        self.resting, self.ended = False, False
        self._places: list[Place] = places(stack)
        self._depth = len(stack)  # of the function whose end is the training's
        self._watch: ref[Watch] | None = None
        _open.add(self)
        background.before_waiting(self.look)

    def add(self, optimizer: Any, model: Any) -> Part:
        """One more optimizer, with the model that it trains."""
        number = len(self.parts) + 1
        prefix = "" if number == 1 else f"optimizer_{number}."
        part = Part(self, self.run.within(self.run.prefix + prefix))
        self.parts.append(part)
        part.describe(optimizer)
        if model is not None and model not in self.models:
            self.models.add(model)
            part.describe_model(model)
        return part

    def gone(self, part: Part) -> None:
        """An optimizer is no more. If all are gone, nothing can go on."""
        part.hand_in()
        if self.resting and all(one.is_gone for one in self.parts):
            self.end()

    def goes_on_with(self, model: Any, stack: list[FrameType]) -> bool:
        """Whether another optimizer's first step belongs to this training."""
        if self.ended or context.active_run() is not self.active:
            return False
        if not self.resting and model is not None and model in self.models:
            return True
        return not all(one.is_gone for one in self.parts) and (
            in_one_loop(self._places, places(stack)) and not (self.resting and self._same(stack))
        )

    def _same(self, stack: list[FrameType]) -> bool:
        """Whether the steps come by the same call, which then is one function per training."""
        return [one[1:] for one in self._places] == [one[1:] for one in places(stack)]

    def go_on(self, stack: list[FrameType]) -> None:
        """A step is made, the first one or one after a rest."""
        watch = self._watch() if self._watch is not None else None
        if watch is None:
            self._depth = max(0, min(self._depth, len(stack)) - 1)
            watch = Watch.over(stack[self._depth], self._over)
            self._watch = ref(watch) if watch is not None else None
        self.resting = False
        run = self.session.opened
        if run is not None and run.at_rest:
            context.remove(run)
            run.resume()
        if run is not None and context.active_run() is None:
            context.push(run)

    def leave(self) -> None:
        """Another training's turn has come."""
        run = self.session.opened
        if run is not None:
            context.remove(run)

    def wants_next(self) -> bool:
        """Whether the next step of any optimizer is to be recorded."""
        for part in self.parts:  # noqa: SIM110 - after every step: `any` takes twice as long
            if part.count == part.due:
                return True
        return False

    def look(self) -> None:
        """Somebody reads, or waits: hand in what is there, and see whether the loop has failed."""
        with guarded(f"{self.library.name}: what a loop has recorded"):
            watch = self._watch() if self._watch is not None else None
            if watch is not None and not self.resting and not watch.is_running(self.thread):
                self._over(False)
            for part in self.parts:
                part.hand_in()

    def end(self, error: BaseException | None = None) -> None:
        """It is over for good."""
        if self.ended:
            return
        self.ended = True
        self._pause()
        background.not_before_waiting(self.look)
        for part in self.parts:
            part.hand_in(last=True)
            if error is not None:
                part.values.give_up()
        run = self.session.opened
        if run is not None:
            if run.at_rest or not run.is_running:
                context.remove(run)
            else:
                self.session.close(error)

    def rest(self) -> None:
        """The loop is over, unless the same optimizer goes on later."""
        self._pause()
        for part in self.parts:
            part.hand_in(last=True)
        run = self.session.opened
        if run is not None and run.is_running:
            context.rest(run)

    def _pause(self) -> None:
        self.resting = True
        here = self._here()
        if here is not None:
            here.wanted = True  # for the next step may be of another loop

    def _over(self, returned: bool) -> None:
        """The function that makes the steps is over."""
        if sys.is_finalizing() or self.ended or self.resting:
            return
        with guarded(f"{self.library.name}: the end of a loop"):
            if returned or self.session.opened is None:
                self.rest()
            else:
                self.end(_error() or RuntimeError("an error left the training function"))


_open: WeakSet[Training] = WeakSet()


def _after_fork() -> None:
    """In the child: the trainings are the parent's to end."""
    for training in _open:
        training.ended = True
    _open.clear()


os.register_at_fork(after_in_child=_after_fork)


@cache
def _end_with_process() -> None:
    """Once there has been a run: what is registered later is called earlier."""
    atexit.register(_end_all)


def _end_all() -> None:
    """The process ends while loops run: an error has ended them, or they stand in no function."""
    for training in list(_open):
        with guarded(f"{training.library.name}: the end of a loop"):
            training.end(_error())


def _error() -> BaseException | None:
    """The error that is being handled, or that ends the process."""
    return sys.exc_info()[1] or getattr(sys, "last_value", None)
