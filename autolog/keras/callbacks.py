"""Callbacks: ours among the user's, and what the user's tell when the training is over."""

from __future__ import annotations

import copy
import functools
import glob
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autolog.keras.curve import numbers

if TYPE_CHECKING:
    from autolog.engine.call import Call
    from autolog.engine.recorder import Recorder

STOPPING_PARAMS = ("monitor", "min_delta", "patience", "baseline", "restore_best_weights")


def kind(model: Any, mixin: type) -> type:
    """A class of callbacks of ours, as a class of the model's own Keras.

    Args:
        model: a model of Keras 3, Keras 2 or ``tf_keras``.
        mixin: the methods.
    """
    package = next(
        base.__module__.partition(".")[0]
        for base in type(model).__mro__
        if base.__module__.partition(".")[0] in ("keras", "tf_keras")
    )
    return _mixed(mixin, sys.modules[package].callbacks.Callback)


@functools.cache
def _mixed(mixin: type, base: type) -> type:
    return type(mixin.__name__, (mixin, base), {"__module__": mixin.__module__})


def add(call: Call, behind: list[Any], before: list[Any] | None = None) -> None:
    """Put callbacks of ours around the user's, whose own list stays as it is."""
    before, given = before or [], call.arguments["callbacks"]
    if _is_list_of_keras(given):
        whole = copy.copy(given)
        whole.callbacks = [*before, *given.callbacks, *behind]
        for one in (*before, *behind):
            one.set_model(call.instance)
            one.set_params(given.params)
        call.replace("callbacks", whole)
    elif before or behind:
        listed = isinstance(given, list | tuple)
        users = given if listed else [] if given is None else [given]
        call.replace("callbacks", [*before, *users, *behind])


def flat(given: Any) -> list[Any]:
    """The user's callbacks one by one, however they were given."""
    if given is None:
        return []
    if _is_list_of_keras(given):
        given = given.callbacks
    if isinstance(given, list | tuple):
        return [one for part in given for one in flat(part)]
    return [given]


def has(given: Any, name: str) -> bool:
    """Whether one of the user's callbacks is of that class of Keras, or made from it."""
    return any(_is_a(one, name) for one in flat(given))


def _is_list_of_keras(given: Any) -> bool:
    return _is_a(given, "CallbackList")


def _is_a(callback: Any, name: str) -> bool:
    return _base(callback, name) is not None


def _base(callback: Any, name: str) -> Any:
    """The class of that name in Keras that a callback is of, or made from."""
    return next(
        (
            base
            for base in type(callback).__mro__
            if base.__name__ == name and base.__module__.startswith(("keras.", "tf_keras."))
        ),
        None,
    )


def _early_stopping(callbacks: list[Any]) -> Any:
    return next((one for one in callbacks if _is_a(one, "EarlyStopping")), None)


def early_stopping_params(callbacks: list[Any]) -> dict[str, Any]:
    """What the user's early stopping was told, if there is one."""
    stopping = _early_stopping(callbacks)
    if stopping is None:
        return {}
    params = {name: getattr(stopping, name) for name in STOPPING_PARAMS}
    # Keras 2 turns its sign where the metric is to become small.
    return params | {"min_delta": abs(params["min_delta"])}


def log_early_stopping(callbacks: list[Any], history: Any, curve: Any) -> None:
    """Where it stopped the training and, if weights were restored, the metrics of these.

    Args:
        callbacks: the user's.
        history: what fit returned.
        curve: has written the epochs.
    """
    stopping = _early_stopping(callbacks)
    if stopping is None:
        return
    run: Recorder = curve.run
    if stopping.stopped_epoch > 0:  # it never stops after the first epoch
        run.log_metrics({"stopped_epoch": stopping.stopped_epoch})
    best = getattr(stopping, "best_epoch", None)
    if _has_restored(stopping) and best in history.epoch:
        run.log_metrics({"restored_epoch": best})
        index = history.epoch.index(best)
        values = {
            name: points[index]
            for name, points in history.history.items()
            if len(points) == len(history.epoch)
        }
        run.log_metrics(numbers(values), curve.step + 1)


def _has_restored(stopping: Any) -> bool:
    """Whether the best weights are back in the model: Keras 2 leaves it alone if nothing stopped."""
    if not stopping.restore_best_weights or stopping.best_weights is None:
        return False
    package = sys.modules[_base(stopping, "EarlyStopping").__module__.partition(".")[0]]
    return stopping.stopped_epoch > 0 or not package.__version__.startswith("2.")


class Files:
    """What the user's callbacks write during a training: checkpoints, logs for TensorBoard.

    Args:
        callbacks: the user's.
    """

    def __init__(self, callbacks: list[Any]) -> None:
        self.callbacks = callbacks
        self.since = time.time() - 0.01  # clocks of file systems are coarse

    def log(self, run: Recorder) -> None:
        """Keep a copy of all that was written since this object was made."""
        for one in self.callbacks:
            if _is_a(one, "TensorBoard"):
                for path in self._new(Path(os.fspath(one.log_dir))):
                    below = path.parent.relative_to(one.log_dir).as_posix()
                    folder = "tensorboard_logs" if below == "." else f"tensorboard_logs/{below}"
                    run.log_artifact(path, run.prefix + folder)
            elif _is_a(one, "ModelCheckpoint"):
                pattern = re.sub(r"\{.*?\}", "*", glob.escape(os.fspath(one.filepath)))
                # TensorFlow's own format is several files, whose names go on after a dot.
                for name in sorted({*glob.glob(pattern), *glob.glob(f"{pattern}.*")}):
                    self._log_checkpoint(run, Path(name))

    def _log_checkpoint(self, run: Recorder, path: Path) -> None:
        folder = run.prefix + "checkpoints"
        if path.is_file() and self._is_new(path):
            run.log_artifact(path, folder)
        elif path.is_dir() and any(self._new(path)):  # a SavedModel
            run.log_artifacts(path, f"{folder}/{path.name}")

    def _new(self, folder: Path) -> Iterator[Path]:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and self._is_new(path):
                yield path

    def _is_new(self, path: Path) -> bool:
        return path.stat().st_mtime >= self.since
