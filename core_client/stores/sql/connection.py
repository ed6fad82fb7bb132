"""Connections to a database: how each dialect is set up, and its errors in plain sentences.

SQLite keeps its locks in the memory of the process. A forked child that inherits an open
connection believes in locks that it does not have, even with connections of its own: what it
writes can vanish, and the file can be damaged. So no connection may be open during a fork.
"""

from __future__ import annotations

import os
import threading
import weakref
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
_FORK_WAIT = 5.0  # seconds that a fork waits for transactions under way


class Database:
    """An engine that knows reading from writing, and can be used on both sides of a fork.

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
        self._gate = threading.Condition()  # held during a fork
        self._fork_near = False
        self._transactions = 0
        with _one_fork:
            _databases.add(self)

    @contextmanager
    def transaction(self, writing: bool = False) -> Iterator[Connection]:
        """A connection within one transaction, rolled back on any error.

        Raises:
            StoreUnavailable: the database refused; says why and what to do.
            ValueError, TypeError, OverflowError, DataError: a value is of no form that it takes.
        """
        with self._gate:
            self._gate.wait_for(lambda: not self._fork_near)
            self._transactions += 1
        try:
            with self.engine.connect() as connection:
                connection.execution_options(writing=writing)
                with connection.begin():
                    yield connection
        except DataError:
            raise
        except DBAPIError as error:
            raise StoreUnavailable(self._explain(str(error.orig))) from error
        finally:
            with self._gate:
                self._transactions -= 1
                self._gate.notify_all()

    def close(self) -> None:
        self.engine.dispose()

    def before_fork(self) -> None:
        """Let the transactions under way end, begin no other, and close all connections."""
        self._gate.acquire()
        self._fork_near = True
        self._gate.wait_for(lambda: self._transactions == 0, _FORK_WAIT)
        self.engine.dispose()

    def after_fork(self, in_child: bool) -> None:
        """Go on; the other threads have not come along to a child."""
        self._fork_near = False
        if in_child:
            self._gate = threading.Condition()
            self._transactions = 0
        else:
            self._gate.notify_all()
            self._gate.release()

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


_databases: weakref.WeakSet[Database] = weakref.WeakSet()
_at_fork: list[Database] = []
_one_fork = threading.Lock()


def _before_fork() -> None:
    _one_fork.acquire()
    _at_fork.extend(_databases)
    for database in _at_fork:
        database.before_fork()


def _after_fork(in_child: bool) -> None:
    while _at_fork:
        _at_fork.pop().after_fork(in_child)
    _one_fork.release()


os.register_at_fork(
    before=_before_fork,
    after_in_parent=lambda: _after_fork(in_child=False),
    after_in_child=lambda: _after_fork(in_child=True),
)


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
