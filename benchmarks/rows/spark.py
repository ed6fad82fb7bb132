"""What recording of reads adds to Spark: to a query, to opening a source, to the end of a run."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from benchmarks.measure import Row, measure

TIMES = 40


def milliseconds(work: Callable[[], object]) -> float:
    """The median time of one call."""
    taken = []
    for _ in range(TIMES):
        began = perf_counter()
        work()
        taken.append(1000 * (perf_counter() - began))
    return median(taken)


def session() -> Any:
    os.environ["PYSPARK_PYTHON"] = sys.executable
    from pyspark.sql import SparkSession

    small = {"spark.master": "local[2]", "spark.ui.enabled": "false", "spark.log.level": "ERROR"}
    return SparkSession.builder.config(map=small).getOrCreate()


@measure(
    Row("spark: a query of 1000 rows, bare", "ms"),
    Row("spark: added to it", "ms"),
    Row("spark: read.parquet, bare", "ms"),
    Row("spark: added to it, in the user's thread", "ms"),
    Row("spark: beginning and end of a run, added", "ms"),
    pairs=3,
    libraries=("autolog",),
)
def reads(library: str) -> list[float]:
    import autolog

    spark = session()
    path = str(Path("rows").absolute())
    spark.range(1000).write.parquet(path)
    frame = spark.read.parquet(path)

    def run() -> None:
        with autolog.start_run():
            pass

    works: list[Callable[[], object]] = [frame.count, lambda: spark.read.parquet(path), run]
    for work in works:
        milliseconds(work)  # the JVM gets warm
    bare = [milliseconds(work) for work in works]
    autolog.spark.autolog()
    milliseconds(frame.count)
    with autolog.start_run():
        ours = [milliseconds(work) for work in works[:2]]
    ours.append(milliseconds(run))
    spark.stop()
    query, opening, running = (one - other for one, other in zip(ours, bare, strict=True))
    return [bare[0], query, bare[1], opening, running]
