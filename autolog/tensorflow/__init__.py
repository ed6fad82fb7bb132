"""TensorFlow: fits of tf.keras, scalars of summary writers, trainings of tf.estimator."""

from __future__ import annotations

from autolog.checkpoints import checked
from autolog.engine import configure
from autolog.keras.training import check_interval
from autolog.tensorflow import estimators, training, writers  # noqa: F401  # declare the hooks
from core_client.exceptions import invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal

    from autolog.tensorflow.checkpoints import load_checkpoint
    from flavors.tensorflow import load_model, log_model, save_model

__all__ = ["autolog", "load_checkpoint", "load_model", "log_model", "save_model"]

_OF_THE_FLAVOR = ("load_model", "log_model", "save_model")


def autolog(
    log_models: bool = True,
    log_datasets: bool = True,
    disable: bool = False,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = False,
    silent: bool = False,
    registered_model_name: str | None = None,
    log_input_examples: bool = False,
    log_model_signatures: bool = True,
    saved_model_kwargs: dict[str, Any] | None = None,
    keras_model_kwargs: dict[str, Any] | None = None,
    extra_tags: dict[str, str] | None = None,
    log_every_epoch: bool = True,
    log_every_n_steps: int | None = None,
    checkpoint: bool = True,
    checkpoint_monitor: str | None = "val_loss",
    checkpoint_mode: Literal["min", "max"] = "min",
    checkpoint_save_best_only: bool = True,
    checkpoint_save_weights_only: bool = False,
    checkpoint_save_freq: Literal["epoch"] | int = "epoch",
    every_n_iter: int = 1,
) -> None:
    """Record what TensorFlow trains from now on: fits of tf.keras models, and of tf.estimator.

    A training inside a run of yours is written to that run; any other one gets a run of its own.
    Scalars of `tf.summary` are metrics of the run that is active when they are written. Those that
    Python writes are recorded at once, on whatever device they are. Those that a graph writes are
    read from the writer's file each second: a killed process may lose the last second of them.

    Args:
        log_models: keep the trained model.
        log_datasets: keep name, digest, schema and size of training and validation data.
        disable: switch TensorFlow autologging off.
        exclusive: leave the runs that you start yourself alone.
        disable_for_unsupported_versions: record nothing under a version of TensorFlow that this
            release was not tested with.
        silent: show no warnings of autologging.
        registered_model_name: register each model under this name.
        log_input_examples: keep the first five rows of the training data beside the model.
        log_model_signatures: keep the shapes and types that the model takes and gives.
        saved_model_kwargs: accepted for MLflow's sake, and without effect here as there: they are
            for ``tf.saved_model.save`` of a module, which no training records by itself; what is
            recorded is saved by Keras (see `keras_model_kwargs`), or exported by an estimator.
        keras_model_kwargs: further arguments for ``Model.save`` of a Keras model.
        extra_tags: tags for the runs that autologging opens.
        log_every_epoch: keep the metrics of each epoch.
        log_every_n_steps: keep the metrics of every n-th batch, in loops over `train_on_batch` too.
        checkpoint: keep checkpoints of Keras models while they are trained.
        checkpoint_monitor: the metric that tells the best one. A training without validation has
            no ``val_loss``, and so no best one.
        checkpoint_mode: ``min`` or ``max``: which value of it is better.
        checkpoint_save_best_only: keep the best one; otherwise all.
        checkpoint_save_weights_only: keep the weights, without the model and its optimizer.
        checkpoint_save_freq: ``epoch``, or a number of batches.
        every_n_iter: keep the scalars of every n-th step of `tf.summary` writers, from 1 on.

    Raises:
        MlflowException: a keyword has a value that it cannot have.
    """
    given = checked(locals())
    check_interval(log_every_n_steps)
    if not isinstance(every_n_iter, int) or every_n_iter < 1:
        raise invalid(f"every_n_iter is a whole number from 1 up, not {every_n_iter!r}.")
    configure("tensorflow", given)


def __getattr__(name: str) -> Any:
    if name == "load_checkpoint":
        from autolog.tensorflow.checkpoints import load_checkpoint

        return load_checkpoint
    if name in _OF_THE_FLAVOR:
        from flavors import tensorflow

        return getattr(tensorflow, name)
    raise AttributeError(f"module 'autolog.tensorflow' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__
