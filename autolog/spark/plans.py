"""The sources in an analyzed plan of a classic session; few questions to the JVM, by class names.

Every question is a round trip of a fraction of a millisecond.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from autolog.spark.listener import asking
from autolog.spark.sources import MOST_PATHS, Source, shown

MOST_LEAVES = 1000  # of one plan that are looked at
SEPARATOR = "\x1f"  # no path has it

# Tables of the newer kind of sources that are files.
FILE_TABLES = ("ParquetTable", "OrcTable", "CSVTable", "JsonTable", "TextTable", "AvroTable")


def sources(plan: Any) -> list[Source]:
    """What a plan reads, subqueries and the data of a write included.

    Args:
        plan: a ``LogicalPlan`` of the JVM.
    """
    return list(_sources(plan))


def _sources(plan: Any) -> Iterator[Source]:
    leaves = plan.collectLeaves()
    for place in range(min(leaves.size(), MOST_LEAVES)):
        leaf = leaves.apply(place)
        name = kind(leaf)
        if name in _READERS:
            with asking("spark: a source of data"):
                yield _READERS[name](leaf)
        else:  # a command keeps the plan of the data that it writes inside
            yield from _all(leaf.innerChildren())
    yield from _all(plan.subqueriesAll())


def _all(plans: Any) -> Iterator[Source]:
    for place in range(min(plans.size(), MOST_LEAVES)):
        yield from _sources(plans.apply(place))


def kind(thing: Any) -> str:
    """The name of the class of an object of the JVM."""
    return str(thing.getClass().getName()).rpartition(".")[2]


def _relation(leaf: Any) -> Source:
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
    path = leaf.options().get("path") or table.name()
    format = table.properties().get("provider") or _short(name)
    if name == "PythonTable":
        format = table.name()
    return Source((shown(str(path)),), str(format), schema=schema)


def _scan(leaf: Any) -> Source:
    return _relation_v2(leaf.relation())


def _hive(leaf: Any) -> Source:
    table, rows = _catalogued(None, leaf.tableMeta())
    return Source((str(table),), "hive", None, table, str(leaf.schema().json()), rows)


_READERS: dict[str, Callable[[Any], Source]] = {
    "LogicalRelation": _relation,
    "DataSourceV2Relation": _relation_v2,
    "DataSourceV2ScanRelation": _scan,
    "HiveTableRelation": _hive,
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
