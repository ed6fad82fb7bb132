"""What the places of two calls tell of each other, on every version of Python."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

import pytest

from autolog.loops.frames import Place, finalize, follows, in_one_loop, places, stack
from core_client import background

Mark = Callable[[str], None]


def one_after_the_other(mark: Mark) -> None:
    mark("first")
    mark("second")


def in_a_loop(mark: Mark) -> None:
    for _ in range(2):
        one_after_the_other(mark)


def in_two_loops(mark: Mark) -> None:
    for _ in range(2):
        mark("first")
    number = 0
    while number < 2:
        mark("second")
        number += 1


def in_two_loops_in_a_loop(mark: Mark) -> None:
    for _ in range(2):
        in_two_loops(mark)


def several_then_one(mark: Mark) -> None:
    for _ in range(2):
        mark("first")
    mark("second")


def one_then_several(mark: Mark) -> None:
    mark("first")
    for _ in range(2):
        mark("second")


def in_every_second_call(mark: Mark) -> None:
    def call(number: int) -> None:
        mark("first")
        if number % 2:
            mark("second")

    for number in range(2):
        call(number)


def after_what_may_fail(mark: Mark) -> None:
    with contextlib.suppress(TypeError):
        int("1")
    try:
        int("one")
    except ValueError:
        int("1")
    mark("first")
    mark("second")


def where_one_may_fail(mark: Mark) -> None:
    try:
        mark("first")
    except ValueError:
        int("1")
    with contextlib.nullcontext():
        mark("second")


def until_it_works(mark: Mark) -> None:
    tried = 0
    while True:
        try:
            mark("first")
            tried += 1
            int("2" if tried == 2 else "two")
            break
        except ValueError:
            mark("second")


def once_it_worked(mark: Mark) -> None:
    while True:
        try:
            mark("first")
            break
        except ValueError:
            pass
    mark("second")


def in_what_is_awaited(mark: Mark) -> None:
    async def awaited() -> None:
        one_after_the_other(mark)

    async def awaits() -> None:
        await awaited()

    with contextlib.suppress(StopIteration):
        awaits().send(None)


@pytest.mark.parametrize(
    ("function", "one_loop", "belongs"),
    [
        (one_after_the_other, False, True),
        (in_a_loop, True, True),
        (in_two_loops, False, False),
        (in_two_loops_in_a_loop, False, False),
        (several_then_one, False, True),
        (one_then_several, False, False),
        (in_every_second_call, True, True),
        (after_what_may_fail, False, True),
        (where_one_may_fail, False, True),
        (until_it_works, True, True),
        (once_it_worked, False, True),
        (in_what_is_awaited, False, True),
    ],
)
def test_two_places(function: Callable[[Mark], None], one_loop: bool, belongs: bool) -> None:
    found: dict[str, list[Place]] = {}

    def mark(name: str) -> None:
        found.setdefault(name, places(stack()))

    thread = threading.Thread(target=function, args=(mark,))  # pytest itself calls tests in loops
    thread.start()
    thread.join()
    assert in_one_loop(found["first"], found["second"]) is one_loop
    assert follows(found["first"], found["second"]) is belongs


class Freed:
    """Tells by which thread it was finalized."""

    def __init__(self) -> None:
        self.itself = self
        self.threads: list[threading.Thread] = []

    def __del__(self) -> None:
        finalize(lambda: self.threads.append(threading.current_thread()))


@pytest.mark.parametrize("package", ["a_training", "core_client.spool"])
def test_what_is_freed_in_our_own_code_waits_for_nothing_there(package: str) -> None:
    freed = Freed()
    threads = freed.threads
    del freed
    exec("import gc; gc.collect()", {"__name__": package})  # noqa: S102 - code of that package
    assert background.wait(10)
    (thread,) = threads
    assert (thread is threading.current_thread()) is (package == "a_training")
