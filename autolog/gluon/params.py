"""What a training by an Estimator was asked to do, as params."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autolog.engine.texts import readable

EARLY_STOPPING = ("patience", "min_delta", "baseline")


def handlers(given: Any) -> list[Any] | None:
    """The user's event handlers, given as a list, as one, or not at all; None if they are none."""
    from mxnet.gluon.contrib.estimator.event_handler import EventHandler

    found = [given] if isinstance(given, EventHandler) else list(given or ())
    return found if all(isinstance(one, EventHandler) for one in found) else None


def of_fit(
    estimator: Any, given: Mapping[str, Any], user_handlers: Sequence[Any]
) -> dict[str, str]:
    """Params of one `fit`."""
    found: dict[str, Any] = {"num_layers": layers(estimator.net)}
    found |= {name: given[name] for name in ("epochs", "batches", "batch_axis")}
    sampler = getattr(given["train_data"], "_batch_sampler", None)
    found["batch_size"] = getattr(sampler, "_batch_size", None)
    found["loss"] = type(estimator.loss).__name__
    found |= of_optimizer(estimator.trainer.optimizer)
    stopping = early_stopping(user_handlers)
    if stopping is not None:
        found["monitor"] = stopping.monitor.get()[0]
        found |= {name: getattr(stopping, name) for name in EARLY_STOPPING}
    return readable({name: value for name, value in found.items() if value is not None})


def of_optimizer(optimizer: Any) -> dict[str, Any]:
    """Name and hyper-parameters of an optimizer: `learning_rate` and what it holds as numbers."""
    plain = {
        name: value
        for name, value in vars(optimizer).items()
        if isinstance(value, int | float | str) and not name.startswith("_")
    }
    plain.pop("lr", None)  # as it was set; a schedule begins with it
    plain.pop("num_update", None)  # how far it has come
    return {
        "optimizer_name": type(optimizer).__name__,
        "learning_rate": getattr(optimizer, "lr", None),
        **plain,
    }


def layers(net: Any) -> int:
    """How many layers a network has: of a Sequential its entries, else blocks that hold no other."""
    if hasattr(net, "__len__"):
        return len(net)
    leaves = 0

    def count(block: Any) -> None:
        nonlocal leaves
        leaves += not block._children

    net.apply(count)
    return leaves


def early_stopping(user_handlers: Sequence[Any]) -> Any:
    """The handler that stops the training early, if there is one."""
    from mxnet.gluon.contrib.estimator import EarlyStoppingHandler

    return next((one for one in user_handlers if isinstance(one, EarlyStoppingHandler)), None)
