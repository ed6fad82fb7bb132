"""Reads of data sources: which runs get to know of them, and of nothing else."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from time import perf_counter

import pytest

import autolog
from autolog.spark import listener, plans, reads
from core_client.client import Client
from integration_tests.reading import only_run, runs

TAG = "sparkDatasourceInfo"


@pytest.fixture(autouse=True)
def recording(spark, data):
    autolog.spark.autolog()


def lines(run):
    """The lines of the tag of a run, sorted; `run` may still be active."""
    text = Client().get_run(run.info.run_id).data.tags.get(TAG, "")
    return sorted(text.split("\n")) if text else []


def line(path, format):
    return f"path=file:{path},format={format}"


@pytest.mark.parametrize("format", ["csv", "json", "parquet", "orc", "text"])
@pytest.mark.parametrize("sources", ["", "avro,csv,json,kafka,orc,parquet,text"], ids=["V2", "V1"])
def test_every_format_of_files(spark, data, format, sources):
    spark.conf.set("spark.sql.sources.useV1SourceList", sources)
    try:
        with autolog.start_run() as run:
            read = spark.read.format(format).option("header", True).load(f"{data}/{format}")
            assert read.count() == 50
    finally:
        spark.conf.unset("spark.sql.sources.useV1SourceList")
    assert lines(run) == [line(f"{data}/{format}", format)]
    (inputs,) = Client().get_run(run.info.run_id).inputs.dataset_inputs
    assert inputs.dataset.source_type == "spark"
    assert json.loads(inputs.dataset.source) == {"path": f"file:{data}/{format}"}
    names = [column["name"] for column in json.loads(inputs.dataset.schema)["mlflow_colspec"]]
    assert names == (["value"] if format == "text" else list(read.columns))
    assert inputs.dataset.profile in ("", None)  # nobody has counted the rows


def test_columns_told_from_text_are_no_read_of_text(spark, data):
    with autolog.start_run() as run:
        for _ in range(2):
            spark.read.csv(f"{data}/csv", header=True, inferSchema=True).count()
        spark.read.text(f"{data}/text").count()
    assert lines(run) == [line(f"{data}/csv", "csv"), line(f"{data}/text", "text")]


def test_a_text_read_of_which_only_the_event_tells(spark, data):
    autolog.spark.autolog(disable=True)
    read = spark.read.text(f"{data}/text")
    autolog.spark.autolog()
    with autolog.start_run() as run:
        read.count()
    assert lines(run) == [line(f"{data}/text", "text")]


@pytest.mark.parametrize("use", ["rdd", "foreachPartition", "toLocalIterator"])
def test_what_sends_no_event(spark, data, use):
    with autolog.start_run() as run:
        frame = spark.sql(f"SELECT * FROM parquet.`{data}/parquet` WHERE id < 10")
        if use == "rdd":
            assert frame.rdd.count() == 10
        elif use == "foreachPartition":
            frame.foreachPartition(lambda rows: None)
        else:
            assert len(list(frame.toLocalIterator())) == 10
    assert lines(run) == [line(f"{data}/parquet", "parquet")]


def test_what_was_made_before_us_is_known_by_its_event(spark, data):
    autolog.spark.autolog(disable=True)
    frame = spark.read.orc(f"{data}/orc")
    with autolog.start_run() as without:
        frame.count()
    assert lines(without) == []
    autolog.spark.autolog()
    with autolog.start_run() as run:
        frame.count()  # the run ends at once: the event is waited for
    assert lines(run) == [line(f"{data}/orc", "orc")]


def test_the_end_of_a_run_waits_for_what_spark_has_to_tell(spark, data, monkeypatch):
    autolog.spark.autolog(disable=True)
    frame = spark.read.orc(f"{data}/orc")
    autolog.spark.autolog()
    asked, drain, note_later = threading.Event(), listener.drain, reads.note_later
    monkeypatch.setattr(listener, "drain", lambda: (asked.set(), drain()))
    monkeypatch.setattr(reads, "note_later", lambda found: asked.wait(30) and note_later(found))
    with autolog.start_run() as run:
        asked.clear()
        frame.count()
    found = lines(run)
    asked.set()
    assert found == [line(f"{data}/orc", "orc")]


def test_what_is_written_to_a_database(spark, data):
    autolog.spark.autolog(disable=True)
    frame = spark.read.orc(f"{data}/orc").select("id")
    autolog.spark.autolog()
    with autolog.start_run() as run:
        frame.write.mode("overwrite").jdbc("jdbc:derby:memory:db;create=true", "IDS")
    assert lines(run) == [line(f"{data}/orc", "orc")]


def test_tables_joins_subqueries_and_what_is_written(spark, data):
    autolog.spark.autolog(disable=True)
    spark.read.parquet(f"{data}/parquet").write.mode("overwrite").saveAsTable("sevens")
    spark.read.orc(f"{data}/orc").write.mode("overwrite").saveAsTable("eights")
    spark.sql("ANALYZE TABLE sevens COMPUTE STATISTICS")
    warehouse = spark.conf.get("spark.sql.warehouse.dir").removeprefix("file:")
    sevens, eights = line(f"{warehouse}/sevens", "parquet"), line(f"{warehouse}/eights", "parquet")
    autolog.spark.autolog()
    with autolog.start_run() as run:
        spark.table("sevens").count()
    assert lines(run) == [sevens]
    (inputs,) = Client().get_run(run.info.run_id).inputs.dataset_inputs
    assert inputs.dataset.name == "spark_catalog.default.sevens"
    assert json.loads(inputs.dataset.profile) == {"approx_count": 50}  # Spark has counted them
    for query in (
        "WITH s AS (SELECT * FROM sevens) SELECT * FROM s JOIN eights USING (id)",
        "SELECT * FROM sevens WHERE id > (SELECT min(id) FROM eights)",
    ):
        with autolog.start_run() as run:
            spark.sql(query).collect()
        assert lines(run) == [eights, sevens]
    spark.sql("DROP TABLE IF EXISTS nines")
    with autolog.start_run() as run:
        spark.sql("CREATE TABLE nines USING parquet AS SELECT * FROM sevens")
    assert lines(run) == [sevens]
    with autolog.start_run() as run:
        spark.sql("CREATE OR REPLACE TEMP VIEW seen AS SELECT * FROM sevens")
        spark.sql("INSERT INTO nines SELECT * FROM seen")
        spark.sql("INSERT INTO nines SELECT * FROM eights")
    assert lines(run) == [eights, sevens]
    with autolog.start_run() as run:
        spark.read.parquet(f"{data}/parquet").write.mode("overwrite").csv(f"{data}/copy")
    assert lines(run) == [line(f"{data}/parquet", "parquet")]


def test_files_of_bytes(spark, data):
    with autolog.start_run() as run:
        assert spark.read.format("binaryFile").load(f"{data}/text/*.txt").count() >= 1
    assert all(one.endswith(",format=binaryFile") for one in lines(run))
    assert lines(run)


def test_a_source_written_in_python(spark):
    datasource = pytest.importorskip("pyspark.sql.datasource")

    class Reader(datasource.DataSourceReader):
        def read(self, partition):
            yield (1,)

    class Source(datasource.DataSource):
        @classmethod
        def name(cls):
            return "homemade"

        def schema(self):
            return "a int"

        def reader(self, schema):
            return Reader()

    spark.dataSource.register(Source)
    with autolog.start_run() as run:
        assert spark.read.format("homemade").option("path", "far://away").load().count() == 1
    assert lines(run) == ["path=far://away,format=homemade"]


def test_jdbc_and_its_password(spark, data):
    url = "jdbc:derby:memory:db;create=true;user=me;password=hidden"
    spark.range(5).write.mode("overwrite").jdbc(url, "NUMBERS")
    with autolog.start_run() as run:
        assert spark.read.jdbc(url, "NUMBERS").count() == 5
    address = "jdbc:derby:memory:db;create=true;user=me;password=***"
    assert lines(run) == [f"path={address}:NUMBERS,format=jdbc"]
    assert "hidden" not in repr(Client().get_run(run.info.run_id))


def test_odd_names_of_files(spark, data):
    odd = f"{data}/a b, c=d"
    spark.range(3).write.mode("overwrite").parquet(odd)
    with autolog.start_run() as run:
        assert spark.read.parquet(odd).count() == 3
        assert spark.read.parquet(f"{data}/parquet").count() == 50
    assert lines(run) == sorted([line(odd, "parquet"), line(f"{data}/parquet", "parquet")])


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("s3a://AKIA:secret@bucket/x", "s3a://AKIA:***@bucket/x"),
        ("abfss://c@a.net/x?sv=1&sig=abc", "abfss://c@a.net/x?sv=1&sig=***"),
        ("jdbc:mysql://h/db?user=u&password=p", "jdbc:mysql://h/db?user=u&password=***"),
        ("jdbc:oracle:thin:scott/tiger@//h:1521/x", "jdbc:oracle:thin:scott/***@//h:1521/x"),
        ("jdbc:snowflake://h/?private_key=k&db=d", "jdbc:snowflake://h/?private_key=***&db=d"),
        ("file:/data/key=5/x", "file:/data/key=5/x"),
        ("file:/two\nlines", "file:/two\\nlines"),
    ],
)
def test_no_credentials_are_kept(path, kept):
    from autolog.spark.sources import shown

    assert shown(path) == kept


def test_reads_before_the_run(spark, data):
    frame = spark.read.csv(f"{data}/csv")
    frame.count()
    spark.read.orc(f"{data}/orc").count()
    for _ in range(2):
        with autolog.start_run() as run:
            frame.count()
        assert lines(run) == [line(f"{data}/csv", "csv"), line(f"{data}/orc", "orc")]
    autolog.spark.autolog(disable=True)
    autolog.spark.autolog()
    with autolog.start_run() as run:
        pass
    assert lines(run) == []


def test_a_frame_used_in_a_second_run_is_known_there_too(spark, data):
    with autolog.start_run() as first:
        frame = spark.read.json(f"{data}/json")
        frame.count()
    with autolog.start_run() as second:
        frame.count()
        with autolog.start_run(nested=True) as child:
            frame.collect()
            spark.read.orc(f"{data}/orc").count()
    json_line, orc_line = line(f"{data}/json", "json"), line(f"{data}/orc", "orc")
    assert lines(first) == lines(second) == [json_line]
    assert lines(child) == [json_line, orc_line]


def test_threads_with_runs_of_their_own(spark, data):
    found, together = {}, threading.Barrier(2)

    def work(format):
        with autolog.start_run() as run:
            together.wait()
            frame = spark.read.format(format).load(f"{data}/{format}")
            frame.count()
            together.wait()
        found[format] = lines(run)

    threads = [threading.Thread(target=work, args=(one,)) for one in ("parquet", "orc")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {one: [line(f"{data}/{one}", one)] for one in ("parquet", "orc")}


def test_a_thread_without_a_run(spark, data):
    with autolog.start_run() as run:
        thread = threading.Thread(target=lambda: spark.read.orc(f"{data}/orc").rdd.count())
        thread.start()
        thread.join()
    assert lines(run) == [line(f"{data}/orc", "orc")]


def test_another_session(spark, data):
    autolog.spark.autolog(disable=True)
    other = spark.newSession()
    frame = other.read.orc(f"{data}/orc")
    autolog.spark.autolog()
    newer = spark.newSession()
    with autolog.start_run() as run:
        # Known by its event alone, which `newer` has to be listened to for.
        newer.catalog.createTable("bits", f"{data}/parquet", "parquet").count()
        newer.read.json(f"{data}/json").count()
        other.read.csv(f"{data}/csv").count()
        frame.count()  # known by its event: the line before has made the session known
    spark.sql("DROP TABLE bits")
    assert lines(run) == [line(f"{data}/{one}", one) for one in ("csv", "json", "orc", "parquet")]


def test_ten_thousand_files(spark, tmp_path, caplog):
    (tmp_path / "many").mkdir()
    paths = [f"{tmp_path}/many/{number:05}.txt" for number in range(10_000)]
    for path in paths:
        Path(path).write_text("x\n")
    with autolog.start_run() as run:
        frame = spark.read.text(paths)
        assert frame.count() == 10_000
        plan = frame._jdf.queryExecution().analyzed()
        plans.forget()
        began = perf_counter()
        plans.sources(plan)
        taken = perf_counter() - began
    assert taken < 2  # ms, when nothing else runs here; Spark itself takes seconds
    found = lines(run)
    assert found[:50] == [line(path, "text") for path in paths[:50]]
    assert all(one.endswith(",format=text") for one in found)
    assert sum(map(len, found)) <= 8000
    assert len(caplog.records) <= 1, caplog.text
    (inputs,) = Client().get_run(run.info.run_id).inputs.dataset_inputs
    assert json.loads(inputs.dataset.profile) == {"num_paths": 10_000}


@pytest.mark.parametrize("way", ["start", "toTable"])
def test_a_stream(spark, data, tmp_path, way):
    stream = spark.readStream.schema("id long").parquet(f"{data}/parquet")
    with autolog.start_run() as run:
        writer = stream.writeStream.trigger(availableNow=True)
        writer = writer.option("checkpointLocation", str(tmp_path / "checkpoint"))
        query = writer.format("noop").start() if way == "start" else writer.toTable("streamed")
        query.awaitTermination()
        assert query.recentProgress[0]["numInputRows"] == 50
    # Of the stream, not of each file in its batches.
    assert lines(run) == [f"path={data}/parquet,format=parquet"]
    (inputs,) = Client().get_run(run.info.run_id).inputs.dataset_inputs
    assert [column["name"] for column in json.loads(inputs.dataset.schema)["mlflow_colspec"]] == [
        "id"
    ]
    autolog.spark.autolog(disable=True)
    with autolog.start_run() as off:
        stream.writeStream.format("noop").trigger(availableNow=True).start().awaitTermination()
    assert lines(off) == []


def test_a_stream_that_is_no_file(spark):
    with autolog.start_run() as run:
        stream = spark.readStream.format("rate").option("rowsPerSecond", 1).load()
        query = stream.writeStream.format("noop").trigger(once=True).start()
        query.awaitTermination()
    (found,) = lines(run)
    assert found.endswith(",format=rate")


def test_results_plans_and_jobs_are_the_same(spark, data):
    def work():
        sc = spark.sparkContext
        sc.setJobGroup("same", "same")
        frame = spark.read.csv(f"{data}/csv", header=True, inferSchema=True).groupBy("name").count()
        rows = sorted(map(tuple, frame.collect()))
        plan = frame._jdf.queryExecution().optimizedPlan().treeString()
        jobs = len(sc.statusTracker().getJobIdsForGroup("same"))
        sc._jsc.clearJobGroup()
        return rows, jobs, [part.split("#")[0] for part in plan.split()]

    autolog.spark.autolog(disable=True)
    before = work()
    autolog.spark.autolog()
    with autolog.start_run():
        ours = work()
    assert ours[0] == before[0]
    assert ours[1] - before[1] == before[1]  # the group counts on
    assert ours[2] == before[2]


def test_errors_of_the_user_stay_theirs(spark, data):
    def error():
        with pytest.raises(Exception, match="no-such-folder") as caught:
            spark.read.parquet(f"{data}/no-such-folder").count()
        return type(caught.value), str(caught.value)

    with autolog.start_run() as run:
        ours = error()
    autolog.spark.autolog(disable=True)
    assert ours == error()
    assert lines(run) == []


def test_a_query_that_fails_has_read_something(spark, data):
    with autolog.start_run() as run, pytest.raises(Exception, match=r"raise_error|deliberate"):
        spark.read.orc(f"{data}/orc").selectExpr("raise_error('deliberate')").collect()
    assert lines(run) == [line(f"{data}/orc", "orc")]


def test_a_fault_of_ours(spark, data, faults, monkeypatch):
    from autolog.spark import plans

    frame = spark.read.orc(f"{data}/orc")
    monkeypatch.setattr(plans, "sources", lambda plan: 1 / 0)
    with autolog.start_run():
        assert frame.count() == 50
        assert spark.read.json(f"{data}/json").count() == 50
    # Caught on this side: a fault that got back to the JVM would be printed with all of Java's
    # stack. And of each place the user is told once.
    told = {(place, str(error)) for place, error in faults.caught}
    faults.caught.clear()
    assert told == {
        ("spark: what was read", "division by zero"),
        ("spark: after the call", "division by zero"),
    }


def test_a_queue_that_does_not_get_empty(spark, data, monkeypatch, caplog):
    monkeypatch.setattr(listener, "DRAIN_SECONDS", 0.2)
    held, go_on = threading.Event(), threading.Event()

    def slow(sources):
        held.set()
        assert go_on.wait(30)

    monkeypatch.setattr(reads, "note_later", slow)
    frame = spark.read.orc(f"{data}/orc")
    with autolog.start_run():
        frame.count()
        assert held.wait(30)
        began = perf_counter()
    assert perf_counter() - began < 10
    go_on.set()
    assert "Spark had more to tell" in caplog.text
    assert only_run().info.status == "FINISHED"
    listener.drain()


def test_switched_off_the_session_is_left_as_it_was(spark, data):
    def listeners():
        return len(spark._jsparkSession.listenerManager().listListeners())

    autolog.spark.autolog(disable=True)
    spark.range(1).collect()
    spark._jsc.sc().listenerBus().waitUntilEmpty(10_000)
    assert listeners() == 0  # it has taken itself off
    autolog.spark.autolog()
    autolog.spark.autolog()
    assert listeners() == 1
    autolog.disable()
    spark.range(1).collect()
    spark._jsc.sc().listenerBus().waitUntilEmpty(10_000)
    assert listeners() == 0
    assert runs() == []
