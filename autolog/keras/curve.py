"""The callback that writes the metrics of epochs and, if asked for, of batches."""

from __future__ import annotations

import time
from threading import Lock
from typing import TYPE_CHECKING, Any

from autolog.engine.guard import guarded
from core_client import background
from core_client.clock import now

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autolog.engine.recorder import Recorder

MOST_ROWS = 1000  # of batches that wait to be written
MOST_SECONDS = 1.0  # that they wait
BY_EPOCH = ("val_", "validation_", "learning_rate")  # metrics that no batch tells


class Curve:
    """What is mixed into the callback class of the model's own Keras.

    The metrics of batches are kept as the framework holds them, and looked at off the training
    thread, many at once: on some devices looking at a number waits for all that was begun.

    Args:
        run: where to.
        epochs: whether the metrics of the training are written at the end of each epoch, too.
        interval: n, to write those of every n-th batch; None for none.
    """

    model: Any
    async_safe = True  # says to Keras 3 that batches may be told from another thread
    _supports_tf_logs = True  # says to Keras 2 that metrics need not be made numbers

    def __init__(self, run: Recorder, epochs: bool, interval: int | None) -> None:
        super().__init__()
        self.run, self.epochs, self.interval = run, epochs, interval
        self.step = 0  # of the last point: batches trained if there is an interval, else the epoch
        self._at_once = 1  # batches that Keras tells in one
        self._batches = 0  # of this epoch
        self._first = 0  # batches trained before this epoch
        self._told = -1  # the last step of which a batch told the metrics
        self._rows: list[tuple[int, int, Mapping[str, Any]]] = []
        self._written = time.monotonic()
        self.begun: tuple[int, Any] | None = None  # an epoch whose end others hear of first
        self._lock = Lock()
        self._is_over = False  # what is told now, by another thread, comes late
        self._guard = guarded("keras: metrics", lambda: run.name, run.silent)

    def on_train_begin(self, logs: Any = None) -> None:
        """See how many batches the model was trained with before."""
        with self._guard:
            if self.interval is not None:
                background.before_waiting(self.flush)
                self._first = int(_plain(self.model.optimizer.iterations))
                self._at_once = int(_either(self.model, "steps_per_execution") or 1)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Keep one batch."""
        if self.interval is None:
            return
        with self._guard:
            step = self._first + int(batch) + 1
            with self._lock:
                self._batches = max(self._batches, int(batch) + 1)
                if logs and step % self.interval < self._at_once:
                    self._told = max(self._told, step)
                    self._rows.append((step, now(), logs))
                is_recent = time.monotonic() < self._written + MOST_SECONDS
                if len(self._rows) < MOST_ROWS and is_recent and not self._is_over:
                    return
            self.flush()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write one epoch: what the callbacks before this one made of its metrics."""
        self.begun = None
        with self._guard:
            self.flush()
            self._first += self._batches
            self._batches = 0
            self.step = int(epoch) if self.interval is None else self._first
            metrics = numbers(logs or {})
            for name in [name for name in metrics if name.startswith("val_")]:
                metrics["validation_" + name.removeprefix("val_")] = metrics[name]
            if "learning_rate" not in metrics and (rate := _learning_rate(self.model)) is not None:
                metrics["learning_rate"] = rate
            # Batches tell the rest, or have just done so.
            if not self.epochs or self._told == self.step:
                metrics = {key: metrics[key] for key in metrics if key.startswith(BY_EPOCH)}
            self.run.log_metrics(metrics, self.step)

    def close(self) -> None:
        """The training is over; a callback of the user's may have ended it, before this one's turn."""
        self._is_over = True
        background.not_before_waiting(self.flush)
        if self.begun is not None:
            self.on_epoch_end(*self.begun)
        self.flush()

    def flush(self) -> None:
        """Have the batches that wait written."""
        with self._lock:
            rows, self._rows = self._rows, []
            self._written = time.monotonic()
        if rows:
            self.run.later(self._write, rows)

    def _write(self, rows: list[tuple[int, int, Mapping[str, Any]]]) -> None:
        rows.sort(key=lambda row: row[0])
        self.run.log_steps([(step, time, numbers(logs)) for step, time, logs in rows])

    def _implements_train_batch_hooks(self) -> bool:  # asked by Keras 2
        return self.interval is not None


class Forerunner:
    """Mixed in likewise; comes before the user's callbacks, and tells the curve of each epoch.

    Args:
        curve: comes behind them.
    """

    async_safe = True
    _supports_tf_logs = True

    def __init__(self, curve: Curve) -> None:
        super().__init__()
        self.curve = curve

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Keep hold of the metrics, which the user's callbacks may add to."""
        self.curve.begun = epoch, logs


def numbers(logs: Mapping[str, Any]) -> dict[str, float]:
    """Those of the metrics that are numbers."""
    found: dict[str, float] = {}
    for key, value in logs.items():
        if isinstance(value, dict):
            found.update(numbers(value))
            continue
        try:
            found[str(key)] = float(value)
        except (TypeError, ValueError):
            continue
    return found


def _learning_rate(model: Any) -> float | None:
    optimizer = model.optimizer
    rate = getattr(optimizer, "_learning_rate", None)
    # Of a schedule, Keras 2 gives as `learning_rate` what was used for the batch before.
    rate = (
        rate(optimizer.iterations) if callable(rate) else getattr(optimizer, "learning_rate", None)
    )
    return None if rate is None else float(_plain(rate))


def _plain(variable: Any) -> Any:
    """The number that a variable holds: one on several devices does not turn into it by itself."""
    return variable.numpy() if hasattr(variable, "numpy") else variable


def _either(model: Any, name: str) -> Any:
    """An attribute that is private in Keras 2."""
    return getattr(model, name, None) or getattr(model, "_" + name, None)
