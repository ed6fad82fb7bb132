"""The record of a loop over `train_on_batch`: one run, metrics of every n-th batch."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from autolog.engine.origins import ById
from autolog.keras.curve import numbers
from autolog.keras.recording import Manner, is_recorded_elsewhere, is_step, log_optimizer
from core_client import context

if TYPE_CHECKING:
    from autolog.engine.call import Call
    from autolog.engine.recorder import Recorder


class Loop:
    """What is known of a model's earlier batches.

    Args:
        run: where the first one was recorded.
    """

    def __init__(self, run: Recorder) -> None:
        self.run = run
        self.batches = 0


_loops = ById()


def train_on_batch(call: Call, manner: Manner) -> Generator[None, Any, None]:
    """Record one batch, if the user asked for batches by `log_every_n_steps`."""
    interval = call.options.log_every_n_steps
    if interval is None or is_step(call) or is_recorded_elsewhere(call, manner):
        yield
        return
    loop = _loop(call, manner)
    result: Any = yield
    loop.batches += 1
    if loop.batches % interval == 0:
        metrics = result if isinstance(result, dict) else call.instance.get_metrics_result()
        loop.run.log_metrics(numbers(metrics), loop.batches)


def _loop(call: Call, manner: Manner) -> Loop:
    known: Loop | None = _loops.get(call.instance)
    active = context.active_run()
    if known is not None and (active is None or active.run_id == known.run.run_id):
        return known
    loop = Loop(call.scope(type(call.instance).__name__))
    log_optimizer(call, loop.run, manner)
    _loops.put(call.instance, loop)
    return loop
