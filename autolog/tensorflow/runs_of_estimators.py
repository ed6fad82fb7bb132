"""Which run an estimator was trained in, and what it keeps of its event files."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from autolog.engine.origins import ById
from autolog.engine.recorder import Recorder
from autolog.tensorflow import summaries
from autolog.tensorflow.events import Point

FOLDER = "tensorboard_logs"

_trained = ById()  # estimators, and the Recorder of each


def remember(estimator: Any, run: Recorder) -> None:
    """The estimator is trained in that run, and its writers, made already or not, write to it."""
    _trained.put(estimator, run)
    for folder in (estimator.model_dir, estimator.eval_dir()):
        summaries.journal_in(folder).belongs_to(run.run)


def known(estimator: Any) -> Recorder | None:
    """Where the estimator was trained, if that was recorded."""
    run: Recorder | None = _trained.get(estimator)
    return run


def log_evaluation(run: Recorder, folder: str, metrics: Mapping[str, Any]) -> None:
    """Record what an evaluation gave, after the run that the training was recorded in.

    Args:
        run: of the training.
        folder: where the evaluation writes its own event files.
        metrics: by their names, with the training's step as ``global_step``.
    """
    step = int(metrics.get("global_step", 0))
    points = [
        Point(time.time(), step, name, float(value))
        for name, value in metrics.items()
        if name != "global_step"
    ]
    summaries.log(run.run, os.path.abspath(folder), points)


def keep_event_files(run: Recorder, estimator: Any) -> None:
    """Keep the event files that belong to the run, as they lie in the estimator's folder."""
    top = os.path.abspath(estimator.model_dir)
    journals = [one for one in summaries.journals_of(run.run) if one.files.folder.startswith(top)]

    def keep() -> None:
        summaries.collect()
        for journal in journals:
            inner = os.path.relpath(journal.files.folder, top)
            place = FOLDER if inner == "." else f"{FOLDER}/{inner}"
            for file in sorted(journal.files.filled):
                run.log_artifact(file, place)

    run.later(keep)
