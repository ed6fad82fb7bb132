"""The event handler that writes the metrics of batches and epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from mxnet.gluon.contrib.estimator import BatchEnd, EpochEnd

from autolog.engine.guard import guarded
from flavors.signature import ModelSignature, Schema, TensorSpec

if TYPE_CHECKING:
    from autolog.engine.recorder import Recorder

LAST = np.inf  # handlers are sorted by it: validation and early stopping come before


class Curve(BatchEnd, EpochEnd):  # type: ignore[misc]  # MXNet has no types
    """Writes the training metrics after each batch, and all metrics after each epoch.

    MXNet looks into every attribute that has "metric" in its name: none has here.

    Args:
        run: where to.
    """

    priority = LAST

    def __init__(self, run: Recorder) -> None:
        self.run, self.epoch, self.batch = run, 0, 0
        self.signature: ModelSignature | None = None  # of the network, as the first batch tells it
        self._guard = guarded("gluon: metrics", lambda: run.name, run.silent)

    def batch_end(self, estimator: Any, *args: Any, **kwargs: Any) -> None:
        """Write the training metrics, as they stand in this epoch."""
        with self._guard:
            if self.signature is None:
                data, predictions = kwargs["batch"][0], kwargs["pred"]
                self.signature = ModelSignature(_schema(data), _schema(predictions))
            values = dict(_values(estimator.train_metrics))
            self.run.log_metrics({f"{name}_batch": values[name] for name in values}, self.batch)
        self.batch += 1

    def epoch_end(self, estimator: Any, *args: Any, **kwargs: Any) -> None:
        """Write the metrics of the epoch."""
        with self._guard:
            metrics = [*estimator.train_metrics, *estimator.val_metrics]
            # Without validation data its metrics have seen nothing, and are NaN.
            seen = [one for one in metrics if getattr(one, "num_inst", 1)]
            values = dict(_values(seen))
            values["learning_rate"] = estimator.trainer.learning_rate
            self.run.log_metrics(values, self.epoch)
        self.epoch += 1

    def log_stop(self, stopping: Any) -> None:
        """Write when and at which value the training was stopped early, if it was."""
        if stopping is not None and stopping.stop_training:
            found = {"stopped_epoch": stopping.stopped_epoch, "best_value": stopping.best}
            self.run.log_metrics(found, max(self.epoch - 1, 0))


def _values(metrics: Any) -> Any:
    for metric in metrics:
        yield from metric.get_name_value()


def _schema(array: Any) -> Schema:
    one = array[0] if isinstance(array, list | tuple) else array  # one for each device
    return Schema([TensorSpec(np.dtype(one.dtype).name, (-1, *one.shape[1:]))])
