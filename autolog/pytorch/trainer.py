"""What a Trainer of Lightning says of itself and of its module: params, and where it stopped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autolog.pytorch.params import SCALARS, is_plain_list, of_optimizers, of_schedulers

# Arguments of the Trainer, as it keeps them.
ARGUMENTS = (
    "accumulate_grad_batches", "check_val_every_n_epoch", "fast_dev_run", "gradient_clip_algorithm",
    "gradient_clip_val", "limit_train_batches", "limit_val_batches", "max_epochs", "max_steps",
    "min_epochs", "min_steps", "num_devices", "num_nodes", "overfit_batches", "precision",
    "val_check_interval", "world_size",
)  # fmt: skip
STOPPING = ("monitor", "mode", "patience", "min_delta", "stopped_epoch")


def params(trainer: Any, module: Any) -> dict[str, Any]:
    """All params of a fit, when its optimizers are there."""
    found = {"epochs": trainer.max_epochs, **of_optimizers(trainer.optimizers)}
    found |= of_schedulers(config.scheduler for config in trainer.lr_scheduler_configs)
    for number, one in enumerate(early_stopping(trainer), 1):
        settings = {name: getattr(one, name) for name in STOPPING if hasattr(one, name)}
        found |= _numbered(number, settings)
    arguments = {name: getattr(trainer, name, None) for name in ARGUMENTS}
    found |= {name: value for name, value in arguments.items() if value is not None}
    found["strategy"] = type(trainer.strategy).__name__
    found["accelerator"] = type(trainer.accelerator).__name__
    for owner in (module, trainer.datamodule):
        for name, value in _flat(getattr(owner, "hparams", None) or {}).items():
            key = name if found.get(name, value) == value else f"hparams.{name}"
            found[key] = value
    return found


def stops(trainer: Any) -> dict[str, float]:
    """Where each EarlyStopping ended the training; nothing of those that did not."""
    found: dict[str, float] = {}
    for number, one in enumerate(early_stopping(trainer), 1):
        if one.stopped_epoch:
            about = {
                "stopped_epoch": one.stopped_epoch,
                "restored_epoch": one.stopped_epoch - max(1, one.patience),
                "best_score": float(one.best_score),
                "wait_count": one.wait_count,
            }
            found |= _numbered(number, about)
    return found


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


def _numbered(number: int, values: Mapping[str, Any]) -> dict[str, Any]:
    """What a first one is called plainly, of a second one begins ``early_stopping_2.``."""
    prefix = "" if number == 1 else f"early_stopping_{number}."
    return {f"{prefix}{name}": value for name, value in values.items()}


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """What ``save_hyperparameters`` keeps, as far as it is plain; dictionaries by dotted names."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{name}.")
        elif value is None or isinstance(value, SCALARS) or is_plain_list(value):
            found[f"{prefix}{name}"] = value
    return found
