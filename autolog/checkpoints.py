"""Checkpoints of a training: when one is due, where it goes in the run, how it is found again."""

from __future__ import annotations

import contextlib

from autolog.engine.guard import guarded, notice
from core_client.exceptions import invalid, missing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import Any

    from autolog.engine.options import Options
    from autolog.engine.recorder import Recorder

    Metrics = Callable[[], Mapping[str, Any]]
    Save = Callable[[str], object]

FOLDER = "checkpoints"
DEFAULT_MONITOR = "val_loss"  # what nobody has chosen, a training without validation need not have
LATEST = "mlflow.latest_checkpoint_artifact"  # the tag that names the newest one's file
WEIGHTS = ".weights"  # before the ending of a file that holds the weights alone


def checked(values: dict[str, Any]) -> dict[str, Any]:
    """The keywords of an `autolog(...)` that has those about checkpoints.

    Raises:
        MlflowException: one of these has a value that it cannot have.
    """
    mode, freq = values["checkpoint_mode"], values["checkpoint_save_freq"]
    if mode not in ("min", "max"):
        raise invalid(f"checkpoint_mode is 'min' or 'max', not {mode!r}.")
    if freq != "epoch" and (not isinstance(freq, int) or isinstance(freq, bool) or freq < 1):
        raise invalid(f"checkpoint_save_freq is 'epoch' or a number of steps, not {freq!r}.")
    if values["checkpoint_save_best_only"] and not values["checkpoint_monitor"]:
        raise invalid("checkpoint_save_best_only=True needs checkpoint_monitor, a metric's name.")
    return values


class Checkpoints:
    """The checkpoints of one training. No method raises, whatever `metrics` and `save` do.

    Args:
        run: where they go.
        options: of the framework; those whose names begin with ``checkpoint``.
        suffix: the ending of the files, such as ``.h5``; it says the format.
    """

    def __init__(self, run: Recorder, options: Options, suffix: str) -> None:
        self.run, self.suffix = run, suffix
        self.weights_only = bool(options.checkpoint_save_weights_only)
        freq = options.checkpoint_save_freq if options.checkpoint else None
        self._by_epoch = freq == "epoch"
        self._every = freq if isinstance(freq, int) else 0  # steps
        self._monitor, self._mode = options.checkpoint_monitor, options.checkpoint_mode
        self._best_only = options.checkpoint_save_best_only
        self._best: float | None = None
        self._step = 0  # the last one that was looked at

    @property
    def by_step(self) -> bool:
        """Whether they are saved after so many batches, in the midst of an epoch."""
        return self._every > 0

    def after_epoch(self, epoch: int, global_step: int, metrics: Metrics, save: Save) -> None:
        """Save a checkpoint if one is due at the end of an epoch.

        Args:
            epoch: its number.
            global_step: batches trained on so far.
            metrics: gives the metrics as they stand, asked only if needed.
            save: writes the model, or what `weights_only` says, to a path that it is given.
        """
        if self._by_epoch:
            self._save(f"epoch_{epoch}", epoch, global_step, metrics, save)

    def after_step(self, epoch: int, global_step: int, metrics: Metrics, save: Save) -> None:
        """Save a checkpoint if one is due after so many batches; arguments as `after_epoch`."""
        if not self.by_step:
            return
        before, self._step = self._step, global_step
        if global_step // self._every > before // self._every:  # several steps may be done at once
            self._save(f"global_step_{global_step}", epoch, global_step, metrics, save)

    def _save(self, name: str, epoch: int, global_step: int, metrics: Metrics, save: Save) -> None:
        from core_client.content import of_dict
        from flavors.trust import signature

        run = self.run
        with guarded(f"{run.framework}: checkpoint", lambda: run.name, run.silent):
            values = _numbers(metrics())
            if not self._is_due(values):
                return
            place = FOLDER if self._best_only else f"{FOLDER}/{name}"
            stem = "latest_checkpoint" if self._best_only else "checkpoint"
            file = f"{stem}{WEIGHTS if self.weights_only else ''}{self.suffix}"
            about = {**values, "epoch": epoch, "global_step": global_step}
            with run.artifact_folder(place, replaces=False) as folder:
                save(str(folder / file))
                signed = signature({file: (folder / file).read_bytes()})
                for beside, data in signed.items():  # so that this user may load it unasked
                    (folder / beside).write_bytes(data)
                (folder / f"{stem}_metrics.json").write_bytes(of_dict(about, ".json"))
            self._best = values.get(self._monitor)
            # The newest of all trainings in the run, hence without the name of this one.
            run.within("").set_tag(LATEST, f"{run.prefix}{place}/{file}")

    def _is_due(self, values: Mapping[str, float]) -> bool:
        if not self._best_only:
            return True
        value = values.get(self._monitor)
        if value is None:
            notice(
                f"autolog: no checkpoints are kept: they are to be of the best "
                f"'{self._monitor}', and the training has only {', '.join(values) or 'no metric'}. "
                "Choose one with checkpoint_monitor=..., or keep every checkpoint with "
                "checkpoint_save_best_only=False, or none with checkpoint=False.",
                self.run.silent or self._monitor == DEFAULT_MONITOR,
            )
            return False
        if self._best is None:
            return value == value  # NaN is no best value
        return value < self._best if self._mode == "min" else value > self._best


def find(
    run_id: str | None = None, epoch: int | None = None, global_step: int | None = None
) -> Path:
    """The file of a checkpoint, on the local disk, with its signature beside it.

    Args:
        run_id: the run; the active one by default.
        epoch: at the end of which it was saved; by default the newest is taken.
        global_step: or after which step.

    Raises:
        MlflowException: there is no such checkpoint.
    """
    import shutil

    from core_client.client import Client
    from core_client.context import active_run
    from flavors.trust import SIGNATURE_FILE

    if epoch is not None and global_step is not None:
        raise invalid("A checkpoint is found by its epoch or by its global_step, not by both.")
    if run_id is None:
        run = active_run()
        if run is None:
            raise invalid("No run is active: say whose checkpoint it is with run_id.")
        run_id = run.run_id
    client = Client()
    newest = client.get_run(run_id).data.tags.get(LATEST)
    if newest is None:
        raise missing(f"The run '{run_id}' has no checkpoint.")
    path = newest
    if epoch is not None or global_step is not None:
        name = f"epoch_{epoch}" if global_step is None else f"global_step_{global_step}"
        above, folder, _ = newest.rpartition(f"{FOLDER}/")
        path = f"{above}{folder}{name}/{newest.rpartition('/')[2]}"
    files = client.artifacts(run_id)
    found = files.local(path)
    beside, copy = f"{path.rpartition('/')[0]}/{SIGNATURE_FILE}", found.parent / SIGNATURE_FILE
    if not copy.exists() and files.has(beside):
        shutil.copyfile(files.local(beside), copy)
    return found


def has_weights_only(checkpoint: Path) -> bool:
    """Whether a checkpoint's file holds the weights alone, as its name says."""
    return checkpoint.stem.endswith(WEIGHTS)


def _numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Those metrics that are numbers: a framework may have others."""
    numbers = {}
    for name, value in metrics.items():
        with contextlib.suppress(TypeError, ValueError):
            numbers[name] = float(value)
    return numbers
