"""Checkpoints of Keras models: kept while `fit` goes on, and loaded."""

from __future__ import annotations

from typing import Any

from autolog.checkpoints import Checkpoints, find, has_weights_only
from autolog.engine.guard import guarded
from autolog.engine.options import Options
from autolog.engine.recorder import Recorder
from autolog.keras.callbacks import kind
from autolog.keras.copies import of_this_process
from autolog.keras.curve import numbers
from core_client.exceptions import MlflowException, invalid
from flavors import trust


def keepers(model: Any, run: Recorder, options: Options) -> list[Any]:
    """The callback that keeps checkpoints of a training, if that is wanted.

    Args:
        model: what is trained.
        run: where they go.
        options: of the framework.
    """
    if not options.checkpoint:
        return []
    # MLflow writes HDF5, whose whole models Keras 3 does not read back, with some losses.
    suffix = ".h5" if options.checkpoint_save_weights_only else ".keras"
    return [kind(model, Keeper)(Checkpoints(run, options, suffix))]


class Keeper:
    """What is mixed into the callback class of the model's own Keras.

    Args:
        checkpoints: when and where to.
    """

    model: Any
    _supports_tf_logs = True  # says to Keras 2 that metrics need not be made numbers

    def __init__(self, checkpoints: Checkpoints) -> None:
        super().__init__()
        self.checkpoints = checkpoints
        # Whether Keras 3 may tell of batches from another thread, while it trains on the next.
        self.async_safe = not checkpoints.by_step
        self._epoch = 0
        self._step = 0  # batches so far
        self._batch = -1  # the last one of this epoch
        run = checkpoints.run
        self._guard = guarded("tensorflow: checkpoints", lambda: run.name, run.silent)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Count from here."""
        self._epoch, self._batch = int(epoch), -1

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Keep one, if it is time; Keras may tell of several batches in one."""
        with self._guard:
            self._step += int(batch) - self._batch
            self._batch = int(batch)
            self.checkpoints.after_step(
                self._epoch, self._step, lambda: numbers(logs or {}), self._save
            )

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Keep one, if it is time."""
        with self._guard:
            self.checkpoints.after_epoch(
                int(epoch), self._step, lambda: numbers(logs or {}), self._save
            )

    def _save(self, path: str) -> None:
        model = of_this_process(self.model)
        try:
            if self.checkpoints.weights_only:
                model.save_weights(path)
            else:
                model.save(path)
        except Exception as error:
            raise MlflowException(
                f"Keras cannot save the {type(model).__name__}: {error}"
            ) from error


def load_checkpoint(
    model: Any = None,
    run_id: str | None = None,
    epoch: int | None = None,
    global_step: int | None = None,
    trusted: bool = False,
) -> Any:
    """Load a checkpoint that was kept while a Keras model was trained.

    Args:
        model: a model of the same layers, for checkpoints that hold the weights alone.
        run_id: the run; the active one by default.
        epoch: at the end of which it was kept, from 0; by default the newest is taken.
        global_step: or after how many batches.
        trusted: load it whoever made it: building the layers that its file names may run code.

    Raises:
        MlflowException: there is no such checkpoint, it needs `model`, or it was not signed by
            this user.
    """
    import tensorflow as tf

    path = find(run_id, epoch, global_step)
    contents = trust.read(path.parent, [path.name])
    with trust.unpacked(contents.files) as private:
        checkpoint = private / path.name
        if has_weights_only(path):
            if model is None:
                raise invalid(f"'{path}' holds the weights alone: say for which model.")
            model.load_weights(str(checkpoint))
            return model
        if not (trusted or contents.ours):
            what = "Keras builds what a model's file names, and that may run code"
            raise trust.refused(path.parent, what, "")
        return tf.keras.models.load_model(str(checkpoint), safe_mode=False)
