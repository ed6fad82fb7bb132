"""What a query in SQL reads, told from its text.

A Connect session has nothing but the text. Its server could be asked for a plan, but to analyze a
query once more runs jobs (columns are told from files), and to explain a command executes it. So
names are taken as they stand: a view by its own name, a table without its catalog.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_NAME = r"(?:`(?:[^`]|``)*`|[^\W\d]\w*)"
# What a query is made of. Nothing in a string or a comment is a name.
_TOKEN = re.compile(
    r"""(?sx) --[^\n]* | /\*.*?\*/ | r?'(?:[^'\\]|\\.)*' | r?"(?:[^"\\]|\\.)*" """
    rf"| (?P<name> {_NAME} (?:\s*\.\s*(?:{_NAME}|\w+))* ) | (?P<sign> \|> | \S )"
)
_PART = re.compile(r"`((?:[^`]|``)*)`|(\w+)")
# Each ends the list of tables after FROM, in which a comma comes before one more table.
_CLAUSES = {
    "WHERE", "GROUP", "ORDER", "HAVING", "LIMIT", "OFFSET", "UNION", "EXCEPT", "INTERSECT",
    "MINUS", "WINDOW", "QUALIFY", "SORT", "CLUSTER", "DISTRIBUTE", "SET", "WHEN", "PIVOT",
    "UNPIVOT", "VIEW", "|>",
}  # fmt: skip
_QUERIES = {"SELECT", "FROM", "WITH", "TABLE"}  # what a query begins with


@dataclass
class _Level:
    """What was read so far between two parentheses.

    Attributes:
        table: the next name is that of a table.
        listing: a comma comes before one more table.
        selects: FROM comes before a table, not as in ``extract(YEAR FROM day)``.
    """

    table: bool = False
    listing: bool = False
    selects: bool = False


def tables(query: str) -> list[list[str]]:
    """The names that a query reads from, each by its parts.

    Args:
        query: the text, in Spark's SQL. What cannot be understood in it is passed over.

    Returns:
        Such as ``["default", "numbers"]``, or ``["parquet", "/a/file"]`` for files.
    """
    tokens = [match for match in _TOKEN.finditer(query) if match["name"] or match["sign"]]
    names = [match["name"] or match["sign"] for match in tokens]
    words = [name.upper() for name in names]
    given = {names[place].strip("`").lower() for place in _given(words)}
    found = [_parts(names[place]) for place in _read(words)]
    return [parts for parts in found if len(parts) > 1 or (parts and parts[0].lower() not in given)]


def _given(words: list[str]) -> Iterator[int]:
    """The places of names that WITH gives: ``name AS (`` and ``name (columns) AS (``."""
    for place in range(1, len(words) - 1):
        if words[place : place + 2] == ["AS", "("] and "WITH" in words[:place]:
            name = place - 1
            if words[name] == ")" and "(" in words[:name]:
                name -= words[:name][::-1].index("(") + 2
            yield max(name, 0)


def _read(words: list[str]) -> Iterator[int]:
    """The places of names of tables."""
    levels = [_Level()]
    before = ""
    for place, word in enumerate(words):
        level = levels[-1]
        if word == "(":
            # In `FROM (a JOIN b)` a table may come first.
            levels.append(_Level(level.table, level.table, level.table))
            level.table = False
        elif word == ")":
            levels = levels[:-1] or [_Level()]
        elif word == ",":
            level.table = level.listing
        elif level.table and word not in _QUERIES and word != "LATERAL":
            level.table, level.listing = False, True
            if words[place + 1 : place + 2] != ["("]:  # else it is range(10), or VALUES (1)
                yield place
        elif word in ("SELECT", "WITH"):
            level.table, level.listing, level.selects = False, False, True
        elif word == "FROM":
            selects = level.selects or before in ("", "(")
            level.table = level.listing = selects and before != "DISTINCT"
        elif (
            word == "JOIN"
            or (word == "TABLE" and before in ("", "("))
            or (word == "USING" and words[0] == "MERGE" and len(levels) == 1)
        ):
            level.table = True
        elif word in _CLAUSES:
            level.listing = False
        before = word


def _parts(name: str) -> list[str]:
    return [quoted.replace("``", "`") or plain for quoted, plain in _PART.findall(name)]
