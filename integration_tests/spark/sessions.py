"""What makes a session of Spark small and tidy, and sessions in a process of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.project import ROOT

SMALL = {
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.default.parallelism": "2",
    "spark.driver.host": "localhost",
    "spark.driver.memory": "1g",
    "spark.log.level": "ERROR",
    "spark.driver.extraJavaOptions": "-Dderby.stream.error.file=/dev/null",
}
BEGINNING = f"""
import sys, autolog
from pyspark.sql import SparkSession

SMALL = {SMALL!r}
folder = sys.argv[1]

def session():
    return SparkSession.builder.master("local[2]").config(map=SMALL).getOrCreate()
"""
NOISE = re.compile("py4j|autolog|Exception|Traceback| ERROR ")


def tidy(folder: Path) -> dict[str, str]:
    """Variables by which Spark keeps in a folder what else it leaves behind in /tmp."""
    return {
        "TMPDIR": str(folder),
        "SPARK_LOCAL_DIRS": str(folder),
        "SPARK_SUBMIT_OPTS": f"-Djava.io.tmpdir={folder}",
    }


def run_session(code: str, folder: Path) -> tuple[str, list[str]]:
    """What the script prints, and the lines of its error stream that a user would wonder about."""
    aside = folder / "aside"
    aside.mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-c", BEGINNING + code, folder],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **tidy(aside)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, [line for line in done.stderr.splitlines() if NOISE.search(line)]
