"""Numbers, times and texts as people read them, and safe to print."""

from __future__ import annotations

import math
import time

from core_client.clock import now


def printable(text: object, most: int | None = None) -> str:
    """The text on one line, without characters that a terminal or a page would act upon.

    Args:
        text: anything that a user may have named something.
        most: characters to keep; what is cut shows as ``…``.
    """
    whole = str(text)
    cut = whole if most is None or len(whole) <= most else whole[: most - 1] + "…"
    if cut.isprintable():
        return cut
    return "".join(one if one.isprintable() else _spelled(one) for one in cut)


def _spelled(character: str) -> str:
    if character == "\N{NO-BREAK SPACE}":
        return " "
    return character.encode("unicode_escape").decode()


def number(value: float) -> str:
    """Four significant digits; whole numbers as they are."""
    if math.isfinite(value) and value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.4g}"


def technical(key: str) -> bool:
    """Whether a metric tells of the work, not of how good the model is: it may come later."""
    return "time" in key or "rank" in key


def duration(start: int, end: int | None) -> str:
    """The time between two instants in ms; until now if there is no second one."""
    ms = max(0, (now() if end is None else end) - start)
    if ms < 1000:
        return f"{ms} ms"
    if ms < 59_950:
        return f"{ms / 1000:.1f} s"
    seconds = round(ms / 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"


def moment(ms: int | None) -> str:
    """An instant, in ms since 1970, on this machine's clock; nothing for None."""
    if ms is None:
        return ""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(ms / 1000))
    except (OverflowError, ValueError, OSError):  # a year that no calendar has
        return f"{ms} ms"


def size(count: int | None) -> str:
    """Bytes in the largest unit that leaves a whole part; nothing for None."""
    if count is None:
        return ""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 10 else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"
