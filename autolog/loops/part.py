"""One optimizer of a training: what it is, and what is kept of each of its steps."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from weakref import ref

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autolog.engine.recorder import Recorder
    from autolog.loops.training import Training


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
        self.library = training.library
        self.values = self.library.values(run)
        self._every: int | None = training.options.log_every_n_step
        self._with_norm: bool = training.options.log_gradient_norm
        self._started = (0, 0.0)  # steps made and the time, when the rates were last told
        self._recorded = self._samples = 0  # steps since, and the samples in these
        self._learning_rates: dict[int, float] = {}  # by group, as last recorded

    def describe(self, optimizer: Any) -> None:
        """The optimizer and its hyper-parameters."""
        self.run.log_params(self.library.params(optimizer))

    def describe_model(self, model: Any) -> None:
        """The model's class and size."""
        self.run.log_params({"model": type(model).__name__, **self.library.size(model)})
        self.run.later(self.run.log_text, self.library.summary(model), "model_summary.txt")

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
            metrics["loss"] = self.library.loss(losses)
        for number, rate in enumerate(self.library.learning_rates(optimizer), 1):
            if rate is not self._learning_rates.get(number):
                self._log_learning_rate(metrics, number, rate)
        if self._with_norm:
            norm = self.library.gradient_norm(optimizer)
            if norm is not None:
                metrics["gradient_norm"] = norm
        metrics.update(extra)
        if self._started[1]:
            self._samples += samples
            self._recorded += 1
        else:
            self._started = step + 1, time.perf_counter()
        if metrics and self.values.take(step, metrics):
            self.hand_in()

    def hand_in(self, last: bool = False) -> None:
        """Send what was kept on its way.

        Args:
            last: the loop is over, or has a pause.
        """
        self._rate(last)
        self.values.flush()

    def _log_learning_rate(self, metrics: dict[str, Any], number: int, rate: Any) -> None:
        """A point where the rate of a group of parameters has changed."""
        name = "learning_rate" if number == 1 else f"learning_rate_group_{number}"
        if not isinstance(rate, int | float):  # it may change in place, so it is not remembered
            metrics[name] = self.library.kept(rate)
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
            self.values.add(self.count - 1, rates)
            self._started = self.count, now
            self._recorded = self._samples = 0
        if last:
            self._started = 0, 0.0
