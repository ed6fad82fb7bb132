"""CUDA graphs: while a GPU only notes what it will do, nothing else may be asked of it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import torch

MOST_SECONDS = 60.0  # that values wait for a capture to be over: a failed one is never said to be

_changed = threading.Condition()
_captured = False


def is_capturing() -> bool:
    """Whether this thread's calls are only noted, to be made again and again later."""
    return torch.cuda.is_initialized() and bool(torch.cuda.is_current_stream_capturing())


def begins() -> None:
    """A capture begins, after what is being read now."""
    global _captured
    with _changed:
        _captured = True


def is_over() -> None:
    """The capture is over."""
    global _captured
    with _changed:
        _captured = False
        _changed.notify_all()


@contextlib.contextmanager
def apart(longest: float = MOST_SECONDS) -> Iterator[None]:
    """Read values at a time when nothing is captured: memory allocated then would spoil it.

    Args:
        longest: seconds to wait.
    """
    global _captured
    with _changed:
        if not _changed.wait_for(lambda: not _captured, longest):
            _captured = False
        yield
