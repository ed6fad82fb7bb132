"""The time as every store counts it."""

from __future__ import annotations

import time


def now() -> int:
    """The time in ms since 1970."""
    return time.time_ns() // 1_000_000
