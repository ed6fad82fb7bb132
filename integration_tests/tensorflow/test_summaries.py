"""Scalars of summary writers become metrics of the run that is active when they are written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

import autolog
from autolog.tensorflow.events import EventFiles
from core_client.client import Client
from integration_tests.reading import only_run, runs
from tests.project import ROOT


def points(run: Any, name: str) -> list[tuple[int, float]]:
    history = Client().get_metric_history(run.info.run_id, name)
    return sorted((point.step, round(point.value, 6)) for point in history)


def writer(name: str = "logs") -> Any:
    return tf.summary.create_file_writer(name)


def in_graph(of: Any) -> Any:
    """A step that writes from within a graph, which Python sees once."""

    @tf.function
    def step(number: Any) -> None:
        with of.as_default():
            tf.summary.scalar("loss", 1 / (tf.cast(number, tf.float32) + 1), step=number)

    return lambda number: step(tf.constant(number, tf.int64))


def test_scalars_from_python_and_from_a_graph() -> None:
    autolog.tensorflow.autolog()
    logs = writer()
    step = in_graph(logs)
    step(0)  # no run is active
    for _ in range(2):
        with autolog.start_run():
            step(1)
            step(3)
            with logs.as_default(), tf.name_scope("layer"):
                tf.summary.scalar("norm (l2)", 2, step=5)
                tf.summary.histogram("weights", [1.0, 2.0], step=5)
        step(7)
    assert len(runs()) == 2
    for run in runs():
        assert points(run, "loss") == [(1, 0.5), (3, 0.25)]
        assert points(run, "layer/norm _l2_") == [(5, 2.0)]
        assert set(run.data.metrics) == {"loss", "layer/norm _l2_"}
        [point] = Client().get_metric_history(run.info.run_id, "layer/norm _l2_")
        assert run.info.start_time <= point.timestamp <= run.info.end_time
    # The user's own file has all of them.
    assert len(list(EventFiles.since_ever("logs").points())) == 9


def test_a_run_that_begins_while_a_writer_is_in_use() -> None:
    autolog.tensorflow.autolog()
    with writer().as_default():
        tf.summary.scalar("loss", 9, step=0)
        with autolog.start_run():
            tf.summary.scalar("loss", 1, step=1)
            with autolog.start_run(nested=True):
                pass  # the writer was made the default one outside of it
            tf.summary.scalar("loss", 2, step=2)
        tf.summary.scalar("loss", 9, step=3)
    assert [points(run, "loss") for run in runs()] == [[(1, 1.0), (2, 2.0)], []]


def test_a_nested_run_has_what_is_written_in_it() -> None:
    autolog.tensorflow.autolog()
    logs = writer()
    with autolog.start_run(), logs.as_default():
        tf.summary.scalar("loss", 1, step=1)
        with autolog.start_run(nested=True), logs.as_default():
            tf.summary.scalar("loss", 2, step=2)
        tf.summary.scalar("loss", 3, step=3)
    assert [points(run, "loss") for run in runs()] == [[(1, 1.0), (3, 3.0)], [(2, 2.0)]]


def test_writers_of_several_folders_are_told_apart() -> None:
    autolog.tensorflow.autolog()
    with autolog.start_run():
        train, test = writer("logs/train"), writer("logs/test")
        for step in range(3):
            with train.as_default(step):
                tf.summary.scalar("loss", step)
            with test.as_default(step):
                tf.summary.scalar("loss", 10 + step)
                tf.summary.scalar("accuracy", 0.5)
    run = only_run()
    assert points(run, "loss") == [(0, 0.0), (1, 1.0), (2, 2.0)]
    assert points(run, "test/loss") == [(0, 10.0), (1, 11.0), (2, 12.0)]
    assert run.data.metrics["accuracy"] == 0.5


def test_a_name_belongs_to_the_folder_that_had_it_first_be_it_in_a_graph() -> None:
    autolog.tensorflow.autolog()
    in_a_graph, test = in_graph(writer("logs/train")), writer("logs/test")
    with autolog.start_run(), test.as_default():
        in_a_graph(1)
        tf.summary.scalar("loss", 7, step=1)
        in_a_graph(3)
    run = only_run()
    assert points(run, "loss") == [(1, 0.5), (3, 0.25)]
    assert points(run, "test/loss") == [(1, 7.0)]


def test_every_nth_step() -> None:
    autolog.tensorflow.autolog(every_n_iter=3)
    with autolog.start_run(), writer().as_default():
        for step in range(7):
            tf.summary.scalar("loss", step, step=step)
    assert points(only_run(), "loss") == [(1, 1.0), (4, 4.0)]


def test_values_are_there_before_the_run_ends() -> None:
    from autolog.tensorflow import summaries

    autolog.tensorflow.autolog()
    with autolog.start_run() as run, writer().as_default():
        tf.summary.scalar("loss", float("nan"), step=1)
        summaries.collect()  # what a thread does now and then
        [point] = Client().get_metric_history(run.run_id, "loss")
        assert point.value != point.value


KILLED = """
import os, signal, autolog, tensorflow as tf
autolog.tensorflow.autolog()
autolog.start_run()
writer = tf.summary.create_file_writer("new")
with writer.as_default():
    for step in range(3):
        tf.summary.scalar("loss", tf.constant(step / 2), step=tf.constant(step, tf.int64))
with tf.Graph().as_default():
    old = tf.compat.v1.summary.FileWriter("old")
    value = tf.compat.v1.Summary.Value(tag="error", simple_value=4)
    old.add_summary(tf.compat.v1.Summary(value=[value]), 7)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_python_writes_survives_a_kill() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([sys.executable, "-c", KILLED], env=environment)
    assert done.returncode == -signal.SIGKILL
    run = only_run()
    assert points(run, "loss") == [(0, 0.0), (1, 0.5), (2, 1.0)]
    assert points(run, "error") == [(7, 4.0)]
    assert run.info.status == "KILLED"


def test_each_value_is_recorded_once_however_it_is_written() -> None:
    from autolog.tensorflow import summaries

    autolog.tensorflow.autolog()
    logs = writer()
    in_a_graph = in_graph(logs)
    with autolog.start_run(), logs.as_default():
        for step in (1, 3):
            tf.summary.scalar("loss", 7, step=step)
            tf.summary.scalar("loss", 8, step=step)
            in_a_graph(step)
            summaries.collect()
    expected = [(1, 0.5), (1, 7.0), (1, 8.0), (3, 0.25), (3, 7.0), (3, 8.0)]
    assert points(only_run(), "loss") == expected


def test_old_writers() -> None:
    v1 = tf.compat.v1
    autolog.tensorflow.autolog()
    with autolog.start_run(), tf.Graph().as_default(), v1.Session() as session:
        value = v1.placeholder(tf.float32)
        v1.summary.scalar("loss", value)
        merged = v1.summary.merge_all()
        with v1.summary.FileWriter(Path("logs/v1"), session.graph) as logs:
            for step in range(3):
                logs.add_summary(session.run(merged, {value: step / 2}), step)
            made = v1.Summary(value=[v1.Summary.Value(tag="by hand", simple_value=4)])
            logs.add_summary(made, 7)
    run = only_run()
    assert points(run, "loss") == [(0, 0.0), (1, 0.5), (2, 1.0)]
    assert points(run, "by hand") == [(7, 4.0)]


def test_a_writer_within_a_session() -> None:
    from autolog.tensorflow import summaries

    autolog.tensorflow.autolog()
    with autolog.start_run(), tf.Graph().as_default() as graph, tf.compat.v1.Session() as session:
        logs = writer("logs/graph")
        step = tf.compat.v1.placeholder(tf.int64, ())
        with logs.as_default():
            write = tf.summary.scalar("loss", 2 * step, step=step)
        flush = logs.flush()
        operations = len(graph.get_operations())
        session.run(logs.init())
        for number in range(3):
            session.run(write, {step: number})
        session.run(flush)
        thread = threading.Thread(target=summaries.collect)
        thread.start()
        thread.join()
        assert len(graph.get_operations()) == operations
    assert points(only_run(), "loss") == [(0, 0.0), (1, 2.0), (2, 4.0)]


def test_runs_in_threads_are_not_mixed() -> None:
    autolog.tensorflow.autolog()
    together = threading.Barrier(3)

    def train(number: int) -> None:
        logs = writer(f"logs/{number}")
        together.wait()
        with autolog.start_run(run_name=str(number)):
            together.wait()
            with logs.as_default():
                for step in range(20):
                    tf.summary.scalar("loss", number, step=step)
            together.wait()

    threads = [threading.Thread(target=train, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for run in runs():
        assert points(run, "loss") == [(step, float(run.info.run_name)) for step in range(20)]


def test_a_run_of_the_users_own_is_left_alone_if_asked() -> None:
    autolog.tensorflow.autolog(exclusive=True)
    with autolog.start_run(), writer().as_default():
        tf.summary.scalar("loss", 1, step=1)
    assert only_run().data.metrics == {}


def test_a_process_that_works_for_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    autolog.tensorflow.autolog()
    with writer().as_default():
        monkeypatch.setenv("RANK", "1")
        with autolog.start_run():
            tf.summary.scalar("loss", 1, step=1)
    assert only_run().data.metrics == {}


def test_switched_off_while_a_run_is_active() -> None:
    autolog.tensorflow.autolog()
    logs = writer()
    with autolog.start_run():
        with logs.as_default():
            tf.summary.scalar("loss", 1, step=1)
        autolog.tensorflow.autolog(disable=True)
    with autolog.start_run(), logs.as_default():
        tf.summary.scalar("loss", 1, step=1)
    assert runs()[1].data.metrics == {}


def test_a_writer_that_is_closed_or_gone() -> None:
    autolog.tensorflow.autolog()
    with autolog.start_run():
        logs = writer("logs/a")
        with logs.as_default():
            tf.summary.scalar("a", 1, step=1)
        logs.close()
        with writer("logs/b").as_default():
            tf.summary.scalar("b", 2, step=1)
    assert only_run().data.metrics == {"a": 1, "b": 2}


def test_half_a_record_is_waited_for(tmp_path: Path) -> None:
    with writer(str(tmp_path)).as_default():
        tf.summary.scalar("loss", 1, step=1)
        tf.summary.scalar("loss", 2, step=2)
    tf.summary.flush()
    [path] = tmp_path.glob("events*")
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    files = EventFiles.since_ever(str(tmp_path))
    assert [point.step for point in files.points()] == [1]
    path.write_bytes(whole)
    assert [point.step for point in files.points()] == [2]
    assert list(files.points()) == []


@pytest.mark.parametrize("folder", ["", "deep/er"])
def test_another_processs_file_is_not_read(tmp_path: Path, folder: str) -> None:
    files = EventFiles(str(tmp_path / folder))
    with writer(str(tmp_path / folder)).as_default() as _:
        tf.summary.scalar("loss", 1, step=1)
        tf.summary.flush()
    [path] = (tmp_path / folder).glob("events*")
    name = path.name.split(".")
    name[-3] = "1"  # the number of the process
    (tmp_path / folder / ".".join(name)).write_bytes(path.read_bytes())
    assert len(list(files.points())) == 1
