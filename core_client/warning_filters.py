"""Warning filters belong to the user, and to all threads at once: three ways to keep them so.

- Our work calls what may warn, and the user is not to hear it: `muted`, in whichever thread.
- Beside the user's thread, what we call may swap the filters for a moment, and bring back what
  the user's thread has changed meanwhile: `unchanged`. Not for the user's thread itself: there
  swaps are nested, and code of the user's that we ask for predictions may want to catch warnings.
- A library may swap them while it is imported, or set some for good: `import_first`, in the
  user's thread, as if the user had imported it.
"""

from __future__ import annotations

import contextlib
import importlib
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock, local
from typing import Any

# Each context has its own filters, as Python can be told from 3.14 on: none is in danger.
APART = getattr(sys.flags, "context_aware_warnings", False)


class _Sections(local):
    """How many sections this thread is in."""

    depth = 0


class _MutedHere:
    """Stands where a filter has its message pattern: matches any text, in a section only.

    scikit-learn hands the filters on to the tasks of its pools: to worker processes by pickle,
    to threads by `pattern`. Only tasks of a section are muted.
    """

    sections = _Sections()

    def match(self, text: str) -> bool:
        """Whether this thread is in a section."""
        return self.sections.depth > 0

    @property
    def pattern(self) -> str:
        """A regular expression for any text in a section, for none elsewhere."""
        return "" if self.match("") else "(?!)"

    def __reduce__(self) -> tuple[Any, ...]:
        return re.compile, (self.pattern,)


_muted = _MutedHere()
_FILTER: Any = ("ignore", _muted, Warning, None, 0)


@contextmanager
def muted() -> Iterator[None]:
    """Mute the warnings of this thread, and numpy's floating-point errors."""
    numpy = sys.modules.get("numpy")
    with contextlib.ExitStack() as stack:
        if numpy:
            stack.enter_context(numpy.errstate(all="ignore"))
        if APART:
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
        else:
            stack.enter_context(_filtered())
        yield


@contextmanager
def _filtered() -> Iterator[None]:
    module: Any = warnings
    _muted.sections.depth += 1
    # Not `warnings.filterwarnings`: it would make Python forget which warnings were shown.
    module.filters.insert(0, _FILTER)
    try:
        yield
    finally:
        _muted.sections.depth -= 1
        with contextlib.suppress(ValueError):  # another thread has swapped the list
            module.filters.remove(_FILTER)


_unchanged = _Sections()
_changing = RLock()
_working = 0  # sections, of all threads
_originals: tuple[Any, ...] = ()


@contextmanager
def unchanged() -> Iterator[None]:
    """Let what this thread calls change no filter; `warnings.catch_warnings` catches nothing.

    In other threads it is what it always was.
    """
    # All functions that change filters end there; without it their changes would stay.
    if APART or not hasattr(warnings, "_add_filter"):
        yield
        return
    _unchanged.depth += 1
    _begin()
    try:
        yield
    finally:
        _end()
        _unchanged.depth -= 1


def import_first(*modules: str) -> None:
    """Import, in this thread, what work beside it will use, as far as it is installed."""
    for module in modules:
        if module not in sys.modules:
            with contextlib.suppress(ImportError):
                importlib.import_module(module)


def _begin() -> None:
    global _working, _originals
    with _changing:
        _working += 1
        if _working > 1:
            return
        catch: Any = warnings.catch_warnings
        add = warnings._add_filter  # type: ignore[attr-defined]
        enter, leave = catch.__enter__, catch.__exit__

        def __enter__(self: Any) -> Any:
            return [] if _unchanged.depth else enter(self)

        def __exit__(self: Any, *error: Any) -> Any:
            return None if _unchanged.depth else leave(self, *error)

        def _add_filter(*item: Any, append: bool) -> None:
            if not _unchanged.depth:
                add(*item, append=append)

        _originals = enter, leave, add
        catch.__enter__, catch.__exit__ = __enter__, __exit__
        warnings._add_filter = _add_filter  # type: ignore[attr-defined]


def _end() -> None:
    global _working
    with _changing:
        _working -= 1
        if not _working:
            catch: Any = warnings.catch_warnings
            catch.__enter__, catch.__exit__, add = _originals
            warnings._add_filter = add  # type: ignore[attr-defined]
