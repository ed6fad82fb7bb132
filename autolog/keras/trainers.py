"""Where the versions and backends of Keras define `fit` and its like."""

from __future__ import annotations

from autolog.engine import on

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeVar

    from autolog.engine.call import Handler

    H = TypeVar("H", bound=Handler)

# By backend: the module and the class that holds the methods. Keras 2 knows TensorFlow only.
TRAINERS = {
    "tensorflow": (
        ("keras.src.backend.tensorflow.trainer", "TensorFlowTrainer"),
        ("keras.src.engine.training", "Model"),
        ("tf_keras.src.engine.training", "Model"),
    ),
    "torch": (("keras.src.backend.torch.trainer", "TorchTrainer"),),
    "jax": (("keras.src.backend.jax.trainer", "JAXTrainer"),),
}


def on_trainers(method: str, backends: Iterable[str] = tuple(TRAINERS)) -> Callable[[H], H]:
    """Record the calls of a method of Keras models with the decorated handler, as `on` does.

    Args:
        method: its name, such as ``fit``.
        backends: where it is recorded.
    """

    def declare(handler: H) -> H:
        for backend in backends:
            for module, owner in TRAINERS[backend]:
                on(module, f"{owner}.{method}")(handler)
        return handler

    return declare
