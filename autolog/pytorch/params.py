"""Params of optimizers and schedulers, as texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

# Arguments of Lightning's Trainer, as it keeps them.
TRAINER = (
    "accumulate_grad_batches", "check_val_every_n_epoch", "fast_dev_run", "gradient_clip_algorithm",
    "gradient_clip_val", "limit_train_batches", "limit_val_batches", "max_epochs", "max_steps",
    "min_epochs", "min_steps", "num_devices", "num_nodes", "overfit_batches", "precision",
    "val_check_interval", "world_size",
)  # fmt: skip
SCALARS = (bool, int, float, str)


def of_optimizers(optimizers: Iterable[Any]) -> dict[str, Any]:
    """Class and hyper-parameters of each optimizer; names of the second begin ``optimizer_2.``.

    Where a group of parameters has another value than the rest, it is ``group_<n>.<name>``.
    """
    params: dict[str, Any] = {}
    for number, optimizer in enumerate(optimizers, 1):
        prefix = "" if number == 1 else f"optimizer_{number}."
        params[f"{prefix}optimizer_name"] = type(optimizer).__name__
        defaults = dict(getattr(optimizer, "defaults", {}))
        params.update({f"{prefix}{name}": value for name, value in defaults.items()})
        for place, group in enumerate(getattr(optimizer, "param_groups", ()), 1):
            for name, value in _chosen(group).items():
                if name not in defaults or value != defaults[name]:
                    params[f"{prefix}group_{place}.{name}"] = value
    return params


def of_schedulers(schedulers: Iterable[Any]) -> dict[str, Any]:
    """Class and settings of each scheduler; names of the second begin ``scheduler_2.``."""
    params: dict[str, Any] = {}
    for number, scheduler in enumerate(schedulers, 1):
        prefix = "scheduler" if number == 1 else f"scheduler_{number}"
        params[f"{prefix}_name"] = type(scheduler).__name__
        for name, value in _settings(scheduler).items():
            params[f"{prefix}.{name}"] = value
    return params


def of_trainer(trainer: Any) -> dict[str, Any]:
    """The arguments of Lightning's Trainer, defaults included."""
    found = {name: getattr(trainer, name, None) for name in TRAINER}
    found["strategy"] = type(trainer.strategy).__name__
    found["accelerator"] = type(trainer.accelerator).__name__
    return {name: value for name, value in found.items() if value is not None}


def of_hyper_parameters(owner: Any) -> dict[str, Any]:
    """What ``save_hyperparameters`` of a module or datamodule keeps, as far as it is plain."""
    return _flat(getattr(owner, "hparams", None) or {})


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{name}.")
        elif value is None or isinstance(value, SCALARS) or _is_plain_list(value):
            found[f"{prefix}{name}"] = value
    return found


def _settings(scheduler: Any) -> dict[str, Any]:
    """What a scheduler was made with, as far as it is plain; not how far it has come."""
    return {
        name: value
        for name, value in vars(scheduler).items()
        if not name.startswith("_")
        and name not in ("last_epoch", "num_bad_epochs", "cooldown_counter", "best", "verbose")
        and (isinstance(value, SCALARS) or _is_plain_list(value))
    }


def _chosen(group: Mapping[str, Any]) -> dict[str, Any]:
    """The hyper-parameters of a group, the learning rate as it was before any scheduler."""
    chosen = {**group, "lr": group.get("initial_lr", group.get("lr"))}
    return {name: value for name, value in chosen.items() if isinstance(value, SCALARS)}


def _is_plain_list(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(one, SCALARS) for one in value)
