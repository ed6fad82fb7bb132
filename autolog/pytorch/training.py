"""One training by a loop of the user's: its run, its optimizers, and what is kept of each step."""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from functools import cache
from typing import TYPE_CHECKING, Any
from weakref import WeakSet, ref

import torch

from autolog.engine.guard import guarded
from autolog.engine.session import Session, current
from autolog.pytorch import modules, params, summary
from autolog.pytorch.frames import Place, Watch, in_one_loop, places
from autolog.pytorch.values import Values, kept
from core_client import background, context
from core_client.entities import RunStatus

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType

    from autolog.engine.options import Options
    from autolog.engine.recorder import Recorder


class Training:
    """What the optimizers of one loop do to one model, or to several.

    It begins with a first step, and rests when the function that makes the steps returns. A
    function may make one epoch only, or one step: if the same optimizer goes on, the training
    goes on in the same run, and rests when the calling function returns.

    Args:
        options: of `autolog.pytorch.autolog`.
        name: the model's class.
        stack: the functions that run.
    """

    def __init__(self, options: Options, name: str, stack: list[FrameType]) -> None:
        self.options = options
        self.session = Session("pytorch", options, current.get())
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
        if model is None:
            found = ref(optimizer)
            self.run.later(lambda: part.describe_model(_searched(found())))
        elif model not in self.models:
            self.models.add(model)
            part.describe_model(model)
        return part

    def remove(self, part: Part) -> None:
        """An optimizer is no more. If all are gone, nothing can go on."""
        part.hand_in()
        part.is_gone = True
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
        with guarded("pytorch: what a loop has recorded"):
            watch = self._watch() if self._watch is not None else None
            if watch is not None and not self.resting and not watch.is_running(self.thread):
                self._over(False)
            for part in self.parts:
                part.hand_in()

    def end(self, error: BaseException | None = None) -> None:
        """It is over for good."""
        if self.ended:
            return
        self.ended = self.resting = True
        background.not_before_waiting(self.look)
        for part in self.parts:
            part.hand_in(last=True)
        run = self.session.opened
        if run is not None:
            if run.at_rest or run.info.status != RunStatus.RUNNING:
                context.remove(run)
            else:
                self.session.close(error)

    def rest(self) -> None:
        """The loop is over, unless the same optimizer goes on later."""
        self.resting = True
        for part in self.parts:
            part.hand_in(last=True)
        run = self.session.opened
        if run is not None and run.info.status == RunStatus.RUNNING:
            context.rest(run)

    def _over(self, returned: bool) -> None:
        """The function that makes the steps is over."""
        if sys.is_finalizing() or self.ended or self.resting:
            return
        with guarded("pytorch: the end of a loop"):
            if returned or self.session.opened is None:
                self.rest()
            else:
                self.end(_error() or RuntimeError("an error left the training function"))


class Part:
    """One optimizer of a training.

    Args:
        training: the training.
        run: where its values go.
    """

    def __init__(self, training: Training, run: Recorder) -> None:
        self.training, self.run = training, run
        self.optimizer: ref[Any] | None = None
        self.is_gone = False
        self.count = self.due = 0  # steps made, the next to be recorded
        self._every: int | None = training.options.log_every_n_step
        self._with_norm: bool = training.options.log_gradient_norm
        self._values = Values(run)
        self._started = (0, 0.0)  # steps made and the time, when the rates were last told
        self._recorded = self._samples = 0  # steps since, and the samples in these
        self._learning_rates: dict[int, float] = {}  # by group, as last recorded

    def describe(self, optimizer: Any) -> None:
        """The optimizer and its hyper-parameters."""
        found = params.of_optimizers([optimizer]).items()
        self.run.log_params({k: v for k, v in found if not isinstance(v, torch.Tensor)})

    def describe_model(self, model: Any) -> None:
        """The model's class and size."""
        if model is None:
            return
        self.run.log_params({"model": type(model).__name__, **summary.count(model)})
        self.run.log_text(summary.text(model), "model_summary.txt")

    def record(
        self, optimizer: Any, losses: list[Any], samples: int, extra: Mapping[str, Any]
    ) -> None:
        """A step was made that is to be recorded.

        Args:
            optimizer: the optimizer.
            losses: whose gradients it used.
            samples: that the losses are of, 0 if that is not known.
            extra: further metrics.
        """
        step = self.count
        # A fast loop makes thousands of steps a second: ever fewer of them are recorded.
        self.due = step + (self._every or 10 ** ((len(str(step)) - 1) // 2))
        metrics: dict[str, Any] = {}
        if losses:
            metrics["loss"] = losses[0] if len(losses) == 1 else losses
        for number, group in enumerate(optimizer.param_groups, 1):
            rate = group.get("lr")
            if rate is not self._learning_rates.get(number):
                self._log_learning_rate(metrics, number, rate)
        if self._with_norm:
            metrics |= _gradient_norm(optimizer)
        for key, value in extra.items():
            metrics[key] = kept(value) if isinstance(value, torch.Tensor) else value
        if self._started[1]:
            self._samples += samples
            self._recorded += 1
        else:
            self._started = step + 1, time.perf_counter()
        if metrics and self._values.take(step, metrics):
            self.hand_in()

    def hand_in(self, last: bool = False) -> None:
        """Send what was kept on its way.

        Args:
            last: the loop is over, or has a pause.
        """
        self._rate(last)
        self._values.flush()

    def _log_learning_rate(self, metrics: dict[str, Any], number: int, rate: Any) -> None:
        """A point where the rate of a group of parameters has changed."""
        name = "learning_rate" if number == 1 else f"learning_rate_group_{number}"
        if isinstance(rate, torch.Tensor):  # it may change in place, so it is not remembered
            metrics[name] = kept(rate)
        elif rate != self._learning_rates.get(number):
            metrics[name] = self._learning_rates[number] = rate

    def _rate(self, last: bool) -> None:
        """Steps and samples per second since the last time."""
        now = time.perf_counter()
        steps, since = self._started
        done, seconds = self.count - steps, now - since
        if since and done > 0 and (last or seconds >= 1):
            rates = {"steps_per_second": done / seconds}
            if self._samples:
                rates["samples_per_second"] = self._samples / self._recorded * done / seconds
            self._values.add(self.count - 1, rates)
            self._started = self.count, now
            self._recorded = self._samples = 0
        if last:
            self._started = 0, 0.0


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
        with guarded("pytorch: the end of a loop"):
            training.end(_error())


def _error() -> BaseException | None:
    """The error that is being handled, or that ends the process."""
    return sys.exc_info()[1] or getattr(sys, "last_value", None)


def _searched(optimizer: Any) -> Any:
    return None if optimizer is None else modules.searched(optimizer)


def _gradient_norm(optimizer: Any) -> dict[str, Any]:
    """The norm of all gradients as one vector, on their device."""
    with torch.no_grad():
        gradients = [
            one.grad.coalesce().values() if one.grad.is_sparse else one.grad
            for group in optimizer.param_groups
            for one in group["params"]
            if one.grad is not None
        ]
        if not gradients or (gradients[0].is_cuda and torch.cuda.is_current_stream_capturing()):
            return {}
        return {"gradient_norm": torch.nn.utils.get_total_norm(gradients)}
