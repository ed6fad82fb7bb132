"""Threads beside the user's own: they hold up no end of the process, and may come too late to be started."""

from __future__ import annotations

import threading
from collections.abc import Callable


def start(name: str, work: Callable[[], object]) -> threading.Thread | None:
    """A new daemon thread that does the work; None if there can be no more threads.

    Python starts none when it is ending; 3.12.0 to 3.12.2 none once the main thread is through,
    though other threads of the user's may still be at work.
    """
    thread = threading.Thread(target=work, name=name, daemon=True)
    try:
        thread.start()
    except RuntimeError:
        return None
    return thread
