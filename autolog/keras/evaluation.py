"""What a model reaches on data that it was not trained with, when the user asks it."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from autolog.engine import names
from autolog.keras import callbacks, data
from autolog.keras.curve import numbers
from autolog.keras.recording import is_step, trained
from core_client import context

if TYPE_CHECKING:
    from autolog.engine.call import Call
    from autolog.engine.recorder import Recorder


class Result:
    """What is mixed into the callback class of the model's own Keras: keeps the metrics."""

    metrics: Any = None

    def on_test_end(self, logs: Any = None) -> None:
        """Keep the metrics of the whole evaluation, which come with their names."""
        self.metrics = logs


def evaluate(call: Call) -> Generator[None, Any, None]:
    """Record one evaluation in the active run, else where the model's training was recorded."""
    outer = call.outer  # of another framework that sees this very call, or the fit around it
    is_seen = outer is not None and outer.instance is call.instance
    run = None if is_seen or is_step(call) else _run(call)
    if run is None:
        yield
        return
    result = callbacks.kind(call.instance, Result)()
    callbacks.add(call, [result])
    yield
    given = call.arguments
    name = names.variable(given.get("x"), call.caller, unknown="dataset")
    metrics = numbers(result.metrics or {})
    run.log_metrics({f"{key}_{name}": value for key, value in metrics.items()})
    if call.options.log_datasets:
        inputs = data.input_names(call.instance)
        used = data.Described(given.get("x"), given.get("y"), name, "eval", inputs)
        run.log_inputs([used.described()])


def _run(call: Call) -> Recorder | None:
    known: Recorder | None = trained.get(call.instance)
    active = context.active_run()
    if known is not None and (active is None or active.run_id == known.run_id):
        return known
    return None if active is None else call.run
