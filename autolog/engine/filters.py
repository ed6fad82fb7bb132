"""Work of ours beside the user's thread, without a change to the warning filters of both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock, local
from typing import Any

_here = local()
_changing = RLock()
_sections = 0
_originals: tuple[Any, ...] = ()


@contextmanager
def left_alone() -> Iterator[None]:
    """Let the code that this thread runs change no warning filters: all threads share them.

    Libraries swap them for a moment, with `warnings.catch_warnings`. Where two threads do so at
    once, the one that is ready later brings back what the other had put away. While a section
    lasts, swapping them does nothing in its thread; in other threads it is what it always was.
    """
    _here.depth = getattr(_here, "depth", 0) + 1
    _begin()
    try:
        yield
    finally:
        _end()
        _here.depth -= 1


def _begin() -> None:
    global _sections, _originals
    import warnings

    with _changing:
        _sections += 1
        if _sections > 1:
            return
        catch: Any = warnings.catch_warnings
        enter, leave = catch.__enter__, catch.__exit__
        add = warnings._add_filter  # type: ignore[attr-defined]

        def __enter__(self: Any) -> Any:
            if not _in_section():
                return enter(self)
            return [] if self._record else None

        def __exit__(self: Any, *error: Any) -> Any:
            return None if _in_section() else leave(self, *error)

        def _add_filter(*item: Any, append: bool) -> None:
            if not _in_section():
                add(*item, append=append)

        _originals = enter, leave, add
        catch.__enter__, catch.__exit__ = __enter__, __exit__
        warnings._add_filter = _add_filter  # type: ignore[attr-defined]


def _end() -> None:
    global _sections
    import warnings

    with _changing:
        _sections -= 1
        if not _sections:
            catch: Any = warnings.catch_warnings
            catch.__enter__, catch.__exit__, add = _originals
            warnings._add_filter = add  # type: ignore[attr-defined]


def _in_section() -> bool:
    return bool(getattr(_here, "depth", 0))
