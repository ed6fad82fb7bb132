"""Sessions that come, go and die, each in a process of its own."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from core_client.client import Client
from integration_tests.spark.sessions import run_session


def tags(folder):
    """Name of each run and the lines of its tag."""
    found = Client(f"sqlite:///{folder}/mlflow.db").search_runs(["0"])
    assert {run.info.status for run in found} == {"FINISHED"}
    return {
        run.info.run_name: run.data.tags.get("sparkDatasourceInfo", "").split("\n") for run in found
    }


STOPPED_AND_STARTED = """
spark = session()
spark.range(3).write.parquet(folder + "/one")
spark.range(3).write.orc(folder + "/two")
frame = spark.read.parquet(folder + "/one")
autolog.autolog()  # after the session
with autolog.start_run(run_name="first"):
    frame.count()
frame.count()
spark.stop()
with autolog.start_run(run_name="without"):
    pass
spark = session()
import threading
from autolog.spark import listener, reads
asked, drain, note_later = threading.Event(), listener.Attached.drain, reads.note_later
listener.Attached.drain = lambda self: (asked.set(), drain(self))
reads.note_later = lambda found: asked.wait(30) and note_later(found)
with autolog.start_run(run_name="second"):
    asked.clear()
    # Only the event tells, and the run ends before it has come.
    spark.catalog.createTable("two", folder + "/two", "orc").count()
asked.clear()
spark.read.orc(folder + "/two").count()  # and the process ends, the session unstopped
"""


def test_stopped_and_started_again(tmp_path):
    _printed, noise = run_session(STOPPED_AND_STARTED, tmp_path)
    assert noise == []
    one, two = f"path=file:{tmp_path}/one,format=parquet", f"path=file:{tmp_path}/two,format=orc"
    assert tags(tmp_path) == {"first": [one], "without": [one], "second": [one, two]}


DYING = """
autolog.spark.autolog()
spark = session()
spark.range(3).write.parquet(folder + "/one")
with autolog.start_run(run_name="bereft"):
    spark.read.parquet(folder + "/one").count()
    process = spark.sparkContext._gateway.proc
    process.kill()
    process.wait()
    try:
        spark.read.parquet(folder + "/one")
    except Exception as error:
        print(type(error).__name__)
with autolog.start_run(run_name="later"):
    autolog.log_metric("m", 1)
"""


def test_a_session_that_dies(tmp_path):
    printed, noise = run_session(DYING, tmp_path)
    assert printed.strip() in ("ConnectionRefusedError", "Py4JNetworkError")
    assert [line for line in noise if "autolog" in line] == []  # Spark says enough itself
    assert tags(tmp_path)["bereft"] == [f"path=file:{tmp_path}/one,format=parquet"]


CONNECTED = """
import contextlib, io, os, re
os.environ["SPARK_TESTING"] = "1"  # a free port
from pyspark import SparkContext
from pyspark.sql import SparkSession
autolog.spark.autolog()
spark = SparkSession.builder.remote("local[2]").config(map=SMALL).getOrCreate()
spark.range(50).write.parquet(folder + "/one")
spark.range(50).write.option("header", True).csv(folder + "/two")
spark.range(50).write.saveAsTable("numbers")
with autolog.start_run(run_name="frames"):
    one = spark.read.parquet(folder + "/one")
    two = spark.read.csv(folder + "/two", header=True, inferSchema=True)
    print(one.join(two, "id").count())
with autolog.start_run(run_name="tables"):
    spark.table("numbers").count()
with autolog.start_run(run_name="query"):
    spark.sql(
        "WITH a AS (SELECT id FROM numbers) SELECT a.id FROM a"
        f" JOIN parquet.`{folder}/one` USING (id) WHERE 'from x' <> 'join y'"
    ).collect()
with autolog.start_run(run_name="nothing"):
    spark.range(3).collect()
with autolog.start_run(run_name="stream"):
    stream = spark.readStream.schema("id long").parquet(folder + "/one").writeStream
    stream.trigger(availableNow=True).format("noop").start().awaitTermination()
secret = "jdbc:derby:memory:db;create=true;user=me;password=hidden"
with autolog.start_run(run_name="secret"):
    try:
        spark.read.jdbc(secret, "NOWHERE").count()
    except Exception:
        print("no such table")
from pyspark.ml import Pipeline
from pyspark.ml.evaluation import RegressionEvaluator
from pyspark.ml.feature import VectorAssembler
from pyspark.ml.regression import LinearRegression
autolog.pyspark.ml.autolog()
rows = spark.range(20).selectExpr("id", "id * 2.0D AS label")
with autolog.start_run(run_name="pipeline") as run:
    stages = [VectorAssembler(inputCols=["id"], outputCol="features"), LinearRegression()]
    model = Pipeline(stages=stages).fit(rows)
    made = model.transform(rows)
    print(round(RegressionEvaluator().evaluate(made), 3))
loaded = autolog.spark.load_model(f"runs:/{run.info.run_id}/model")
print([row.prediction for row in loaded.transform(rows).collect()]
      == [row.prediction for row in made.collect()])
def jobs():
    context = SparkContext._gateway.jvm.org.apache.spark.SparkContext.getOrCreate()
    return context.statusStore().jobsList(None).size()
def told():
    before = jobs()
    frame = spark.read.csv(folder + "/two", header=True, inferSchema=True).groupBy("id").count()
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        frame.explain("extended")
    plans = re.sub("#[0-9]+|plan_id=[0-9]+", "", text.getvalue())
    return sorted(map(tuple, frame.collect())), plans, jobs() - before
ours = told()
autolog.disable()
print(told() == ours)
with autolog.start_run(run_name="off"):
    spark.table("numbers").count()
autolog.spark.autolog()  # after the session
with autolog.start_run(run_name="on again"):
    spark.table("numbers").count()
spark.stop()
"""


CONNECT = pytest.mark.skipif(
    not find_spec("grpc"), reason="this version of Spark is tested without Connect"
)


@CONNECT
def test_connect(tmp_path):
    printed, noise = run_session(CONNECTED, tmp_path)
    assert printed.splitlines() == ["50", "no such table", "0.0", "True", "True"]
    # A server that is stopped complains by itself, of calls that come late.
    assert [line for line in noise if "autolog" in line or "Traceback" in line] == []
    one = f"path={tmp_path}/one,format=parquet"
    assert {name: set(lines) for name, lines in tags(tmp_path).items()} == {
        "frames": {one, f"path={tmp_path}/two,format=csv"},
        "tables": {"path=numbers,format=table"},
        "query": {one, "path=numbers,format=table"},
        "nothing": {""},
        "stream": {one},
        "secret": {
            "path=jdbc:derby:memory:db;create=true;user=me;password=***:NOWHERE,format=jdbc"
        },
        "pipeline": {""},
        "off": {""},
        "on again": {"path=numbers,format=table"},
    }
    found = Client(f"sqlite:///{tmp_path}/mlflow.db").search_runs(
        ["0"], "attributes.run_name = 'pipeline'"
    )
    (run,) = found
    assert run.data.params["stages"] == "['VectorAssembler', 'LinearRegression']"
    assert list(run.data.metrics) == ["rmse_rows"]
    assert {one.dataset.name for one in run.inputs.dataset_inputs} == {"rows"}


CONNECTED_AND_DYING = """
import os
os.environ["SPARK_TESTING"] = "1"  # a free port
from pyspark import SparkContext
from pyspark.sql import SparkSession
autolog.spark.autolog()
spark = SparkSession.builder.remote("local[2]").config(map=SMALL).getOrCreate()
spark.client.set_retry_policies([])  # it would wait for minutes, at the exit too
spark.range(3).write.parquet(folder + "/one")
with autolog.start_run(run_name="bereft"):
    spark.read.parquet(folder + "/one").count()
    SparkContext._gateway.proc.kill()
    SparkContext._gateway.proc.wait()
    try:
        spark.read.parquet(folder + "/one").count()
    except Exception as error:
        print(type(error).__name__)
with autolog.start_run(run_name="later"):
    autolog.log_metric("m", 1)
"""


@CONNECT
def test_a_server_that_dies(tmp_path):
    printed, noise = run_session(CONNECTED_AND_DYING, tmp_path)
    assert printed.strip() == "SparkConnectGrpcException"
    assert [line for line in noise if "autolog" in line] == []
    assert tags(tmp_path)["bereft"] == [f"path={tmp_path}/one,format=parquet"]
