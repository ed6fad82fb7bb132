"""Runs on MLflow's own server, which is started for each sample with an SQLite database."""

from __future__ import annotations

import contextlib
import importlib
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from benchmarks.measure import Row, measure
from integration_tests.servers.mlflow_server import MlflowServer

GIVEN_UP = 60.0  # seconds after which nobody waits any longer for a fit

FITS = """
import time
import numpy as np
from sklearn.linear_model import LogisticRegression
import {library} as mlflow
rows = np.random.default_rng(1).normal(size=(3000, 20))
wanted = rows[:, 0] > 0
def seconds():
    began = time.perf_counter()
    LogisticRegression().fit(rows, wanted)
    return time.perf_counter() - began
seconds()
own = min(seconds() for _ in range(5))
mlflow.sklearn.autolog(log_models=False, log_datasets=False, silent=True)
seconds()
print("away", flush=True)
input()
print(max(seconds() for _ in range(5)) - own, flush=True)
"""


@contextlib.contextmanager
def served() -> Iterator[MlflowServer]:
    """A server in this folder, which the environment names as the place of runs."""
    server = MlflowServer(sys.executable, Path.cwd())
    server.start()
    os.environ["MLFLOW_TRACKING_URI"] = server.url
    try:
        yield server
    finally:
        server.kill()


def stored_points() -> int:
    """How many points of the metric `loss` stand in the server's database."""
    with contextlib.closing(sqlite3.connect("server.db")) as database:
        query = "SELECT count(*) FROM metrics WHERE key = 'loss'"
        return int(database.execute(query).fetchone()[0])


@measure(
    Row("log_metric over HTTP, median", "µs", at_most=5),
    Row("log_metric over HTTP, 99th percentile", "µs", at_most=50),
    Row("points through mlflow server, one call each", "/s", at_least=5_000),
    pairs=3,
)
def log_metric(library: str) -> list[float]:
    calls = 50_000 if library == "autolog" else 200
    durations = []
    with served():
        mlflow = importlib.import_module(library)
        with mlflow.start_run():
            mlflow.log_metric("warm", 0)
            mlflow.flush_async_logging()
            began = time.perf_counter()
            for step in range(calls):
                started = time.perf_counter()
                mlflow.log_metric("loss", 1.0, step=step)
                durations.append(time.perf_counter() - started)
            mlflow.flush_async_logging()
            seconds = time.perf_counter() - began
        assert stored_points() == calls
    return [median(durations) * 1e6, quantiles(durations, n=100)[98] * 1e6, calls / seconds]


@measure(Row("points through mlflow server, in batches of 1000", "/s", at_least=5_000), pairs=3)
def batched_points(library: str) -> list[float]:
    with served():
        mlflow = importlib.import_module(library)
        client: Any = mlflow.MlflowClient()
        metric = importlib.import_module(f"{library}.entities").Metric
        batches = [
            [metric("loss", 1.0, 1, step) for step in range(first, first + 1000)]
            for first in range(0, 50_000 if library == "autolog" else 20_000, 1000)
        ]
        with mlflow.start_run() as run:
            mlflow.log_metric("warm", 0)
            mlflow.flush_async_logging()
            began = time.perf_counter()
            for batch in batches:
                client.log_batch(run.info.run_id, metrics=batch)
            mlflow.flush_async_logging()
            seconds = time.perf_counter() - began
        assert stored_points() == len(batches) * 1000
    return [len(batches) * 1000 / seconds]


@measure(
    Row(
        f"server down: slowest fit beyond its own ({GIVEN_UP:.0f} s: given up)",
        "s",
        at_most=0.2,
    ),
    pairs=1,
)
def server_down(library: str) -> list[float]:
    """Against the same fit that nobody records. MLflow's own retries take minutes, which nobody
    waits for."""
    with served() as server, subprocess.Popen(
        [sys.executable, "-c", FITS.format(library=library)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        while process.stdout.readline() != "away\n":  # MLflow prints where its runs are
            assert process.poll() is None, "the fits with the server failed"
        server.kill()
        try:
            out, _ = process.communicate("\n", timeout=GIVEN_UP)
        except subprocess.TimeoutExpired:
            process.kill()
            return [GIVEN_UP]
    return [float(out.split()[-1])]
