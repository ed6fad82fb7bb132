"""What Lightning calls while it trains: records a fit from within, on rank zero."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial, wraps
from multiprocessing.context import get_spawning_popen
from typing import Any, TypeVar, cast

import torch

from autolog.checkpoints import Checkpoints
from autolog.engine.guard import guarded, notice
from autolog.engine.options import Options
from autolog.engine.recorder import Recorder
from autolog.engine.session import Session, current
from autolog.pytorch import datasets, params, summary
from autolog.pytorch.forwards import Forwards
from autolog.pytorch.resume import CHECKPOINTS, checkpoint_folder, log_params
from autolog.pytorch.values import Values

H = TypeVar("H", bound=Callable[..., None])


def unharmed(hook: H) -> H:
    """A hook whose faults are told, and never reach the training."""

    @wraps(hook)
    def call(self: Any, *args: Any) -> None:
        with guarded(f"pytorch: {hook.__name__}", lambda: self.run.name, self.run.silent):
            hook(self, *args)

    return cast("H", call)


class Idle:
    """A callback of Lightning, of either package, that does nothing and leaves no trace."""

    state_key = "autolog"
    _legacy_state_key = "autolog"
    # Lightning passes over a hook that is None. These are those of every step, found at once.
    on_train_batch_start: Any = None
    on_train_batch_end: Any = None
    on_before_zero_grad: Any = None
    on_before_backward: Any = None
    on_after_backward: Any = None
    on_before_optimizer_step: Any = None

    def state_dict(self) -> dict[str, Any]:
        """Nothing of ours goes into a checkpoint."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """There is none."""

    def on_save_checkpoint(self, trainer: Any, module: Any, checkpoint: dict[str, Any]) -> None:
        """Nothing of ours goes into a checkpoint."""

    def on_load_checkpoint(self, trainer: Any, module: Any, checkpoint: dict[str, Any]) -> None:
        """There is none."""

    def __getattr__(self, name: str) -> Any:
        """Nor have we use for the other hooks."""
        if name.startswith("on_") or name in ("setup", "teardown"):
            return None
        raise AttributeError(name)


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
        self._values = Values(run)
        self._checkpoints = Checkpoints(run, options, ".pth")
        self._every = options.log_every_n_step or 0  # steps
        self._by_batches = options.checkpoint and options.checkpoint_save_freq != "epoch"
        self._step_names: set[str] = set()  # recorded by step
        self._epoch_names: set[str] = set()  # recorded by epoch
        self._seen: dict[str, Any] = {}  # the values last recorded by epoch
        self._before: dict[str, Any] = {}  # those from before a validation
        self._several = False  # validations in one epoch
        self._has_data = False  # the datasets are written
        self._in_epoch = False  # a batch has begun that was not looked at yet
        self._completed = 0  # batches before that one
        self._epoch_over, self._epoch = False, 0

    def among(self, callbacks: list[Any]) -> list[Any]:
        """These callbacks with ours before and after them."""
        return [Early(self), *callbacks, self]

    def __reduce__(self) -> tuple[Any, ...]:
        return _elsewhere(Watcher, self.run, self.options, self.names, self.resumed)

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
            write(_params(trainer, module))
        with self._guarded("model_summary.txt"):
            run.later(run.log_text, summary.text(module), "model_summary.txt")
        if self.options.log_models and self.options.log_model_signatures:
            with self._guarded("signature"):
                self.forwards = Forwards(module)

    @unharmed
    def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
        """Save a checkpoint if one is due; the epoch's metrics are not all worked out yet."""
        self._after_step(trainer)
        self._in_epoch, self._epoch_over, self._epoch = False, True, trainer.current_epoch
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
        if trainer.sanity_checking:
            return
        fresh = changed(_known(trainer), self._before)
        self._epoch_names.update(fresh)
        self._several = self._several or not trainer.is_last_batch
        if self._several:
            by_step = {f"{name}_step": value for name, value in fresh.items()}
            self._values.add(trainer.global_step, by_step)

    @unharmed
    def on_train_end(self, trainer: Any, module: Any) -> None:
        """Write the last epoch, and where the training was stopped early."""
        self.after_epoch(trainer)
        self._stop()
        for number, one in enumerate(early_stopping(trainer), 1):
            values = _stopped(one)
            if values:
                self.run.log_metrics({_numbered(number, k): v for k, v in values.items()})

    @unharmed
    def on_exception(self, trainer: Any, module: Any, exception: BaseException) -> None:
        """Write what there is."""
        if self._completed != _completed(trainer):  # it was not the batch itself that failed
            self._after_step(trainer)
        self._stop()

    def before_validation(self, trainer: Any) -> None:
        """Remember what there was before, to know what it gave."""
        self._before = dict(_known(trainer))

    def before_batch(self, trainer: Any, batch: Any) -> bool:
        """Write what the step before this batch gave. False if there is no need of more calls."""
        if not self._has_data:
            self._has_data = True
            if self.options.log_datasets:
                self._log_datasets(trainer, batch)
        self._after_step(trainer)
        self._in_epoch, self._completed = True, _completed(trainer)
        return bool(self._every or self._by_batches)

    def _after_step(self, trainer: Any) -> None:
        """The batch is over, and all that it gave has been worked out by Lightning."""
        if not self._in_epoch:
            return
        self._in_epoch = False
        step: int = trainer.global_step
        if self._every and self._is_due(step, trainer):
            found = _known(trainer)
            values = {
                name: value
                for name, value in found.items()
                if name not in self._epoch_names and f"{name}_step" not in found
            }
            self._step_names.update(values)
            self._values.add(step, values)
        if self._by_batches and is_whole(trainer):
            self._checkpoints.after_step(
                trainer.current_epoch, trainer.global_step, *self._checkpointing(trainer)
            )

    def _is_due(self, step: int, trainer: Any) -> bool:
        """Whether the step is one of every n-th; each optimizer counts as one in Lightning."""
        if self._every == 1:
            return True
        return (step // max(1, len(trainer.optimizers)) + 1) % self._every == 0

    def after_epoch(self, trainer: Any) -> None:
        """Lightning has worked out the metrics of the epoch in all processes."""
        if not self._epoch_over:
            return
        self._epoch_over = False
        found = dict(_known(trainer))
        # What did not change is of an earlier epoch: not every epoch is validated.
        fresh = changed(found, self._seen)
        values = {name: value for name, value in fresh.items() if name not in self._step_names}
        self._epoch_names.update(values)
        self._seen = found
        if (self._epoch + 1) % self.options.log_every_n_epoch == 0:
            self._values.add(self._epoch, values)

    def _checkpointing(self, trainer: Any) -> tuple[Any, Any]:
        """The metrics to decide by, and what saves a checkpoint to a path."""

        def metrics() -> Mapping[str, Any]:
            # In one process the epoch's own can be worked out early; else that takes all of them.
            alone = trainer.world_size == 1
            found: Mapping[str, Any] = trainer.callback_metrics if alone else _known(trainer)
            return found

        def save(path: str) -> None:
            # Trainer.save_checkpoint would wait for the other processes.
            weights_only = self._checkpoints.weights_only
            torch.save(trainer._checkpoint_connector.dump_checkpoint(weights_only), path)

        return metrics, save

    def _log_datasets(self, trainer: Any, batch: Any) -> None:
        with self._guarded("datasets"):
            train, val = trainer.train_dataloader, trainer.val_dataloaders
            inputs = datasets.describe_all(train, self.names["train"], "train", batch)
            inputs += datasets.describe_all(val, self.names["eval"], "eval")
            self.run.log_inputs(inputs)

    def _stop(self) -> None:
        self._values.flush()
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
        return _elsewhere(Early, self.watcher)

    @unharmed
    def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, batch_idx: int) -> None:
        """By now Lightning has worked out what the last step gave."""
        if not (trainer.is_global_zero and self.watcher.before_batch(trainer, batch)):
            self.__dict__["on_train_batch_start"] = None  # not called again

    @unharmed
    def on_train_epoch_start(self, trainer: Any, module: Any) -> None:
        """By now it has worked out the metrics of the last epoch."""
        if trainer.is_global_zero:
            self.watcher.after_epoch(trainer)

    @unharmed
    def on_validation_start(self, trainer: Any, module: Any) -> None:
        """What comes now is of the validation."""
        if trainer.is_global_zero:
            self.watcher.before_validation(trainer)


def early_stopping(trainer: Any) -> list[Any]:
    """The trainer's callbacks that stop it early, of whichever package."""
    return [
        callback
        for callback in trainer.callbacks
        if any(kind.__name__ == "EarlyStopping" for kind in type(callback).__mro__)
    ]


def is_whole(trainer: Any) -> bool:
    """Whether this process alone has all of the model and of the optimizers' state."""
    if trainer.world_size == 1:
        return True
    replicated = any(kind.__name__ == "DDPStrategy" for kind in type(trainer.strategy).__mro__)
    return replicated and not any(
        hasattr(optimizer, "consolidate_state_dict") for optimizer in trainer.optimizers
    )


def _elsewhere(kind: type[Idle], *what: Any) -> tuple[Any, ...]:
    """How a callback of ours pickles: it goes on in a process that the fit starts."""
    if get_spawning_popen() is None:  # a trainer that is copied, or written to a file
        return Idle, ()
    return kind, what


def _known(trainer: Any) -> Mapping[str, Any]:
    """The metrics that Lightning has worked out so far.

    The public `callback_metrics` works out the others too, which takes all processes together:
    asked on rank zero alone, it would wait for ever.
    """
    known: Mapping[str, Any] = trainer._logger_connector._callback_metrics
    return known


def _completed(trainer: Any) -> int:
    """Batches of the epoch that Lightning is done with."""
    count: int = trainer.fit_loop.epoch_loop.batch_progress.current.completed
    return count


def changed(now: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """The values that have been worked out since."""
    return {name: value for name, value in now.items() if value is not before.get(name)}


def _params(trainer: Any, module: Any) -> dict[str, Any]:
    """All params of a fit."""
    found = {"epochs": trainer.max_epochs, **params.of_optimizers(trainer.optimizers)}
    found |= params.of_schedulers(config.scheduler for config in trainer.lr_scheduler_configs)
    for number, one in enumerate(early_stopping(trainer), 1):
        found |= {
            _numbered(number, name): getattr(one, name)
            for name in ("monitor", "mode", "patience", "min_delta", "stopped_epoch")
            if hasattr(one, name)
        }
    found |= params.of_trainer(trainer)
    for owner in (module, trainer.datamodule):
        for name, value in params.of_hyper_parameters(owner).items():
            key = name if found.get(name, value) == value else f"hparams.{name}"
            found[key] = value
    return found


def _numbered(number: int, name: str) -> str:
    return name if number == 1 else f"early_stopping_{number}.{name}"


def _stopped(callback: Any) -> dict[str, float]:
    """Where an EarlyStopping ended the training; nothing if it did not."""
    if not callback.stopped_epoch:
        return {}
    return {
        "stopped_epoch": callback.stopped_epoch,
        "restored_epoch": callback.stopped_epoch - max(1, callback.patience),
        "best_score": float(callback.best_score),
        "wait_count": callback.wait_count,
    }
