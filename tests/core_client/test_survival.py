"""Nothing that a call returned from is lost: kill, fork, spawn, dead stores, exits."""

from __future__ import annotations

import multiprocessing
import os
import random
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from core_client import destination, fluent
from core_client.client import Client
from core_client.run import ActiveRun
from core_client.settings import absolute, home

KILLS = 50

LATE = """
import atexit, threading
from core_client import background, fluent
begun, leaving = threading.Event(), threading.Event()
atexit.register(leaving.set)  # called when Python has removed its temporary folders
run = fluent.start_run()
def slowly():
    with run.artifact_folder("late") as folder:
        begun.set()
        leaving.wait()
        (folder / "note.txt").write_text("kept")
background.submit(slowly)
begun.wait()
"""

# The first that is recorded at all comes when the main thread is through: from Python 3.12 on that
# may be too late for a new thread.
AFTER_MAIN = """
import threading
main = threading.main_thread()
def train():
    main.join()
    from core_client import background, fluent
    with fluent.start_run() as run:
        fluent.log_metric("m", 1)
        background.submit(run.log_metric, "late", 2)
        background.submit(run.log_text, "kept", "note.txt")
        print(run.data.metrics)
    fluent.start_run()
    fluent.log_metric("m", 3)
threading.Thread(target=train).start()
"""

AFTER_EXIT = """
import atexit
@atexit.register
def last_words():
    fluent.log_metric("m", 4)
from core_client import fluent
fluent.start_run()
fluent.log_metric("m", 3)
"""

FILES_AT_EXIT = """
from core_client import fluent
away = fluent.create_experiment("away", artifact_location="ftp://me@127.0.0.1:1/x")
fluent.start_run(experiment_id=away)
fluent.log_text("kept", "note.txt")
"""

FILES_AFTER_MAIN = (
    """
import threading
main = threading.main_thread()
def train():
    main.join()
"""
    + FILES_AT_EXIT.replace("\n", "\n    ")
    + """
threading.Thread(target=train).start()
"""
)

FOUR_THREADS = """
import os, sys, threading
from core_client import fluent
run = fluent.start_run()
os.write(1, f"run {run.run_id}\\n".encode())
def log(thread):
    for step in range(10**9):
        run.log_metric(f"m{thread}", step * 0.5, step=step)
        os.write(1, f"{thread} {step}\\n".encode())
for thread in range(4):
    threading.Thread(target=log, args=(thread,), daemon=True).start()
threading.Event().wait()
"""


def python(code: str, **kwargs: object) -> subprocess.Popen[bytes]:
    path = os.pathsep.join([str(Path(destination.__file__).parents[1]), *sys.path])
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **kwargs,  # type: ignore[call-overload]
    )


def test_no_kill_loses_an_acknowledged_point() -> None:
    """Four threads say each point they have logged; the process is killed at a random moment."""
    dice = random.Random(20)
    for attempt in range(KILLS):
        process = python(FOUR_THREADS)
        said = b""
        # Now before the first event reached the store, now amid batches of thousands.
        enough = int(10 ** dice.uniform(2, 5.5))
        while len(said) < enough:
            assert select.select([process.stdout], [], [], 60)[0], process.poll()
            said += os.read(process.stdout.fileno(), 65536)
        process.send_signal(signal.SIGKILL)
        said += process.communicate()[0]
        first, *lines = said.split(b"\n")[:-1]
        run_id = first.decode().split()[1]
        logged: dict[str, set[int]] = {f"m{thread}": set() for thread in range(4)}
        for line in lines:
            thread, step = line.decode().split()
            logged[f"m{thread}"].add(int(step))
        client = Client()
        stored = client.get_run(run_id)
        assert stored.info.status == "KILLED", attempt
        assert stored.info.end_time >= stored.info.start_time
        for key, steps in logged.items():
            points = client.get_metric_history(run_id, key) if steps else []
            found = [point.step for point in points]
            assert len(found) == len(set(found)), f"{key} of kill {attempt} has points twice"
            assert steps <= set(found), f"{key} of kill {attempt} lost points"
            assert all(point.value == point.step * 0.5 for point in points)
    assert list((home() / "spool").rglob("*.events")) == []


def test_a_failed_script_has_a_failed_run() -> None:
    process = python("from core_client import fluent\nfluent.log_metric('m', 1)\n1 / 0")
    assert b"ZeroDivisionError" in process.communicate()[1]
    (run,) = Client().search_runs(["0"])
    assert (run.info.status, run.data.metrics) == ("FAILED", {"m": 1})


def test_a_script_that_ends_in_a_run_finishes_it() -> None:
    process = python("from core_client import fluent\nfluent.log_metric('m', 1)")
    assert process.communicate()[1] == b""
    (run,) = Client().search_runs(["0"])
    assert run.info.status == "FINISHED"
    assert list((home() / "spool").rglob("*.events")) == []


def test_work_that_the_end_of_the_process_waits_for_keeps_its_folder() -> None:
    _, told = python(LATE).communicate()
    assert told == b""
    (run,) = Client().search_runs(["0"])
    assert Client().artifacts(run.info.run_id).local("late/note.txt").read_text() == "kept"


def test_a_training_goes_on_when_the_main_thread_is_through() -> None:
    out, told = python(AFTER_MAIN).communicate(timeout=60)
    assert told == b""
    assert out == b"{'m': 1.0, 'late': 2.0}\n"
    second, first = Client().search_runs(["0"])
    assert (first.data.metrics, first.info.status) == ({"m": 1, "late": 2}, "FINISHED")
    assert (second.data.metrics, second.info.status) == ({"m": 3}, "FINISHED")
    assert Client().artifacts(first.info.run_id).read("note.txt") == b"kept"
    assert list((home() / "spool").rglob("*.events")) == []


def test_what_is_logged_after_the_end_is_kept() -> None:
    _, told = python(AFTER_EXIT).communicate(timeout=60)
    assert told == b""
    last, first = sorted(Client().search_runs(["0"]), key=lambda run: run.data.metrics["m"])[::-1]
    assert (first.data.metrics, first.info.status) == ({"m": 3}, "FINISHED")
    assert last.data.metrics == {"m": 4}


@pytest.mark.parametrize("code", [FILES_AT_EXIT, FILES_AFTER_MAIN])
def test_a_run_ends_though_its_files_cannot_be_sent(code: str) -> None:
    _, told = python(code).communicate(timeout=60)
    assert b"autolog sync" in told
    assert b"Traceback" not in told
    (run,) = Client().search_runs([fluent.get_experiment_by_name("away").experiment_id])
    assert run.info.status == "FINISHED"
    (kept,) = (home() / "spool").rglob("note.txt")
    assert kept.read_text() == "kept"


def test_a_forked_child_writes_to_its_parents_run() -> None:
    with fluent.start_run() as run:
        fluent.log_metric("parent", 1)
        child = os.fork()
        if child == 0:
            fluent.log_metric("child", 2)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        fluent.log_metric("parent", 3, step=1)
        data = run.data
        assert data.metrics == {"parent": 3, "child": 2}
        assert run.info.status == "RUNNING"
    assert fluent.get_run(run.run_id).info.status == "FINISHED"


def test_a_fork_while_the_store_is_being_opened() -> None:
    code = """
import os, sys, warnings
from core_client import fluent
warnings.simplefilter("ignore", DeprecationWarning)  # what Python says of forks amid threads
run = fluent.start_run()
while "sqlalchemy" not in sys.modules:  # its import takes a while, in the background
    pass
child = os.fork()
if child == 0:
    fluent.log_metric("child", 2)
    fluent.flush_async_logging()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert run.data.metrics == {"child": 2}
"""
    assert python(code).communicate(timeout=60) == (b"", b"")


def _log_for_parent(run: ActiveRun) -> None:
    run.log_metric("child", 2)


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_run_that_is_handed_to_a_new_process(method: str) -> None:
    with fluent.start_run() as run:
        worker = multiprocessing.get_context(method).Process(target=_log_for_parent, args=(run,))
        worker.start()
        worker.join()
        assert run.data.metrics == {"child": 2}
        assert run.stored().info.status == "RUNNING"
    assert fluent.get_run(run.run_id).info.status == "FINISHED"


def test_a_killed_child_does_not_end_its_parents_run() -> None:
    with fluent.start_run() as run:
        child = os.fork()
        if child == 0:
            fluent.log_metric("child", 2)
            with fluent.start_run(nested=True):
                os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(child, 0)
        nested = [r for r in Client().search_runs(["0"]) if r.info.run_id != run.run_id]
        assert [one.info.status for one in nested] == ["KILLED"]
        assert fluent.get_run(run.run_id).info.status == "RUNNING"


def _log_in_worker(run_id: str) -> None:
    with fluent.start_run(run_id=run_id) if run_id else fluent.start_run():
        for step in range(200):
            fluent.log_metric(f"m{os.getpid()}", step, step=step)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_of_multiprocessing_lose_nothing(method: str) -> None:
    context = multiprocessing.get_context(method)
    workers = [context.Process(target=_log_in_worker, args=("",)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    runs = Client().search_runs(["0"])
    assert [run.info.status for run in runs] == ["FINISHED"] * 3
    for worker in workers:
        (run,) = [run for run in runs if f"m{worker.pid}" in run.data.metrics]
        assert len(Client().get_metric_history(run.info.run_id, f"m{worker.pid}")) == 200


def test_many_processes_write_to_one_database_at_once() -> None:
    code = """
from core_client import fluent
for number in range(5):
    with fluent.start_run(run_name=f"{number}"):
        for step in range(500):
            fluent.log_metric("m", step, step=step)
        fluent.flush_async_logging()
"""
    processes = [python(code) for _ in range(4)]
    for process in processes:
        assert process.communicate() == (b"", b"")
    runs = Client().search_runs(["0"])
    assert len(runs) == 20
    assert {run.data.metrics["m"] for run in runs} == {499}
    assert all(len(Client().get_metric_history(r.info.run_id, "m")) == 500 for r in runs)


def test_a_store_that_cannot_be_opened_keeps_everything(tmp_path: Path) -> None:
    database = Path("mlflow.db")
    database.write_text("this is no database, " * 100)
    process = python("from core_client import fluent\nfluent.log_metric('m', 7)\nprint('done')")
    out, err = process.communicate()
    assert out == b"done\n"
    assert b"mlflow.db" in err
    assert b"autolog sync" in err
    database.unlink()
    (run,) = Client().search_runs(["0"])
    assert run.data.metrics == {"m": 7}
    assert run.info.status == "FINISHED"


def test_a_run_of_a_dead_process_ends_when_it_was_last_heard_of() -> None:
    process = python(
        "import os, signal\nfrom core_client import fluent\nfluent.log_metric('m', 1)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    process.communicate()
    segment = next(
        destination.destination(absolute("sqlite:///mlflow.db")).spool.folder.glob("*.events")
    )
    os.utime(segment, (2_000_000_000, 2_000_000_000))
    (run,) = Client().search_runs(["0"])
    assert run.info.status == "KILLED"
    assert run.info.end_time == 2_000_000_000_000
