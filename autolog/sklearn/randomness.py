"""Random states that belong to the user: our questions to an estimator draw nothing from them."""

from __future__ import annotations

from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


@contextmanager
def no_random_draws(generators: list[Any]) -> Iterator[None]:
    """Put numpy's and Python's global random state, and `generators`, back afterwards.

    Args:
        generators: ``numpy.random.RandomState`` or ``Generator`` objects of the user.
    """
    import random

    import numpy as np

    python_state = random.getstate()
    numpy_state = np.random.get_state()
    states = [_state(g) for g in generators]
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
        for generator, state in zip(generators, states, strict=True):
            _restore(generator, state)


def _state(generator: Any) -> Any:
    return (
        generator.get_state() if hasattr(generator, "get_state") else generator.bit_generator.state
    )


def _restore(generator: Any, state: Any) -> None:
    if hasattr(generator, "set_state"):
        generator.set_state(state)
    else:
        generator.bit_generator.state = state
