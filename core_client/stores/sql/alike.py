"""Keys that a database takes for one another, as MLflow's tables in MySQL and SQL Server do with
those that differ in case only. Ours in MySQL do not."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, Table, select

from core_client.stores.sql.keys import chunks

TAKES_ALIKE = ("mysql", "mssql")


def lost(
    connection: Connection, table: Table, written: Iterable[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Which of these pairs of run and key the table does not hold, though they were inserted."""
    keys: dict[str, list[str]] = {}
    for run_id, key in written:
        keys.setdefault(run_id, []).append(key)
    missing = []
    for run_id, wanted in keys.items():
        there: set[str] = set()
        for some in chunks(wanted):
            query = select(table.c.key).where(table.c.run_uuid == run_id, table.c.key.in_(some))
            there.update(connection.scalars(query))
        missing += [(run_id, key) for key in wanted if key not in there]
    return missing
