"""TensorBoard's logs of a fit, for users who have written none themselves."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from importlib.util import find_spec
from typing import Any

import tensorflow as tf

from autolog.engine.guard import guarded
from autolog.engine.recorder import Recorder
from autolog.keras import callbacks
from autolog.keras.curve import numbers

FOLDER = "tensorboard_logs"


def boards(model: Any, given: Any, run: Recorder, ending: ExitStack) -> list[Any]:
    """The callback that writes them, unless the user has one, or there is no TensorBoard.

    Args:
        model: what is trained.
        given: the user's callbacks.
        run: where they go.
        ending: what is done when the training is over, by whatever end.
    """
    if find_spec("tensorboard") is None or callbacks.has(given, "TensorBoard"):
        return []
    board = callbacks.kind(model, Board)(run)
    ending.callback(board.close)
    return [board]


class Board:
    """What is mixed into the callback class of the model's own Keras.

    Writes what TensorBoard's callback writes of each epoch, and no graph.

    Args:
        run: where it goes.
    """

    async_safe = True  # says to Keras 3 that batches may be told from another thread
    _supports_tf_logs = True  # says to Keras 2 that metrics need not be made numbers

    def __init__(self, run: Recorder) -> None:
        super().__init__()
        self.run = run
        self._folder = tempfile.TemporaryDirectory(prefix="autolog-board-")
        self._writers: dict[str, Any] = {}
        self._guard = guarded("tensorflow: TensorBoard's logs", lambda: run.name, run.silent)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write one epoch."""
        with self._guard:
            for key, value in numbers(logs or {}).items():
                part = "validation" if key.startswith("val_") else "train"
                with self._writer(part).as_default():
                    name = key.removeprefix("val_")
                    tf.summary.scalar(f"epoch_{name}", value, step=int(epoch))

    def close(self) -> None:
        """Keep what was written."""
        with self._guard:
            for writer in self._writers.values():
                writer.close()
            if self._writers:
                self.run.log_artifacts(self._folder.name, self.run.prefix + FOLDER)
            self._folder.cleanup()

    def _writer(self, part: str) -> Any:
        if part not in self._writers:
            folder = f"{self._folder.name}/{part}"
            self._writers[part] = tf.summary.create_file_writer(folder)
        return self._writers[part]
