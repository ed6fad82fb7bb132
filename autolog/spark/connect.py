"""The sources in a plan as a Connect session sends it: a message, read field by field."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from autolog.spark import query
from autolog.spark.sources import MOST_PATHS, Source, shown

_JDBC = ("url", "dbtable", "query")
_PATH = re.compile(r"[/.:*]")  # no name of a table has it


def sources(plan: Any) -> list[Source]:
    """What a plan reads.

    Args:
        plan: a ``Plan`` message.
    """
    return list(dict.fromkeys(_sources(plan)))


def _sources(message: Any) -> Iterator[Source]:
    kind = message.DESCRIPTOR.name
    if kind == "DataSource":
        options = {key.lower(): value for key, value in message.options.items()}
        paths = [*message.paths[:MOST_PATHS]] or [options.get("path", "")]
        kept = tuple(map(shown, filter(None, paths)))
        if not kept:  # a database, of which the address may end with a password
            address = ":".join(shown(options[key]) for key in _JDBC if key in options)
            kept = (address or message.format,)
        schema = message.schema if message.schema.startswith("{") else ""
        format, number = message.format or "default", len(message.paths) or 1
        yield Source(kept, format, options.get("versionasof"), schema=schema, number=number)
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


def _of_query(text: str) -> Iterator[Source]:
    for parts in query.tables(text):
        if len(parts) == 2 and _PATH.search(parts[1]):
            yield Source((shown(parts[1]),), parts[0].lower())
        else:
            name = shown(".".join(parts))
            yield Source((name,), "table", table=name)
