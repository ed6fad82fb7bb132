"""Keras, on TensorFlow, PyTorch and JAX: each fit becomes a run with params, curves, data, model."""

from __future__ import annotations

from autolog.engine import configure
from autolog.engine.flavor import from_flavor
from autolog.keras import training  # declares the hooks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flavors.keras import load_model, load_weights, log_model, save_model

__all__ = ["autolog", "load_model", "load_weights", "log_model", "save_model"]


def autolog(
    log_every_epoch: bool = True,
    log_every_n_steps: int | None = None,
    log_models: bool = True,
    log_model_signatures: bool = True,
    save_exported_model: bool = False,
    log_datasets: bool = True,
    log_input_examples: bool = False,
    disable: bool = False,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = False,
    silent: bool = False,
    registered_model_name: str | None = None,
    save_model_kwargs: dict[str, Any] | None = None,
    extra_tags: dict[str, str] | None = None,
) -> None:
    """Record every `fit` of a Keras model from now on, and what `evaluate` finds afterwards.

    A training inside a run of yours is written to that run; any other one gets a run of its own.

    Args:
        log_every_epoch: keep the metrics of the training at the end of each epoch. Without it,
            and without `log_every_n_steps`, only those of the validation are kept.
        log_every_n_steps: keep also those of every n-th batch. The curves then go by
            batches, not by epochs, and loops over `train_on_batch` are recorded too.
        log_models: keep the trained model.
        log_model_signatures: keep the shapes and types that the model takes and gives.
        save_exported_model: keep the model as it is exported for serving (a TensorFlow
            SavedModel), not as a ``.keras`` file.
        log_datasets: keep name, digest, schema and size of training and validation data.
        log_input_examples: keep the first five rows of the training data beside the model.
        disable: switch Keras autologging off.
        exclusive: leave the runs that you start yourself alone.
        disable_for_unsupported_versions: record nothing under a version of Keras that this
            release was not tested with.
        silent: show no warnings of autologging.
        registered_model_name: register each model under this name.
        save_model_kwargs: further keywords for the model's `save`.
        extra_tags: tags for the runs that autologging opens.
    """
    values = locals()
    training.check_interval(log_every_n_steps)
    configure("keras", values)


__getattr__, __dir__ = from_flavor("keras", __all__)
