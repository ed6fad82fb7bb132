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

TIMES = 30


def bare_and_added(work: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds of one call, and what is added to them: medians of calls in turn."""
    import autolog

    taken: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(TIMES):
        for on, times in taken.items():
            autolog.spark.autolog(disable=not on)
            work()  # the first event after a change of mind is not like the others
            began = perf_counter()
            work()
            times.append(1000 * (perf_counter() - began))
    bare = median(taken[False])
    return bare, median(taken[True]) - bare


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

    with autolog.start_run():
        query = bare_and_added(frame.count)
        opening = bare_and_added(lambda: spark.read.parquet(path))
    _, running = bare_and_added(run)
    spark.stop()
    return [*query, *opening, running]
