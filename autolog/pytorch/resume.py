"""A fit that goes on from a checkpoint goes on in the run that wrote it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autolog.engine.recorder import Recorder

CHECKPOINTS = "autolog.checkpoints"  # the tag with the folder that the user's checkpoints go to
NEWEST = 200  # runs that wrote to one folder which are looked at


def checkpoint_folder(trainer: Any) -> str:
    """Where the trainer's own checkpoints go; empty if it saves none."""
    folder = getattr(trainer.checkpoint_callback, "dirpath", None)
    return os.path.abspath(folder) if folder else ""


def checkpoint_path(trainer: Any, given: Any) -> str:
    """The file that ``ckpt_path`` means; empty if there is none."""
    callback = trainer.checkpoint_callback
    if given == "best":
        return getattr(callback, "best_model_path", "") or ""
    if given == "last":
        folder = getattr(callback, "dirpath", None)
        default = str(Path(folder, "last.ckpt")) if folder else ""
        return getattr(callback, "last_model_path", "") or default
    return os.fspath(given) if given and given not in ("hpc", "registry") else ""


def run_that_wrote(path: str) -> str | None:
    """The id of the run whose training wrote a checkpoint, if one is known.

    Several runs may have written to its folder: it is the last one begun before the file.
    """
    if not os.path.exists(path) or "'" in path:
        return None
    from core_client import fluent

    found: Any = fluent.search_runs(
        filter_string=f"tags.`{CHECKPOINTS}` = '{os.path.dirname(os.path.abspath(path))}'",
        max_results=NEWEST,
        order_by=["attributes.start_time DESC"],
        output_format="list",
    )
    written = os.path.getmtime(path) * 1000
    return next((run.info.run_id for run in found if run.info.start_time <= written), None)


def log_params(run: Recorder, params: Mapping[str, Any]) -> None:
    """Write params into a run that goes on; those that it has otherwise begin with ``resumed.``."""
    known = run.run.known().data.params
    for prefix in chain(("", "resumed."), (f"resumed-{nth}." for nth in count(2))):
        fitting = {
            name: value
            for name, value in params.items()
            if known.get(f"{run.prefix}{prefix}{name}", str(value)) == str(value)
        }
        run.log_params({f"{prefix}{name}": value for name, value in fitting.items()})
        params = {name: value for name, value in params.items() if name not in fitting}
        if not params:
            return
