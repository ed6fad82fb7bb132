"""The record of an estimator that is trained batch by batch: one run, a step for each batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autolog.engine import origins
from autolog.sklearn.training import Training
from core_client import warning_filters

if TYPE_CHECKING:
    from autolog.engine.call import Call
    from autolog.engine.recorder import Recorder

EVERY_STEP_UNTIL = 100


class Batches:
    """What is known of an estimator's earlier batches.

    Args:
        run: where the first one was recorded.
    """

    def __init__(self, run: Recorder) -> None:
        self.run = run
        self.steps = 0


_open = origins.ById()


def begin(call: Call) -> Training:
    """The record of one more batch; the first one writes params, tags and the dataset."""
    from core_client import context

    known: Batches | None = _open.get(call.instance)
    active = context.active_run()
    if known is not None and (active is None or active.run_id == known.run.run_id):
        return Training(call, known.run)
    training = Training(call)
    training.before()
    _open.put(call.instance, Batches(training.run))
    return training


def end(training: Training) -> None:
    """Count the batch and, at intervals that grow with their number, score it."""
    batches: Batches = _open.get(training.estimator)
    batches.steps += 1
    training.run.log_metrics({"partial_fit_steps": float(batches.steps)}, step=batches.steps)
    if is_scored(batches.steps):
        with warning_filters.muted():
            training.log_scores(step=batches.steps)
        training.start_later()
    if batches.steps == 1:
        training.register(None)


def is_scored(step: int) -> bool:
    """Every batch at first, then every 10th, 100th, ...: some hundred points, whatever comes."""
    interval = 1
    while step >= EVERY_STEP_UNTIL * interval:
        interval *= 10
    return step % interval == 0


def forget(estimator: Any) -> None:
    """The estimator is fitted from the start: its next batch begins another record."""
    _open.drop(estimator)
