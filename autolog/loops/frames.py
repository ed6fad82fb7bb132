"""Where a loop stands: in which running functions, when these are over, which steps share a loop."""

from __future__ import annotations

import dis
import sys
from collections.abc import Callable
from functools import lru_cache
from types import CodeType, FrameType
from typing import NamedTuple

from core_client import background

OURS = ("autolog", "core_client", "flavors")
PACKAGES = ("torch", "mxnet", "autolog", "wrapt")
JUMPS = frozenset(dis.hasjrel) | frozenset(dis.hasjabs)
LEAVING = (  # the next instruction is not run after them
    *("RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE"),
    *("JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_ABSOLUTE"),
)
WAITING = "JUMP_BACKWARD_NO_INTERRUPT"  # how `await` goes on waiting
TRYING = ("SETUP_FINALLY", "SETUP_WITH", "SETUP_ASYNC_WITH")  # until Python 3.10
SUSPENDED = 0x20 | 0x80 | 0x200  # flags of code that may rest and go on: generators, coroutines


class Place(NamedTuple):
    """One function on the stack and how far it had come."""

    frame: int  # its id: to hold the frame would keep alive what it holds
    code: CodeType
    instruction: int


def caller() -> FrameType | None:
    """The running function whose code calls the library."""
    frame: FrameType | None = sys._getframe(1)
    while frame and package(frame) in PACKAGES:
        frame = frame.f_back
    return frame


def package(frame: FrameType) -> str:
    """What a running function is part of."""
    return str(frame.f_globals.get("__name__")).partition(".")[0]


def stack() -> list[FrameType]:
    """The running functions, the outermost first, down to the one whose code calls the library."""
    frame = caller()
    frames = []
    while frame:
        frames.append(frame)
        frame = frame.f_back
    return frames[::-1]


def places(frames: list[FrameType]) -> list[Place]:
    """The same to keep."""
    return [Place(id(frame), frame.f_code, frame.f_lasti) for frame in frames]


def in_one_loop(some: list[Place], others: list[Place]) -> bool:
    """Whether one loop goes through two places, that is: whether both come again and again."""
    around = False
    for number, (one, other) in enumerate(zip(some, others, strict=False)):
        if one[:2] != other[:2] and not (around and one.code is other.code):
            return False
        if one.instruction != other.instruction:
            if _is_in_loop(one, other):
                return True
            # A function that makes both steps may be what is called in a loop, in one call or in
            # several, unless it, or what it calls, has a loop for one of them alone.
            return around and not any(map(_is_in_loop, (*some[number:], *others[number:])))
        around = around or _is_in_loop(one)
    return True  # the very same place: it has come again


def follows(before: list[Place], after: list[Place]) -> bool:
    """Whether a computation belongs to the step that came after it, as far as places can tell.

    It does if one loop goes through both, or if no loop began in between that goes on.
    """
    for number, (one, other) in enumerate(zip(before, after, strict=False)):
        if one != other:
            again = one.code is other.code and one.frame != other.frame
            return again or _is_in_loop(one, other) or not any(map(_is_in_loop, after[number:]))
    return True


def _is_in_loop(one: Place, other: Place | None = None) -> bool:
    """Whether a loop goes through a place, or through two places in one running function."""
    other = other or one
    return one[:2] == other[:2] and _come_again(one.code, one.instruction, other.instruction)


@lru_cache(maxsize=1024)
def _come_again(code: CodeType, one: int, other: int) -> bool:
    """Whether ways lead from one instruction to another and back.

    A jump back alone tells nothing: what handles an exception stands at the end of the code and
    jumps back to what follows the `try` or the `with`, from where no way leads to it again.
    """
    ways = _ways(code)
    return other in _reached(one, ways) and one in _reached(other, ways)


@lru_cache
def _ways(code: CodeType) -> dict[int, set[int]]:
    """Where each instruction may go on."""
    ways = {unit: {unit + 2} for unit in range(0, len(code.co_code), 2)}
    handled = [  # the exceptions of which instructions, and where
        (range(entry.start, entry.end, 2), entry.target)
        for entry in getattr(dis.Bytecode(code), "exception_entries", ())  # from Python 3.11
    ]
    for step in dis.get_instructions(code):
        if step.opname in LEAVING:
            ways[step.offset].clear()
        if step.opcode in JUMPS and step.opname != WAITING:
            ways[step.offset].add(step.argval)
            if step.opname in TRYING:
                handled.append((range(step.offset, step.argval, 2), step.argval))
    for units, target in handled:
        for unit in units:
            ways[unit].add(target)
    return ways


def _reached(start: int, ways: dict[int, set[int]]) -> set[int]:
    """All that comes after an instruction, itself only if it comes again."""
    reached: set[int] = set()
    new = [start]
    while new:
        further = ways.get(new.pop(), set()) - reached
        reached |= further
        new += further
    return reached


def finalize(function: Callable[..., object], *args: object) -> None:
    """Do what an object's end asks for; called by what Python calls then.

    Python may free an object at any time, in any thread. In the midst of our own code, which may
    hold a lock that the function waits for, this leaves it to the background.
    """
    frame = sys._getframe(1).f_back
    while frame and package(frame) not in OURS:
        frame = frame.f_back
    if frame is None:
        function(*args)
    else:
        background.hand_over(function, *args)


class Watch:
    """Tells when a running function is over, and costs nothing until then.

    Python frees the frame of a function that has returned, and with it the frame's trace function,
    which this is. A function that raised leaves its frame to the traceback for a while: if the
    caller has gone on when the frame is freed, that was it.

    Args:
        frame: of the function.
        over: called once with whether the function returned, rather than raised.
    """

    def __init__(self, frame: FrameType, over: Callable[[bool], object]) -> None:
        caller = frame.f_back
        self._call = (id(caller), caller.f_lasti) if caller else None
        self._is_plain = not frame.f_code.co_flags & SUSPENDED
        self.told = [over]

    @classmethod
    def over(cls, frame: FrameType, over: Callable[[bool], object]) -> Watch | None:
        """Watch the function; None if somebody traces it, such as a debugger."""
        there = frame.f_trace
        if type(there) is cls:
            there.told.append(over)
            return there
        if there is not None or sys.gettrace() is not None:
            return None
        watch = cls(frame, over)
        frame.f_trace = watch
        return watch

    def is_running(self, thread: int) -> bool:
        """Whether the function has neither returned nor raised."""
        frame = sys._current_frames().get(thread)
        while frame and frame.f_trace is not self:
            frame = frame.f_back
        return frame is not None or not self._is_plain

    def __call__(self, *_: object) -> Watch:
        """For who traces now: go on."""
        return self

    def __del__(self) -> None:
        try:
            caller = sys._getframe(1)
        except ValueError:  # there is none: a whole thread or program has run
            call = None
        else:
            call = id(caller), caller.f_lasti
        returned = call == self._call or not self._is_plain
        for over in self.told:
            if returned:
                over(True)
            else:
                finalize(over, False)
