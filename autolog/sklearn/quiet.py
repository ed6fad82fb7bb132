"""A section of our own work inside the user's training: nothing of it is seen, heard or felt.

``warnings.catch_warnings`` swaps the whole process's filters, so a section in one thread would
mute or revive warnings in another. Here one filter is put in front for the length of the section
and matches only in the thread that is inside one.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from threading import local
    from typing import Any


class _InsideSection:
    """Stands where a filter has its message pattern: matches any text, in a section only.

    scikit-learn hands the filters on to the tasks of its pools: to worker processes by pickle,
    to threads by `pattern`. Only tasks of a section are muted.
    """

    def __init__(self) -> None:
        from threading import local

        self.here: local = local()

    def match(self, text: str) -> bool:
        """Whether this thread is in a section."""
        return getattr(self.here, "depth", 0) > 0

    @property
    def pattern(self) -> str:
        """A regular expression for any text in a section, for none elsewhere."""
        return "" if self.match("") else "(?!)"

    def __reduce__(self) -> tuple[Any, ...]:
        import re

        return re.compile, (self.pattern,)


_inside = _InsideSection()
_FILTER: Any = ("ignore", _inside, Warning, None, 0)


@contextmanager
def no_warnings() -> Iterator[None]:
    """Mute warnings and numpy's floating-point errors of this thread."""
    import warnings

    import numpy as np

    _inside.here.depth = getattr(_inside.here, "depth", 0) + 1
    # Not `warnings.filterwarnings`: it would make Python forget which warnings were shown.
    warnings.filters.insert(0, _FILTER)  # type: ignore[attr-defined]
    try:
        with np.errstate(all="ignore"):
            yield
    finally:
        _inside.here.depth -= 1
        with suppress(ValueError):  # another thread has swapped the list
            warnings.filters.remove(_FILTER)  # type: ignore[attr-defined]


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
