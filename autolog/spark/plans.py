"""The sources in an analyzed plan of a classic session; few questions to the JVM, by class names.

Every question is a round trip of a fraction of a millisecond.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from autolog.spark.listener import asking
from autolog.spark.sources import MOST_PATHS, Source, shown

MOST_LEAVES = 1000  # of one plan that are looked at
MOST_KNOWN = 1000  # leaves that are remembered
SEPARATOR = "\x1f"  # no path has it

# Tables of the newer kind of sources that are files.
FILE_TABLES = ("ParquetTable", "OrcTable", "CSVTable", "JsonTable", "TextTable", "AvroTable")

# Leaves that were looked at, by their text: `Relation [id#3L,name#4] parquet`. Spark numbers the
# columns of each relation that it makes, so that no two have the same text.
_known: dict[str, Source] = {}
_NUMBERED = re.compile(r"#\d")


def sources(plan: Any) -> list[Source]:
    """What a plan reads, subqueries and the data of a write included.

    Args:
        plan: a ``LogicalPlan`` of the JVM.
    """
    return list(_sources(plan))


def forget() -> None:
    """Remember no leaf; a JVM that is new numbers its columns anew."""
    _known.clear()


def _sources(plan: Any) -> Iterator[Source]:
    leaves = plan.collectLeaves()
    texts = str(leaves.mkString(SEPARATOR)).split(SEPARATOR)
    for place, text in enumerate(texts[:MOST_LEAVES]):
        known = _known.get(text)
        if known is not None:
            yield known
        else:
            yield from _leaf(leaves.apply(place), text)
    yield from _all(plan.subqueriesAll())


def _leaf(leaf: Any, text: str) -> Iterator[Source]:
    reader = _READERS.get(kind(leaf))
    if reader is None:  # a command keeps the plan of the data that it writes inside
        yield from _all(leaf.innerChildren())
        return
    source = None
    with asking("spark: a source of data"):
        source = reader(leaf)
    if source is None:
        return
    if source.version is None and _NUMBERED.search(text):
        if len(_known) >= MOST_KNOWN:
            _known.clear()
        _known[text] = source
    yield source


def _all(plans: Any) -> Iterator[Source]:
    for place in range(min(plans.size(), MOST_LEAVES)):
        yield from _sources(plans.apply(place))


def kind(thing: Any) -> str:
    """The name of the class of an object of the JVM."""
    return str(thing.getClass().getName()).rpartition(".")[2]


def _relation(leaf: Any) -> Source | None:
    if leaf.isStreaming():  # the files of one batch of a stream
        return None
    relation = leaf.relation()
    name = kind(relation)
    table, rows = _catalogued(leaf.catalogTable())
    schema = str(leaf.schema().json())
    if name == "HadoopFsRelation":
        location = relation.location()
        if "Delta" in kind(relation.fileFormat()):
            version = _answer(location, "tableVersion", "version")
            return Source((shown(str(location.path())),), "delta", version, table, schema, rows)
        paths, number = _paths(location)
        return Source(paths, str(relation.toString()), None, table, schema, rows, number)
    if name == "JDBCRelation":
        options = relation.jdbcOptions()
        path = f"{shown(options.url())}:{shown(options.tableOrQuery())}"
        return Source((path,), "jdbc", None, table, schema, rows)
    return Source((table or shown(str(relation.toString())),), _short(name), schema=schema)


def _relation_v2(leaf: Any) -> Source:
    table = leaf.table()
    name = kind(table)
    schema = str(leaf.schema().json())
    if name in FILE_TABLES:
        paths, number = _paths(table.fileIndex())
        return Source(paths, name.removesuffix("Table").lower(), schema=schema, number=number)
    if name == "DeltaTableV2":
        snapshot = table.initialSnapshot()
        version = _answer(snapshot, "version")
        return Source((shown(str(table.path())),), "delta", version, schema=schema)
    path = _asked(leaf.options()) or table.name()
    format = table.properties().get("provider") or _short(name)
    if name == "PythonTable":
        format = table.name()
    return Source((shown(str(path)),), str(format), schema=schema)


def _scan(leaf: Any) -> Source:
    return _relation_v2(leaf.relation())


def _stream(leaf: Any) -> Source:
    """A stream, before it is started; of files it has one path."""
    read = leaf.dataSource()
    path, schema = read.options().get("path"), str(leaf.schema().json())
    table, rows = _catalogued(read.catalogTable())
    where = str(path.get()) if path.isDefined() else str(leaf.sourceName())
    return Source((shown(where),), str(read.className()), None, table, schema, rows)


def _stream_v2(leaf: Any) -> Source:
    name = str(leaf.sourceName())
    path = _asked(leaf.extraOptions()) or leaf.table().name()
    return Source((shown(str(path)),), name, schema=str(leaf.schema().json()))


def _asked(options: Any) -> Any:
    """The path or, of Kafka, the topics."""
    return next(filter(None, map(options.get, ("path", "subscribe", "subscribePattern"))), None)


def _hive(leaf: Any) -> Source:
    table, rows = _catalogued(None, leaf.tableMeta())
    return Source((str(table),), "hive", None, table, str(leaf.schema().json()), rows)


_READERS: dict[str, Callable[[Any], Source | None]] = {
    "LogicalRelation": _relation,
    "DataSourceV2Relation": _relation_v2,
    "DataSourceV2ScanRelation": _scan,
    "HiveTableRelation": _hive,
    "StreamingRelation": _stream,
    "StreamingRelationV2": _stream_v2,
}


def _paths(index: Any) -> tuple[tuple[str, ...], int]:
    """The first of the paths that were asked for, and how many there are; in one answer."""
    paths = str(index.rootPaths().mkString(SEPARATOR)).split(SEPARATOR)
    return tuple(map(shown, paths[:MOST_PATHS])), len(paths)


def _catalogued(option: Any, table: Any = None) -> tuple[str | None, int | None]:
    """Name and number of rows, as far as the catalog knows them."""
    if table is None:
        if not option.isDefined():
            return None, None
        table = option.get()
    rows = None
    statistics = table.stats()
    if statistics.isDefined() and statistics.get().rowCount().isDefined():
        rows = int(str(statistics.get().rowCount().get()))
    return str(table.qualifiedName()), rows


def _answer(thing: Any, *methods: str) -> str | None:
    """What the first of these methods says that the object has; releases differ in their names."""
    for method in methods:
        try:
            return str(getattr(thing, method)())
        except Exception:  # noqa: BLE001, S112 - py4j tells only so that there is no such method
            continue
    return None


def _short(name: str) -> str:
    """A format from the name of a class."""
    return name.rpartition("$")[2].removesuffix("Relation").removesuffix("Table").lower() or name
