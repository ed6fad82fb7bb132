"""XGBoost's callback that writes each round, and what it knows when the training is over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xgboost.callback import TrainingCallback

from autolog.engine.guard import guarded

if TYPE_CHECKING:
    from autolog.boosting.rounds import Rounds
    from autolog.engine.call import Call


class Curve(TrainingCallback):  # type: ignore[misc]
    """Writes the metrics of each round.

    Args:
        rounds: where to.
        goes_on: whether the training goes on with a model, whose rounds come first.
    """

    def __init__(self, rounds: Rounds, goes_on: bool = False) -> None:
        super().__init__()
        self.rounds, self.goes_on = rounds, goes_on
        self.first = 0
        self._history: Any = {}  # XGBoost's own: set, metric, then a point for each round
        self._written = 0  # rounds
        self._points = 0  # in the history, when the last round was written
        run = rounds.run
        self._guard = guarded("xgboost: a round's metrics", lambda: run.name, run.silent)

    def watch(self, call: Call) -> None:
        """Be called in each round of this training, before the user's own callbacks."""
        call.replace("callbacks", [self, *(call.arguments["callbacks"] or ())])

    def before_training(self, model: Any) -> Any:
        """See where the rounds begin."""
        if self.goes_on:
            with self._guard:
                self.first = int(model.num_boosted_rounds())
        return model

    def before_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Keep hold of the history; never stop the training."""
        self._history = evals_log
        return False

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Write the round; never stop the training."""
        with self._guard:
            self._write()
        return False

    def after_training(self, model: Any) -> Any:
        """Write the last round if another callback, by stopping the training, hid it from us.

        Old versions of XGBoost call them in any order.
        """
        with self._guard:
            if _count(self._history) > self._points:
                self._write()
        return model

    def log_stop(self, best: int) -> None:
        """Early stopping was on: write where it ended.

        Args:
            best: index of the best round of this training.
        """
        if self._points:
            last = self.rounds.next_step - 1
            self.rounds.log_stop(last, self.first + best, *self._round(best))

    def _write(self) -> None:
        self._written += 1
        self._points = _count(self._history)
        if self._points:
            index = self._written - 1
            self.rounds.log(self.first + index, *self._round(index))

    def _round(self, index: int) -> tuple[list[tuple[str, str]], list[float]]:
        """Names and values of one round; of a cross-validation mean and standard deviation."""
        names: list[tuple[str, str]] = []
        values: list[float] = []
        for dataset, metrics in self._history.items():
            for metric, points in metrics.items():
                each = len(points) // self._written  # more than one where sets share a name
                for point in points[index * each : (index + 1) * each]:
                    if isinstance(point, tuple):
                        names += [(dataset, f"{metric}-mean"), (dataset, f"{metric}-std")]
                        values += point
                    else:
                        names.append((dataset, metric))
                        values.append(point)
        return names, values


def _count(history: Any) -> int:
    return sum(len(points) for metrics in history.values() for points in metrics.values())
