"""A model that several processes train, copied so that one of them can save it alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any


def of_this_process(model: Any) -> Any:
    """The model itself or, where several processes train it together, a copy of what is here.

    To save it, TensorFlow gathers values from all processes, which would wait for each other for
    ever unless all of them save it. What each keeps for itself, such as the moving averages of a
    batch normalisation, is in the copy as it is here.

    Raises:
        Exception: whatever Keras raises if the model cannot be made again from its config.
    """
    strategy = getattr(model, "distribute_strategy", None)
    if strategy is None or not strategy.extended._in_multi_worker_mode():
        return model
    weights, optimizer = _here(model.weights, strategy), model.optimizer
    state = _here(optimizer.variables, strategy) if optimizer is not None else []
    configs = model.get_config(), model.get_compile_config()
    kind = type(model)
    with ThreadPoolExecutor(1) as thread:  # one in which no strategy is at work
        return thread.submit(_made, kind, configs, weights, state).result()


def _made(kind: Any, configs: tuple[Any, Any], weights: list[Any], state: list[Any]) -> Any:
    config, compile_config = configs
    made = kind.from_config(config)
    made.set_weights(weights)
    if compile_config:
        made.compile_from_config(compile_config)
        made.optimizer.set_weights(state)
    return made


def _here(variables: Any, strategy: Any) -> list[Any]:
    """What this process has of each variable."""
    if callable(variables):
        variables = variables()
    return [strategy.experimental_local_results(one)[0].numpy() for one in variables]
