"""Connections to a database: how each dialect is set up, and its errors in plain sentences."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Dialect, Engine, Table, create_engine, event, make_url
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError

from core_client.exceptions import StoreUnavailable, invalid
from core_client.settings import without_password

BUSY_SECONDS = 20.0  # how long a writer waits for another one; "?timeout=5" in the URI overrides it


class Database:
    """An engine that knows reading from writing. A forked child has to open its own.

    Raises:
        MlflowException: the URI names no database.
        StoreUnavailable: its folder cannot be made.
    """

    def __init__(self, uri: str) -> None:
        self.name = without_password(uri)
        try:
            self.url = make_url(uri)
        except ArgumentError:
            raise invalid(
                f"Not a database URI: '{self.name}'. Use 'sqlite:///path/to.db'."
            ) from None
        if self.url.host or not self.url.database or ":memory:" in self.url.database:
            raise invalid(
                f"'{self.name}' names no file to keep runs in. Use 'sqlite:///path/to.db'."
            )
        try:
            Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailable(self._explain(f"unable to open: {error}")) from error
        self.engine = _sqlite_engine(self.url)

    @contextmanager
    def transaction(self, writing: bool = False) -> Iterator[Connection]:
        """A connection within one transaction, rolled back on any error.

        Raises:
            StoreUnavailable: the database refused; says why and what to do.
            ValueError, TypeError, OverflowError, DataError: a value is of no form that it takes.
        """
        try:
            with self.engine.connect() as connection:
                connection.execution_options(writing=writing)
                with connection.begin():
                    yield connection
        except DataError:
            raise
        except DBAPIError as error:
            raise StoreUnavailable(self._explain(str(error.orig))) from error

    def close(self) -> None:
        self.engine.dispose()

    def _explain(self, cause: str) -> str:
        path = self.url.database
        for sign, story in (
            ("locked", "another process has kept it locked; close that process or try again"),
            ("readonly", f"it is read-only; give this user the right to write '{path}'"),
            ("unable to open", f"give this user the right to write '{path}' and its folder"),
            ("full", "the disk is full; free some space"),
            ("I/O", "the disk or its quota refused; free some space or check the disk"),
            ("not a database", "the file is no SQLite database; move it away or name another one"),
            ("malformed", "the file is damaged; restore a copy, or move it away"),
        ):
            if sign in cause:
                return f"The database '{self.name}' cannot be used ({cause}): {story}."
        return f"The database '{self.name}' cannot be used: {cause}."


def insert_many(connection: Connection, table: Table, rows: list[tuple[Any, ...]]) -> None:
    """Insert rows, each in the order of the table's columns, that are not there yet.

    The driver gets the tuples as they are, which is several times faster than the usual way.
    """
    if rows:
        connection.exec_driver_sql(_insert_new(connection.dialect, table), rows)


@lru_cache
def _insert_new(dialect: Dialect, table: Table) -> str:
    return str(sqlite.insert(table).on_conflict_do_nothing().compile(dialect=dialect))


def _sqlite_engine(url: URL) -> Engine:
    engine = create_engine(
        url,
        hide_parameters=True,
        max_overflow=-1,  # as many connections as threads read at once
        connect_args={} if "timeout" in url.query else {"timeout": BUSY_SECONDS},
    )

    @event.listens_for(engine, "connect")
    def configure(dbapi: Any, _record: object) -> None:
        dbapi.isolation_level = None  # the driver would begin a write as a read, and then fail
        dbapi.execute("PRAGMA case_sensitive_like = true")
        try:
            mode = dbapi.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        except dbapi.OperationalError:  # in use or read-only: the mode it has serves as well
            mode = ""
        if mode == "wal":
            dbapi.execute("PRAGMA synchronous = NORMAL")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writing = connection.get_execution_options().get("writing")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine
