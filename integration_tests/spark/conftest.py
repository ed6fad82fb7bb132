"""One Spark session for all tests of a process; a start takes seconds."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from integration_tests.artifacts.conftest import ftp_folder, ftp_server
from integration_tests.spark.sessions import SMALL, tidy

__all__ = ["ftp_folder", "ftp_server"]

os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:  # what Spark says to its users is not looked at
        item.add_marker(pytest.mark.filterwarnings("ignore"))


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from pyspark.sql import SparkSession

    os.environ.update(tidy(tmp_path_factory.mktemp("aside")))
    builder = SparkSession.builder.master("local[2]").config(map=SMALL)
    warehouse = tmp_path_factory.mktemp("warehouse")
    session = builder.config("spark.sql.warehouse.dir", str(warehouse)).getOrCreate()
    yield session
    process = session.sparkContext._gateway.proc
    session.stop()
    process.stdin.close()  # which is how the JVM knows that it is not needed any more
    process.wait(60)


@pytest.fixture(scope="session")
def data(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with the same 50 rows in every format of files."""
    folder = str(tmp_path_factory.mktemp("data"))
    frame = spark.range(50).selectExpr("id", "id / 2 AS half", "'row ' || id AS name")
    for format in ("csv", "json", "parquet", "orc"):
        frame.write.format(format).option("header", True).save(f"{folder}/{format}")
    frame.select("name").write.text(f"{folder}/text")
    return folder
