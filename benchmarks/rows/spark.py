"""What recording of reads adds to Spark: to a query, and to opening a source."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from benchmarks.measure import Row, measure

WARM = 300  # calls until the JVM has compiled what they need
BLOCKS = 20  # of calls in turn with and without recording; what is added is the median of pairs
CALLS = 30  # of a block


def session() -> Any:
    os.environ["PYSPARK_PYTHON"] = sys.executable
    from pyspark.sql import SparkSession

    small = {
        "spark.master": "local[2]",
        "spark.ui.enabled": "false",
        "spark.log.level": "ERROR",
        "spark.local.dir": str(Path("spark").absolute()),
    }
    return SparkSession.builder.config(map=small).getOrCreate()


def cpu(spark: Any) -> float:
    """Milliseconds that Python and the JVM have worked so far, together."""
    about = Path(f"/proc/{spark.sparkContext._gateway.proc.pid}/stat").read_text()
    java = sum(map(int, about.rpartition(")")[2].split()[11:13])) / os.sysconf("SC_CLK_TCK")
    return 1000 * (sum(os.times()[:2]) + java)


def block(spark: Any, work: Callable[[], object], recording: bool) -> tuple[float, float]:
    """Median time of a call and CPU time per call, in ms, events of them included."""
    import autolog

    bus = spark._jsc.sc().listenerBus()
    autolog.spark.autolog(disable=not recording)
    work()  # the first event after a change of mind is not like the others
    bus.waitUntilEmpty(60_000)
    began, times = cpu(spark), []
    for _ in range(CALLS):
        before = perf_counter()
        work()
        times.append(1000 * (perf_counter() - before))
    bus.waitUntilEmpty(60_000)
    return median(times), (cpu(spark) - began) / CALLS


def bare_and_added(spark: Any, work: Callable[[], object]) -> tuple[float, float, float, float]:
    """Time and CPU time of a bare call, and what recording adds to each, in ms."""
    import autolog

    autolog.spark.autolog()
    for _ in range(WARM):
        work()
    pairs = []
    for number in range(BLOCKS):
        order = (False, True) if number % 2 else (True, False)
        taken = {recording: block(spark, work, recording) for recording in order}
        pairs.append((taken[False], taken[True]))
    return (
        median(bare[0] for bare, _ in pairs),
        median(ours[0] - bare[0] for bare, ours in pairs),
        median(bare[1] for bare, _ in pairs),
        median(ours[1] - bare[1] for bare, ours in pairs),
    )


@measure(
    Row("spark: a query of 1000 rows, bare", "ms"),
    Row("spark: added to it", "ms"),
    Row("spark: a query's CPU time, Java and Python, bare", "ms"),
    Row("spark: added to it, in the background", "ms"),
    Row("spark: read.parquet with a schema, bare", "ms"),
    Row("spark: added to it, in the user's thread", "ms"),
    pairs=3,
    libraries=("autolog",),
)
def reads(library: str) -> list[float]:
    import autolog

    spark = session()
    path = str(Path("rows").absolute())
    spark.range(1000).write.parquet(path)
    frame = spark.read.parquet(path)
    reader = spark.read.schema(frame.schema)

    with autolog.start_run():
        query = bare_and_added(spark, frame.count)
        opening = bare_and_added(spark, lambda: reader.parquet(path))
    spark.stop()
    return [*query, *opening[:2]]
