"""The loops of each thread."""

from __future__ import annotations

import os
from _thread import _local as local

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from autolog.loops.here import Here

    H = TypeVar("H", bound=Here)


def of_each(make: Callable[[], H]) -> tuple[Callable[[], H], Callable[[], bool]]:
    """Two functions: one gives the loops of the thread that asks, one whether these listen now.

    Args:
        make: makes those of a thread, when it asks for the first time.
    """
    threads = local()

    def here() -> H:
        try:
            found: H = threads.here
        except AttributeError:
            found = threads.here = make()
        return found

    def wanted() -> bool:
        try:
            found: bool = threads.here.wanted
        except AttributeError:  # its first loop may begin now
            return True
        return found

    def forget() -> None:
        nonlocal threads
        threads = local()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=forget)  # the loops are the parent's
    return here, wanted
