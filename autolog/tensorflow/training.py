"""Hooks of Keras models that TensorFlow trains: recorded as `autolog.keras` does it."""

from __future__ import annotations

from autolog.keras.trainers import on_trainers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from contextlib import ExitStack
    from typing import Any

    from autolog.engine.call import Call
    from autolog.engine.recorder import Recorder
    from autolog.keras.recording import Manner

BACKENDS = ("tensorflow",)


@on_trainers("fit", backends=BACKENDS)
def fit(call: Call) -> Generator[None, Any, None]:
    """Record one training."""
    from autolog.keras import recording

    yield from recording.fit(call, _manner(call))


@on_trainers("evaluate", backends=BACKENDS)
def evaluate(call: Call) -> Generator[None, Any, None]:
    """Record one evaluation."""
    from autolog.keras import evaluation

    yield from evaluation.evaluate(call)


@on_trainers("train_on_batch", backends=BACKENDS)
def train_on_batch(call: Call) -> Generator[None, Any, None]:
    """Record one batch of a loop of the user's, if that was asked for."""
    from autolog.keras import batches

    yield from batches.train_on_batch(call, _manner(call))


def _manner(call: Call) -> Manner:
    from autolog.keras.recording import Manner
    from autolog.tensorflow.board import boards
    from autolog.tensorflow.checkpoints import keepers

    model, options = call.instance, call.options

    def callbacks(run: Recorder, ending: ExitStack) -> list[Any]:
        given = call.arguments["callbacks"]
        return [*boards(model, given, run, ending), *keepers(model, run, options)]

    return Manner(
        optimizer="opt_",
        flavor="tensorflow",
        save={"keras_model_kwargs": options.keras_model_kwargs},
        callbacks=callbacks,
    )
