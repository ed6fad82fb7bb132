"""What a process leaves that is killed while it stages files or takes sent ones away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from core_client import destination, fluent
from core_client.exceptions import MlflowException
from core_client.settings import home
from tests.project import ROOT

# Nobody answers there: what is staged stays so.
AWAY = "ftp://me@127.0.0.1:1/x"
KILLED = f"""
import os, shutil, signal, sys
from core_client import fluent
from core_client.spool import Spool
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
experiment = fluent.create_experiment("away", artifact_location="{AWAY}")
with fluent.start_run(experiment_id=experiment) as run:
    fluent.log_text("told of", "a.txt")
    if sys.argv[1] == "amid a copy":
        shutil.copyfile = die
    else:
        Spool.append_events = die
    fluent.log_artifact("script", "b")
"""

STAGING = f"""
from core_client import fluent
experiment = fluent.create_experiment("away", artifact_location="{AWAY}")
with fluent.start_run(experiment_id=experiment) as run, run.artifact_folder("model") as folder:
    (folder / "a.txt").write_text("half of it")
    print(folder / "a.txt", flush=True)
    input()
"""


def folders() -> list[Path]:
    """Those in the queue of files."""
    return [path for path in (home() / "spool").glob("*/files/*") if path.is_dir()]


@pytest.mark.parametrize("moment", ["amid a copy", "before it is told"])
def test_the_next_start_clears_away_what_nothing_tells_of(own_place: Path, moment: str) -> None:
    (own_place / "script").write_text("large")
    done = subprocess.run(
        [sys.executable, "-c", KILLED, moment], env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == -signal.SIGKILL
    assert len(folders()) > 1
    with fluent.start_run():
        outbox = destination.destination(fluent.get_tracking_uri()).outbox
        with pytest.raises(MlflowException, match=r"127\.0\.0\.1:1"):
            outbox.flush()
    (kept,) = folders()
    assert (kept / "a.txt").read_text() == "told of"


def test_what_is_being_staged_is_no_left_over() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STAGING],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        begun = Path(other.stdout.readline().strip())
        with fluent.start_run():
            destination.destination(fluent.get_tracking_uri()).outbox.flush()
        assert begun.read_text() == "half of it"
        _, told = other.communicate("go on\n")
    assert "autolog sync" in told
    (kept,) = folders()
    assert (kept / "model" / "a.txt").read_text() == "half of it"
