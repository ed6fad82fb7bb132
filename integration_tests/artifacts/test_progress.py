"""Who sits at a terminal sees how a large upload goes; nobody else sees anything."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable

import pytest

from core_client import destination, fluent
from integration_tests.artifacts.test_s3 import bucket
from tests.project import ROOT

LOGS = """
import sys
from core_client import fluent
with fluent.start_run(experiment_id=sys.argv[1]):
    fluent.log_text("x" * int(sys.argv[2]), "a.txt")
"""


@pytest.fixture
def experiment(s3: str, fresh_name: Callable[[], str]) -> str:
    place = f"s3://{bucket(s3, fresh_name())}"
    found = fluent.create_experiment("e", artifact_location=place)
    destination.close_all()
    return found


def on_a_terminal(*args: str) -> str:
    """What a script writes to the error stream if that is a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", LOGS, *args],
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100", "TERM": "xterm"},
        stderr=theirs,
    )
    os.close(theirs)
    said = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        said += part
    os.close(ours)
    assert process.wait() == 0
    return said.decode()


def test_a_person_sees_a_bar(experiment: str) -> None:
    said = on_a_terminal(experiment, "60000000")
    assert "Sending files" in said
    assert "60.0/60.0 MB" in said


def test_what_is_small_is_sent_in_silence(experiment: str) -> None:
    assert on_a_terminal(experiment, "1000") == ""


def test_a_pipe_sees_nothing(experiment: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOGS, experiment, "60000000"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
