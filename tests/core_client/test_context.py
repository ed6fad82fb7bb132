"""Which run is active where, and what becomes of it at the end of the process."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from core_client import context, fluent
from core_client.client import Client
from core_client.run import ActiveRun

BEGIN = "import asyncio, os, sys, threading\nfrom core_client import fluent\n"


def after(code: str) -> list[str]:
    """The statuses of the runs that a script leaves, the first one begun first."""
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + code],
        env={
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "PYTHONWARNINGS": "ignore",
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    runs = Client().search_runs(["0"], order_by=["start_time ASC"])
    return [run.info.status for run in runs]


def test_what_a_task_began_ends_with_the_process() -> None:
    code = "async def main(): fluent.start_run()\nasyncio.run(main())"
    assert after(code) == ["FINISHED"]


def test_what_a_thread_began_ends_with_the_process() -> None:
    code = "thread = threading.Thread(target=fluent.start_run); thread.start(); thread.join()"
    assert after(code) == ["FINISHED"]


def test_nested_runs_end_with_the_process() -> None:
    assert after("fluent.start_run(); fluent.start_run(nested=True)") == ["FINISHED"] * 2


def test_a_forked_child_does_not_end_its_parents_run() -> None:
    code = (
        "run = fluent.start_run()\n"
        "child = os.fork()\n"
        "if not child: sys.exit()\n"
        "os.waitpid(child, 0)\n"
        "print(run.stored().info.status, flush=True)\n"
        "assert run.stored().info.status == 'RUNNING'"
    )
    assert after(code) == ["FINISHED"]


def test_tasks_and_threads_have_a_run_each() -> None:
    seen: list[str | None] = []

    async def train(name: str) -> None:
        with fluent.start_run(run_name=name, nested=True) as run:
            await asyncio.sleep(0)
            assert fluent.active_run() is run

    async def both() -> None:
        await asyncio.gather(train("one"), train("two"))

    with fluent.start_run() as mine:
        asyncio.run(both())
        assert fluent.active_run() is mine
        thread = threading.Thread(target=lambda: seen.append(fluent.active_run()))
        thread.start()
        thread.join()
    assert seen == [None]
    assert fluent.active_run() is None


def test_listeners_are_told_when_the_active_run_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str | None] = []

    def listener() -> None:
        run = context.active_run()
        seen.append(run and run.info.run_name)

    monkeypatch.setattr(context, "listeners", [listener])
    with fluent.start_run(run_name="outer"), fluent.start_run(run_name="inner", nested=True):
        pass
    assert seen == ["outer", "inner", "outer", None]


def test_a_run_at_rest_takes_what_is_logged_and_makes_way_for_another() -> None:
    first = fluent.start_run()
    context.rest(first)
    fluent.log_metric("late", 1.0)
    stored = Client().get_run(first.run_id)
    assert (stored.info.status, stored.data.metrics) == ("FINISHED", {"late": 1.0})
    with fluent.start_run() as second:
        assert context.active_run() is second
    assert context.active_run() is None
    first.resume()
    assert Client().get_run(first.run_id).info.status == "RUNNING"
    first.end()


def test_a_run_at_rest_stays_as_it_is_when_the_process_ends() -> None:
    code = "from core_client import context\ncontext.rest(fluent.start_run())\n"
    assert after(code) == ["FINISHED"]


def test_many_steps_are_written_at_once() -> None:
    with fluent.start_run() as run:
        run.log_steps([(step, 10 + step, {"a": step / 2, "b": float("nan")}) for step in range(3)])
    history = Client().get_metric_history(run.run_id, "a")
    assert [(point.step, point.timestamp, point.value) for point in history] == [
        (0, 10, 0.0),
        (1, 11, 0.5),
        (2, 12, 1.0),
    ]
    assert len(Client().get_metric_history(run.run_id, "b")) == 3


def test_watchers_can_still_write_to_a_run_that_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    class Watcher:
        def beginning(self, run: ActiveRun) -> None:
            assert fluent.active_run() is not run
            run.set_tag("began", run.info.run_name)

        def ending(self, run: ActiveRun) -> None:
            run.set_tag("ended", run.info.run_name)

    monkeypatch.setattr(context, "watchers", [Watcher()])
    with fluent.start_run(run_name="outer"), fluent.start_run(run_name="inner", nested=True) as run:
        run.child("never active").end()
    found = Client().search_runs(["0"])
    tags = {
        one.info.run_name: (one.data.tags.get("began"), one.data.tags.get("ended")) for one in found
    }
    assert tags == {
        "outer": ("outer", "outer"),
        "inner": ("inner", "inner"),
        "never active": (None, None),
    }
