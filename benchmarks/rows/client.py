"""Importing, logging and reading: no framework is trained here."""

from __future__ import annotations

import importlib
import json
import mmap
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from benchmarks.measure import Row, measure

IMPORT = """
import json, resource, sys, time
modules, memory = len(sys.modules), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
started = time.perf_counter()
import {library}
imported = time.perf_counter()
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
modules = len(sys.modules) - modules
heavy = sum(name in sys.modules for name in {heavy!r})
before_autolog = time.perf_counter()
{library}.autolog()
done = time.perf_counter()
print(json.dumps([(imported - started) * 1e3, memory / 1024, modules, heavy,
                  (done - before_autolog) * 1e3]))
"""
HEAVY = ("numpy", "pandas", "wrapt", "sqlalchemy", "yaml", "logging")

COLD = """
import {library} as mlflow
with mlflow.start_run():
    for step in range(10):
        mlflow.log_metric("loss", 1.0, step=step)
"""

ENDLESS = """
import itertools, mmap
import {library} as mlflow
with open("returned", "r+b") as file:
    returned = mmap.mmap(file.fileno(), 8)
mlflow.start_run()
mlflow.log_metric("warm", 0)
options = {options}
for step in itertools.count():
    mlflow.log_metric("loss", 1.0, step=step, **options)
    returned[:] = (step + 1).to_bytes(8, "little")
"""


def command(code: str, **values: object) -> list[str]:
    """What runs a piece of code in a new Python."""
    return [sys.executable, "-c", code.format(**values)]


def run(arguments: list[str]) -> str:
    """What a command prints; if it fails, its last line tells why."""
    done = subprocess.run(arguments, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    return done.stdout


def memory() -> float:
    """The most memory this process has held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@measure(
    Row("import, over bare Python", "ms", at_most=15),
    Row("import, memory", "MiB", at_most=5),
    Row("import, modules", ""),
    Row("import, heavy modules loaded", "", at_most=0),
    Row("autolog() with frameworks installed", "ms", at_most=10),
    pairs=7,
)
def importing(library: str) -> list[float]:
    # The first start writes the compiled files; nobody waits for that twice.
    outputs = [run(command(IMPORT, library=library, heavy=HEAVY)) for _ in range(2)]
    return list(json.loads(outputs[-1].splitlines()[-1]))


@measure(Row("cold script: import, run, ten values, new database", "ms", at_most=400))
def cold_script(library: str) -> list[float]:
    started = time.perf_counter()
    run(command(COLD, library=library))
    return [(time.perf_counter() - started) * 1e3]


@measure(
    Row("log_metric, median", "µs", at_most=5),
    Row("log_metric, 99th percentile", "µs", at_most=50),
    pairs=3,
)
def log_metric(library: str) -> list[float]:
    mlflow = importlib.import_module(library)
    calls = 50_000 if library == "autolog" else 1_000
    durations = []
    with mlflow.start_run():
        mlflow.log_metric("warm", 0)
        for step in range(calls):
            started = time.perf_counter()
            mlflow.log_metric("loss", 1.0, step=step)
            durations.append(time.perf_counter() - started)
    return [median(durations) * 1e6, quantiles(durations, n=100)[98] * 1e6]


def stored_points() -> int:
    """How many points of the metric `loss` stand in the database of this folder."""
    with sqlite3.connect("mlflow.db") as database:
        (count,) = database.execute("SELECT count(*) FROM metrics WHERE key = 'loss'").fetchone()
    return int(count)


@measure(Row("points reaching the database, one call each", "/s", at_least=100_000), pairs=3)
def single_points(library: str) -> list[float]:
    mlflow = importlib.import_module(library)
    calls = 200_000 if library == "autolog" else 1_000
    with mlflow.start_run():
        mlflow.log_metric("warm", 0)
        mlflow.flush_async_logging()
        started = time.perf_counter()
        for step in range(calls):
            mlflow.log_metric("loss", 1.0, step=step)
        mlflow.flush_async_logging()
        seconds = time.perf_counter() - started
    assert stored_points() == calls
    return [calls / seconds]


@measure(Row("points reaching the database, in batches of 1000", "/s", at_least=100_000), pairs=3)
def batched_points(library: str) -> list[float]:
    mlflow = importlib.import_module(library)
    client: Any = mlflow.MlflowClient()
    metric = importlib.import_module(f"{library}.entities").Metric
    batches = [
        [metric("loss", 1.0, 1, step) for step in range(first, first + 1000)]
        for first in range(0, 200_000 if library == "autolog" else 20_000, 1000)
    ]
    with mlflow.start_run() as run:
        mlflow.log_metric("warm", 0)
        mlflow.flush_async_logging()
        started = time.perf_counter()
        for batch in batches:
            client.log_batch(run.info.run_id, metrics=batch)
        mlflow.flush_async_logging()
        seconds = time.perf_counter() - started
    assert stored_points() == len(batches) * 1000
    return [len(batches) * 1000 / seconds]


@measure(Row("kill -9 after 2 s of logging (MLflow: async), points lost", "%", at_most=0), pairs=3)
def killed(library: str) -> list[float]:
    Path("returned").write_bytes(bytes(8))
    options = {} if library == "autolog" else {"synchronous": False}
    process = subprocess.Popen(command(ENDLESS, library=library, options=options))
    with open("returned", "r+b") as file:
        returned = mmap.mmap(file.fileno(), 8)
    while not int.from_bytes(returned[:], "little"):
        time.sleep(0.01)  # the start is not part of the two seconds
        assert process.poll() is None, "the logging process ended by itself"
    time.sleep(2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    count = int.from_bytes(returned[:], "little")
    if library == "autolog":
        run([str(Path(sys.executable).with_name("autolog")), "sync"])
    return [max(0, count - stored_points()) / count * 100]


@measure(
    Row("1 M points in one run, memory gained", "MiB", at_most=16),
    Row("1 M points in one run, until all are stored", "s"),
    pairs=1,
    libraries=("autolog",),
)
def million_points(library: str) -> list[float]:
    mlflow = importlib.import_module(library)
    with mlflow.start_run():
        for step in range(20_000):
            mlflow.log_metric("warm", 1.0, step=step)
        mlflow.flush_async_logging()
        before, started = memory(), time.perf_counter()
        for step in range(1_000_000):
            mlflow.log_metric("loss", 1.0, step=step)
        mlflow.flush_async_logging()
    assert stored_points() == 1_000_000
    return [memory() - before, time.perf_counter() - started]


@measure(Row("10,000 runs searched, first page of 100", "ms", at_most=50), pairs=1)
def ten_thousand_runs(library: str) -> list[float]:
    run(command(MANY_RUNS))
    mlflow = importlib.import_module(library)
    client = mlflow.MlflowClient()
    durations = []
    for _ in range(7):
        started = time.perf_counter()
        page = client.search_runs(
            ["0"], "metrics.loss < 0.5", order_by=["metrics.loss ASC"], max_results=100
        )
        durations.append(time.perf_counter() - started)
        assert len(page) == 100
    return [median(durations[1:]) * 1e3]


# Written by us for both, since MLflow takes minutes for it.
MANY_RUNS = """
import autolog
client = autolog.MlflowClient()
for place in range(10_000):
    run_id = client.create_run("0").info.run_id
    client.log_param(run_id, "place", place)
    client.log_metric(run_id, "loss", place / 10_000)
    client.set_terminated(run_id)
"""
