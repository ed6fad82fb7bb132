"""CUDA graphs and the values that are read beside them. No GPU is needed: nothing is captured."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillWaiting
from threading import Event

import pytest
import torch

import autolog
from autolog.pytorch import captures


@pytest.fixture(autouse=True)
def none_is_left() -> Iterator[None]:
    yield
    captures.is_over()


@pytest.fixture
def other_thread() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool
        captures.is_over()


def read() -> str:
    with captures.apart():
        return "read"


def test_values_wait_for_the_end_of_a_capture(other_thread: ThreadPoolExecutor) -> None:
    captures.begins()
    reading = other_thread.submit(read)
    with pytest.raises(StillWaiting):
        reading.result(0.2)
    captures.is_over()
    assert reading.result(30) == "read"


def test_a_capture_waits_for_what_is_being_read(other_thread: ThreadPoolExecutor) -> None:
    begun = Event()
    with captures.apart():
        beginning = other_thread.submit(lambda: (captures.begins(), begun.set()))
        assert not begun.wait(0.2)
    beginning.result(30)
    assert begun.is_set()


def test_a_capture_that_failed_is_waited_for_once(other_thread: ThreadPoolExecutor) -> None:
    captures.begins()
    with captures.apart(longest=0.01):
        pass
    assert other_thread.submit(read).result(30) == "read"


def test_pytorch_tells_of_captures(other_thread: ThreadPoolExecutor) -> None:
    autolog.pytorch.autolog()
    with pytest.raises(AttributeError):
        torch.cuda.CUDAGraph.capture_begin(object())  # fails, but it was said to begin
    with pytest.raises(StillWaiting):
        other_thread.submit(read).result(0.2)
