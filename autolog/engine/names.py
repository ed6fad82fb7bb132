"""What the user's code calls a value: the variable that holds it where a call was made."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType
    from typing import Any

UNKNOWN_DATASET = "unknown_dataset"
LONGEST_TEXT = 32  # of a text argument in the text of a call


def variable(value: Any, frame: FrameType | None, unknown: str = UNKNOWN_DATASET) -> str:
    """The name of the variable that holds `value`, seen from `frame`.

    A value that was handed to the function running there has the name that its caller used.
    """
    while frame is not None and value is not None:
        name, handed = _local(value, frame)
        if not handed:
            if name is None:
                name = next((n for n, v in list(frame.f_globals.items()) if v is value), None)
            return name or unknown
        frame = frame.f_back
    return unknown


def call_text(function: str, arguments: Mapping[str, Any], frame: FrameType | None) -> str:
    """A call as it may have been written, with variable names in the place of data."""
    parts = [f"{name}={_argument(value, frame)}" for name, value in arguments.items()]
    return f"{function}({', '.join(parts)})"


def _argument(value: Any, frame: FrameType | None) -> str:
    if isinstance(value, str):
        return repr(value if len(value) <= LONGEST_TEXT else value[:LONGEST_TEXT] + "...")
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    return variable(value, frame, unknown=f"<{type(value).__name__}>")


def _local(value: Any, frame: FrameType) -> tuple[str | None, bool]:
    """The local variable of the frame that is this very object, and whether it is an argument."""
    from inspect import CO_OPTIMIZED, CO_VARARGS, CO_VARKEYWORDS
    from sys import getrefcount

    code = frame.f_code
    count = code.co_argcount + code.co_kwonlyargcount
    names = frame.f_locals
    try:
        name = next((n for n, v in list(names.items()) if v is value), None)
        if name is not None:
            return name, name in code.co_varnames[:count]
        spread = list(code.co_varnames[count:])  # *args and **kwargs, if there are any, come first
        given: list[Any] = []
        if code.co_flags & CO_VARARGS:
            given += names.get(spread.pop(0), ())
        if code.co_flags & CO_VARKEYWORDS:
            given += names.get(spread.pop(0), {}).values()
        return None, any(one is value for one in given)
    finally:
        # Before Python 3.13 the frame keeps this dictionary, and with it every value in it even
        # after the user's `del`. Emptied unless the user holds it too, by `locals()`.
        if type(names) is dict and code.co_flags & CO_OPTIMIZED and getrefcount(names) <= 3:
            names.clear()
