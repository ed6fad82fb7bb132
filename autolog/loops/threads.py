"""The loops of each thread."""

from __future__ import annotations

import os
from _thread import _local as local

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from autolog.loops.here import Here


class Threads:
    """Gives what goes on in the thread that asks.

    Args:
        make: makes it when a thread asks for the first time.
    """

    def __init__(self, make: Callable[[], Here]) -> None:
        self._make = make
        self._forget()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)  # the loops are the parent's

    def __call__(self) -> Any:
        """What goes on here."""
        try:
            return self._threads.here
        except AttributeError:
            self._threads.here = self._make()
            return self._threads.here

    def _forget(self) -> None:
        self._threads = local()
