"""Params of optimizers and schedulers, as texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

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


def is_plain_list(value: Any) -> bool:
    """Whether it is a list of numbers and texts."""
    return isinstance(value, list | tuple) and all(isinstance(one, SCALARS) for one in value)


def _settings(scheduler: Any) -> dict[str, Any]:
    """What a scheduler was made with, as far as it is plain; not how far it has come."""
    return {
        name: value
        for name, value in vars(scheduler).items()
        if not name.startswith("_")
        and name not in ("last_epoch", "num_bad_epochs", "cooldown_counter", "best", "verbose")
        and (isinstance(value, SCALARS) or is_plain_list(value))
    }


def _chosen(group: Mapping[str, Any]) -> dict[str, Any]:
    """The hyper-parameters of a group, the learning rate as it was before any scheduler."""
    chosen = {**group, "lr": group.get("initial_lr", group.get("lr"))}
    return {name: value for name, value in chosen.items() if isinstance(value, SCALARS)}
