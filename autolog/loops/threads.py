"""The loops of each thread."""

from __future__ import annotations

import os
from _thread import _local as local

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Generic, TypeVar

    from autolog.loops.here import Here

    H = TypeVar("H", bound=Here)
    Base = Generic[H]
else:
    Base = object


class Threads(Base):
    """Gives what goes on in the thread that asks.

    Args:
        make: makes it when a thread asks for the first time.
    """

    def __init__(self, make: Callable[[], H]) -> None:
        self._make = make
        self._forget()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)  # the loops are the parent's

    def __call__(self) -> H:
        """What goes on here."""
        try:
            found: H = self._threads.here
        except AttributeError:
            found = self._threads.here = self._make()
        return found

    def _forget(self) -> None:
        self._threads = local()
