"""Plans that cannot be made here: Delta's nodes, and nodes that nobody has seen before."""

from __future__ import annotations

import pytest

from autolog.spark import plans


class Java:
    """An object of the JVM as py4j shows it: methods, and the name of its class."""

    def __init__(self, of: str, **methods: object) -> None:
        self.of, self.methods = of, methods

    def __getattr__(self, name: str) -> object:
        if name not in self.methods:
            raise AttributeError(f"Method {name}([]) does not exist")
        return lambda *_: self.methods[name]

    def __str__(self) -> str:
        return str(self.methods.get("toString", self.of))

    def getClass(self) -> Java:
        return Java("java.lang.Class", getName=f"some.package.{self.of}")


class Seq(list[object]):
    """A Scala sequence."""

    def size(self) -> int:
        return len(self)

    def apply(self, place: int) -> object:
        return self[place]

    def mkString(self, between: str) -> str:
        return between.join(map(str, self))


NOTHING = Java("None$", isDefined=False)
SCHEMA = Java("StructType", json='{"type":"struct","fields":[{"name":"a","type":"long"}]}')


def plan(*leaves: object, subqueries: tuple[object, ...] = ()) -> Java:
    return Java("Project", collectLeaves=Seq(leaves), subqueriesAll=Seq(subqueries))


def delta(version: int, method: str) -> Java:
    location = Java("TahoeLogFileIndex", path="s3a://lake/t", **{method: version})
    relation = Java(
        "HadoopFsRelation", location=location, fileFormat=Java("DeltaParquetFileFormat")
    )
    return Java(
        "LogicalRelation", relation=relation, catalogTable=NOTHING, schema=SCHEMA, isStreaming=False
    )


@pytest.mark.parametrize("method", ["tableVersion", "version"])
def test_delta_by_its_file_index(method):
    (found,) = plans.sources(plan(delta(7, method)))
    assert found.lines == ["path=s3a://lake/t,version=7,format=delta"]
    assert '"delta_table_version": "7"' in found.dataset().dataset.source


def test_delta_as_a_table_of_the_newer_kind():
    table = Java(
        "DeltaTableV2", path="file:/lake/t", initialSnapshot=Java("Snapshot", version=0), name="t"
    )
    leaf = Java("DataSourceV2Relation", table=table, schema=SCHEMA)
    scan = Java("DataSourceV2ScanRelation", relation=leaf)
    for one in (leaf, scan):
        (found,) = plans.sources(plan(one))
        assert found.lines == ["path=file:/lake/t,version=0,format=delta"]


def test_delta_of_a_release_that_tells_no_version():
    (found,) = plans.sources(plan(delta(7, "versionOfTheFuture")))
    assert found.lines == ["path=s3a://lake/t,format=delta"]


def test_nodes_never_seen_before(faults):
    strange = Java("QuantumRelation", innerChildren=Seq())
    command = Java("TeleportCommand", innerChildren=Seq([plan(delta(1, "version"))]))
    # A node that has changed its methods costs what it tells, nothing else.
    changed = Java("LogicalRelation", isStreaming=False)
    found = plans.sources(plan(strange, changed, command, subqueries=(plan(delta(2, "version")),)))
    assert [one.version for one in found] == ["1", "2"]
    faults.expect("Method relation([]) does not exist")


def test_a_foreign_source_of_the_newer_kind():
    table = Java("IcebergTable", name="lake.db.t", properties={"provider": "iceberg"})
    leaf = Java("DataSourceV2Relation", table=table, schema=SCHEMA, options={})
    (found,) = plans.sources(plan(leaf))
    assert found.lines == ["path=lake.db.t,format=iceberg"]


def test_topics_of_kafka():
    table = Java("KafkaTable", name="KafkaTable", properties={})
    leaf = Java("DataSourceV2Relation", table=table, schema=SCHEMA, options={"subscribe": "clicks"})
    stream = Java(
        "StreamingRelationV2", table=table, schema=SCHEMA, sourceName="kafka",
        extraOptions={"subscribe": "clicks"},
    )  # fmt: skip
    for one in (leaf, stream):
        (found,) = plans.sources(plan(one))
        assert found.lines == ["path=clicks,format=kafka"]
