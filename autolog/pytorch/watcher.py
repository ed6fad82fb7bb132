"""What Lightning calls while it trains: records a fit from within, on rank zero."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial, wraps
from typing import Any, TypeVar, cast

import torch

from autolog.checkpoints import Checkpoints
from autolog.engine.guard import guarded, notice, report
from autolog.engine.options import Options
from autolog.engine.recorder import Recorder
from autolog.engine.session import Session, current
from autolog.pytorch import datasets, summary
from autolog.pytorch.forwards import Forwards
from autolog.pytorch.idle import Idle, elsewhere
from autolog.pytorch.metrics import Metrics
from autolog.pytorch.resume import CHECKPOINTS, checkpoint_folder, log_params
from autolog.pytorch.trainer import is_whole, params, stops

H = TypeVar("H", bound=Callable[..., None])


def unharmed(hook: H) -> H:
    """A hook whose faults are told, and never reach the training."""

    @wraps(hook)
    def call(self: Any, *args: Any) -> None:
        try:
            hook(self, *args)
        except Exception as error:  # noqa: BLE001 - the training goes on
            _tell(hook.__name__, error, self.run)

    return cast("H", call)


def _tell(hook: str, error: Exception, run: Recorder) -> None:
    report(f"pytorch: {hook}", error, lambda: run.name, run.silent)


class Watcher(Idle):
    """Records one fit. In a process that the fit starts it goes on, for the rank zero.

    Args:
        run: where to.
        options: of PyTorch's autologging.
        names: of the datasets, as the user calls them: for training and for evaluation.
        resumed: whether an earlier fit was recorded there, which this one goes on with.
    """

    def __init__(
        self, run: Recorder, options: Options, names: Mapping[str, str], resumed: bool
    ) -> None:
        self.run, self.options, self.names, self.resumed = run, options, names, resumed
        self.forwards: Forwards | None = None  # of the trained module
        self._metrics = Metrics(run, options.log_every_n_epoch)
        self._every = options.log_every_n_step or 0  # steps
        self._checkpoints = Checkpoints(run, options, ".pth")
        self._by_step = self._checkpoints.by_step
        self._trainer: Any = None
        self._steps: Any = None  # Lightning's count of them; None if the module makes them itself
        self._optimizers = 1  # each of which counts as one in Lightning
        self.in_batch = False  # one has begun, and what it gave was not written yet
        self._epoch_over, self._epoch = False, 0

    def among(self, callbacks: list[Any]) -> list[Any]:
        """These callbacks with ours before and after them."""
        early = EachStep if self._every or self._by_step else Early
        return [early(self), *callbacks, self]

    def __reduce__(self) -> tuple[Any, ...]:
        return elsewhere(Watcher, self.run, self.options, self.names, self.resumed)

    @unharmed
    def on_train_start(self, trainer: Any, module: Any) -> None:
        """Write what is known before the first batch."""
        if current.get() is None:  # in a process that the fit has started, all is part of the fit
            current.set(Session("pytorch", self.options, None))
        if not trainer.is_global_zero:
            self.__class__ = Idle  # type: ignore[assignment]
            return
        run = self.run
        with self._guarded("tags"):
            run.within("").set_tag("Mode", "training")
            folder = checkpoint_folder(trainer)
            if folder:
                run.within("").set_tag(CHECKPOINTS, folder)
        with self._guarded("params"):
            write = partial(log_params, run) if self.resumed else run.log_params
            write(params(trainer, module))
        with self._guarded("model_summary.txt"):
            run.later(run.log_text, summary.text(module), "model_summary.txt")
        if self.options.log_models and self.options.log_model_signatures:
            with self._guarded("signature"):
                self.forwards = Forwards(module)

    @unharmed
    def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, batch_idx: int) -> None:
        """Write what the data is, by the first batch."""
        self.__dict__["on_train_batch_start"] = None  # not called again
        if self.options.log_datasets:
            with self._guarded("datasets"):
                train, val = trainer.train_dataloader, trainer.val_dataloaders
                inputs = datasets.describe_all(train, self.names["train"], "train", batch)
                inputs += datasets.describe_all(val, self.names["eval"], "eval")
                self.run.log_inputs(inputs)

    @unharmed
    def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
        """Save a checkpoint if one is due; the epoch's metrics are not all worked out yet."""
        self._leave_batch()
        self._epoch_over, self._epoch = True, trainer.current_epoch
        if is_whole(trainer):
            self._checkpoints.after_epoch(
                trainer.current_epoch, trainer.global_step, *self._checkpointing(trainer)
            )
        elif self.options.checkpoint or self.options.log_models:
            notice(
                "autolog: no checkpoints and no model are kept of this training: its state is "
                f"spread over several processes by {type(trainer.strategy).__name__}.",
                self.run.silent,
            )

    @unharmed
    def on_validation_end(self, trainer: Any, module: Any) -> None:
        """Note what is of validation; write it by step, too, if there are several in an epoch."""
        if not trainer.sanity_checking:
            self._metrics.after_validation(trainer.global_step, trainer.is_last_batch)

    @unharmed
    def on_train_end(self, trainer: Any, module: Any) -> None:
        """Write the last epoch, and where the training was stopped early."""
        self.after_epoch()
        self._stop()
        self.run.log_metrics(stops(trainer))

    @unharmed
    def on_exception(self, trainer: Any, module: Any, exception: BaseException) -> None:
        """Write what there is."""
        batches = trainer.fit_loop.epoch_loop.batch_progress.current
        if batches.completed == batches.ready:  # it was not the batch itself that failed
            self._leave_batch()
        self._stop()

    def before_training(self, trainer: Any, module: Any) -> None:
        """Nothing is logged yet."""
        self._trainer = trainer
        if module.automatic_optimization:
            progress = trainer.fit_loop.epoch_loop.automatic_optimization.optim_progress
            self._steps = progress.optimizer.step.total
        self._optimizers = max(1, len(trainer.optimizers))
        # A dictionary that Lightning goes on filling. To ask for it later would have it work out
        # what it has not yet, which takes time and, for some metrics, all processes.
        self._metrics.known = trainer.callback_metrics

    def before_validation(self) -> None:
        """What is known now is not of the validation."""
        self._metrics.before_validation()

    def after_batch(self) -> None:
        """Write what a batch gave: by now all of it has been worked out by Lightning."""
        # Not `trainer.global_step`, if possible: it takes as long as all else here.
        step = self._trainer.global_step if self._steps is None else self._steps.completed
        every = self._every
        if every == 1 or (every and (step // self._optimizers + 1) % every == 0):
            self._metrics.after_step(step)
        if self._by_step and is_whole(self._trainer):
            epoch = self._trainer.current_epoch
            self._checkpoints.after_step(epoch, step, *self._checkpointing(self._trainer))

    def _leave_batch(self) -> None:
        """The last batch is over, unless none has begun, or what it gave is written already."""
        if self.in_batch:
            self.in_batch = False
            self.after_batch()

    def after_epoch(self) -> None:
        """Lightning has worked out the metrics of the epoch in all processes."""
        if self._epoch_over:
            self._epoch_over = False
            self._metrics.after_epoch(self._epoch)

    def _checkpointing(self, trainer: Any) -> tuple[Any, Any]:
        """The metrics to decide by, and what saves a checkpoint to a path."""

        def metrics() -> Any:
            # In one process the epoch's own can be worked out early; else that takes all of them.
            alone = trainer.world_size == 1
            return trainer.callback_metrics if alone else self._metrics.known

        def save(path: str) -> None:
            # Trainer.save_checkpoint would wait for the other processes.
            weights_only = self._checkpoints.weights_only
            torch.save(trainer._checkpoint_connector.dump_checkpoint(weights_only), path)

        return metrics, save

    def _stop(self) -> None:
        self._metrics.flush()
        if self.forwards is not None:
            self.forwards.stop()

    def _guarded(self, what: str) -> guarded:
        return guarded(f"pytorch: {what}", lambda: self.run.name, self.run.silent)


class Early(Idle):
    """The part of a watcher that comes before the user's callbacks, which may add metrics.

    Args:
        watcher: the other part.
    """

    state_key = "autolog-early"

    def __init__(self, watcher: Watcher) -> None:
        self.watcher, self.run = watcher, watcher.run

    def __reduce__(self) -> tuple[Any, ...]:
        return elsewhere(type(self), self.watcher)

    @unharmed
    def on_train_start(self, trainer: Any, module: Any) -> None:
        """Of several processes the first records."""
        if trainer.is_global_zero:
            self.watcher.before_training(trainer, module)
        else:
            self.__class__ = Idle  # type: ignore[assignment]

    @unharmed
    def on_train_epoch_start(self, trainer: Any, module: Any) -> None:
        """By now it has worked out the metrics of the last epoch."""
        self.watcher.after_epoch()

    @unharmed
    def on_validation_start(self, trainer: Any, module: Any) -> None:
        """What comes now is of the validation."""
        self.watcher.before_validation()


class EachStep(Early):
    """An early part that is told of each batch."""

    @property
    def on_train_batch_start(self) -> None:
        """Looked up by Lightning before each batch, when it has worked out what the last step gave.

        This is all that is needed: to be called takes Lightning longer than what is done here.
        """
        watcher = self.watcher
        try:
            if watcher.in_batch:
                watcher.after_batch()
            else:
                watcher.in_batch = True
        except Exception as error:  # noqa: BLE001 - the training goes on
            _tell("on_train_batch_start", error, self.run)
