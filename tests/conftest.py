"""Every test has its own working directory and spool, and fails on a fault it did not expect."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import autolog
from autolog.engine import guard
from core_client import context, destination

# What decides where runs go, or whether a process records; a test sets what it needs.
VARIABLES = re.compile(r"MLFLOW_|AUTOLOG_|(LOCAL_|NODE_)?RANK$|SLURM_|OMPI_|PMI|TF_CONFIG")


class Faults:
    """The faults that the guard caught: a test says which ones it expects."""

    def __init__(self, caught: list[tuple[str, Exception]]) -> None:
        self.caught = caught

    def expect(self, *texts: str) -> None:
        """Exactly these faults were caught since the last time, each known by its text."""
        shown = [f"{place}: {error!r}" for place, error in self.caught]
        assert len(shown) == len(texts), shown
        for text, fault in zip(texts, shown, strict=True):
            assert text in fault
        self.caught.clear()


@pytest.fixture
def faults() -> Iterator[Faults]:
    """Faults go here instead of to the user's log."""
    guard.collected = caught = []
    yield Faults(caught)
    guard.collected = None
    for place, error in caught:
        raise AssertionError(f"unexpected fault: {place}") from error


@pytest.fixture(autouse=True)
def own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, faults: Faults) -> Iterator[Path]:
    """An empty working directory with a spool of its own; autologging is off afterwards."""
    for name in filter(VARIABLES.match, list(os.environ)):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AUTOLOG_HOME", str(tmp_path / "home"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    yield tmp_path / "work"
    autolog.disable()
    while run := context.active_run():
        run.end()
    destination.close_all()
    for name in filter(VARIABLES.match, list(os.environ)):  # set by the code under test
        del os.environ[name]
