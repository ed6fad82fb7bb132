"""The sources in a plan as a Connect session sends it: a message, read field by field."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from autolog.spark.sources import MOST_PATHS, Source, shown

# What follows FROM and JOIN in a query: format.`path`, or the name of a table.
_TABLE = re.compile(
    r"(?is)\b(?:from|join)\s+(?:(\w+)\.`([^`]+)`|((?:\w+|`[^`]+`)(?:\.(?:\w+|`[^`]+`))*))"
)
_NAMED = re.compile(r"(?is)\b(\w+)\s*(?:\([^()]*\))?\s+as\s*\(")  # in WITH name AS (


def sources(plan: Any) -> list[Source]:
    """What a plan reads.

    Args:
        plan: a ``Plan`` message.
    """
    return list(dict.fromkeys(_sources(plan)))


def _sources(message: Any) -> Iterator[Source]:
    kind = message.DESCRIPTOR.name
    if kind == "DataSource":
        options = dict(message.options)
        paths = [*message.paths]
        if not paths:
            paths = [options.get("path") or ":".join(filter(None, map(options.get, _JDBC)))]
        schema = message.schema if message.schema.startswith("{") else ""
        kept = tuple(map(shown, paths[:MOST_PATHS]))
        version = next((options[key] for key in options if key.lower() == "versionasof"), None)
        format = message.format or "default"
        yield Source(kept, format, version, schema=schema, number=len(paths))
    elif kind == "NamedTable":
        name = message.unparsed_identifier
        yield Source((shown(name),), "table", table=shown(name))
    elif kind in ("SQL", "SqlCommand"):
        yield from _of_query(message.query if kind == "SQL" else message.sql)
    for field, value in message.ListFields():
        if field.message_type is None or field.message_type.GetOptions().map_entry:
            continue
        repeated = not hasattr(value, "DESCRIPTOR")
        for one in value if repeated else [value]:
            yield from _sources(one)


_JDBC = ("url", "dbtable", "query")


def _of_query(text: str) -> Iterator[Source]:
    text = re.sub(r"'(?:[^'\\]|\\.)*'|--[^\n]*|/\*.*?\*/", " ", text, flags=re.DOTALL)
    named = {name.lower() for name in _NAMED.findall(text)}
    for format, path, table in _TABLE.findall(text):
        if path:
            yield Source((shown(path),), format.lower())
        elif table.lower() not in named:
            name = shown(table.replace("`", ""))
            yield Source((name,), "table", table=name)
