"""One call of `Trainer.fit`: what is watched of it, and what is kept when it is over."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autolog.engine.guard import guarded
from autolog.engine.names import variable
from autolog.engine.origins import ById
from autolog.pytorch import datasets, resume, values
from autolog.pytorch.idle import Idle
from autolog.pytorch.loops import here
from autolog.pytorch.metrics import changed
from autolog.pytorch.trainer import early_stopping, is_whole
from autolog.pytorch.watcher import Watcher

if TYPE_CHECKING:
    from autolog.engine.call import Call
    from autolog.engine.recorder import Recorder

_fitted = ById()  # Recorder of the last fit, by trainer and by module


class Fit:
    """A call of `Trainer.fit`.

    Args:
        call: the call.
    """

    def __init__(self, call: Call) -> None:
        self.call, self.trainer = call, call.instance
        given = call.arguments
        model = given["model"]
        self.module = getattr(model, "_orig_mod", model)  # below torch.compile
        path = resume.checkpoint_path(self.trainer, given["ckpt_path"])
        written_by = resume.run_that_wrote(path) if path else None
        if written_by:
            call.resume(written_by)
        resumed = call.run.run_id == written_by
        before: Recorder | None = _fitted.get(self.trainer) or _fitted.get(self.module)
        if resumed and before is not None and before.run_id == written_by:
            self.run = call.run.within(before.prefix)
        else:
            self.run = call.scope(type(self.module).__name__)
        for known in (self.trainer, self.module):
            _fitted.put(known, self.run)
        self.watcher = Watcher(self.run, call.options, _names(call), resumed)

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Have Lightning tell us of the training. The list of callbacks is the user's."""
        trainer, callbacks = self.trainer, self.trainer.callbacks
        ours = trainer.callbacks = self.watcher.among(callbacks)
        try:
            with here().silenced():
                yield
        finally:
            if trainer.callbacks is ours:
                trainer.callbacks = callbacks
            else:  # the module has brought some of its own
                trainer.callbacks = [x for x in trainer.callbacks if not isinstance(x, Idle)]

    def after(self) -> None:
        """Keep the best checkpoint of a training that may have stopped early, and the model."""
        run, trainer, options = self.run, self.trainer, self.call.options
        if not options.log_models or not is_whole(trainer):
            return
        best = getattr(trainer.checkpoint_callback, "best_model_path", "")
        if best and early_stopping(trainer) and Path(best).exists():
            run.log_artifact(best, f"{run.prefix}restored_model_checkpoint")
        forwards = self.watcher.forwards
        signature = forwards.signature if forwards is not None else None
        run.log_model(self.module, flavor="pytorch", signature=signature)
        run.register_model(options.registered_model_name)


class Evaluation:
    """A call of `Trainer.test` or `Trainer.validate`.

    Args:
        call: the call.
    """

    def __init__(self, call: Call) -> None:
        self.call, self.trainer = call, call.instance
        self._before = dict(self.trainer.callback_metrics)

    def log(self, mode: str, loaders: Any, step: int) -> None:
        """Write its metrics, when it is over.

        Args:
            mode: for the tag ``Mode``.
            loaders: of the data.
            step: of the metrics.
        """
        run = _run_of(self.call)
        run.within("").set_tag("Mode", mode)
        found = changed(self.trainer.callback_metrics, self._before)
        run.later(values.Values(run).write, [(step, time.time_ns(), found)], {})
        if self.call.options.log_datasets:
            with guarded("pytorch: datasets", lambda: run.name, run.silent):
                name = _names(self.call)["eval"]
                run.log_inputs(datasets.describe_all(loaders, name, "eval"))


def _run_of(call: Call) -> Recorder:
    """Where the training was recorded, unless another run is active; else a new run."""
    from core_client import context

    module = call.instance.lightning_module
    known: Recorder | None = _fitted.get(call.instance) or _fitted.get(module)
    active = context.active_run()
    if known is not None and (active is None or active.run_id == known.run_id):
        return known
    return call.run


def _names(call: Call) -> Mapping[str, str]:
    """What the user calls the data: a variable's name, or else the class of the datamodule."""
    given = call.arguments
    train = given.get("train_dataloaders")
    val = given.get("val_dataloaders", given.get("dataloaders"))
    module = given.get("datamodule")
    other = "dataset" if module is None else type(module).__name__
    caller = call.caller
    return {
        "train": variable(train, caller, other) if train is not None else other,
        "eval": variable(val, caller, other) if val is not None else other,
    }
