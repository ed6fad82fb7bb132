"""Two folders change places in one step, so that whoever looks or dies meanwhile finds one whole."""

from __future__ import annotations

import ctypes
import functools
import os
from collections.abc import Callable
from pathlib import Path

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # linux/fcntl.h, linux/fs.h


def exchange(one: Path, other: Path) -> None:
    """Let two paths of one file system change names.

    Where the system has no call for that, it takes three renames, between which a process that
    is killed leaves `other` under a name beside `one`.
    """
    rename = _renameat2()
    arguments = (_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)
    if rename is not None and rename(*arguments) == 0:
        return
    aside = one.with_name(f"{one.name}.old")
    other.rename(aside)
    one.rename(other)
    aside.rename(one)


@functools.cache
def _renameat2() -> Callable[..., int] | None:
    return getattr(ctypes.CDLL(None), "renameat2", None) if os.name == "posix" else None
