"""Hooks of Keras: trainings, evaluations, and batches trained one by one."""

from __future__ import annotations

from autolog.keras.trainers import on_trainers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any

    from autolog.engine.call import Call
    from autolog.keras.recording import Manner


@on_trainers("fit")
def fit(call: Call) -> Generator[None, Any, None]:
    """Record one training."""
    from autolog.keras import recording

    yield from recording.fit(call, _manner(call))


@on_trainers("evaluate")
def evaluate(call: Call) -> Generator[None, Any, None]:
    """Record what a trained model reaches on other data."""
    from autolog.keras import evaluation

    yield from evaluation.evaluate(call)


@on_trainers("train_on_batch")
def train_on_batch(call: Call) -> Generator[None, Any, None]:
    """Record one batch of a loop of the user's, if that was asked for."""
    from autolog.keras import batches

    yield from batches.train_on_batch(call, _manner(call))


def check_interval(steps: int | None) -> None:
    """Refuse a `log_every_n_steps` that is no number of steps."""
    if steps is not None and (isinstance(steps, bool) or not isinstance(steps, int) or steps < 1):
        from core_client.exceptions import invalid

        raise invalid(f"log_every_n_steps is a whole number from 1 up, or None, not {steps!r}.")


def _manner(call: Call) -> Manner:
    from autolog.keras.recording import Manner

    return Manner(
        optimizer="optimizer_",
        flavor="keras",
        save={
            "save_exported_model": call.options.save_exported_model,
            "save_model_kwargs": call.options.save_model_kwargs,
        },
    )
