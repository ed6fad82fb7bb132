"""What differs from database to database: connections, a few statements, and how text compares."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import (
    URL,
    Connection,
    Dialect,
    Engine,
    String,
    Table,
    create_engine,
    event,
    make_url,
    text,
)
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from core_client.exceptions import invalid
from core_client.settings import without_password
from core_client.stores import DRIVERS, database

# Rows that SQLite is given at a time, in half the time of as many by themselves: Python's lock is
# released and taken for each statement, and a training waits for it. Old SQLites take 999 values.
TOGETHER = (100, 10, 1)
BUSY_SECONDS = 20.0  # how long a writer waits for another one; "?timeout=5" in the URI overrides it
# What a connection is opened with, unless the URI says otherwise. Zero is the number of the
# experiment `Default`, and a text that is too long must be refused, not cut.
_CONNECT: dict[str, dict[str, Any]] = {
    "sqlite": {"timeout": BUSY_SECONDS},
    "postgresql": {"connect_timeout": 10},
    "mysql": {
        "connect_timeout": 10,
        "init_command": "SET sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO'",
    },
}
# Codes of PostgreSQL, MySQL and SQL Server: a deadlock, a table that is there already or changing.
_OVERTAKEN = {"40001", "40P01", "1213", "42P07", "1050", "42S01", "1684"}


def database_url(uri: str) -> URL:
    """The database of a tracking URI, with the driver that we use, whichever the URI names.

    Raises:
        MlflowException: the URI names no database.
    """
    shown = without_password(uri)
    try:
        url = make_url(uri)
    except ArgumentError:
        raise invalid(
            f"Not a database URI: '{shown}'. Use 'sqlite:///path/to.db' or "
            "'postgresql://user:password@host/database'."
        ) from None
    kind = database(uri)
    if kind != "sqlite":
        if not url.database and "odbc_connect" not in url.query:
            raise invalid(
                f"'{shown}' names no database. Use '{kind}://user:password@host/database'."
            )
        return url.set(drivername=f"{kind}+{DRIVERS[kind]}")
    if url.database and url.database.startswith("file:"):  # SQLite itself decodes such a path
        url = url.set(database=uri.partition(":///")[2].partition("?")[0])
    if url.host or not url.database or ":memory:" in url.database:
        raise invalid(f"'{shown}' names no file to keep runs in. Use 'sqlite:///path/to.db'.")
    return url


def make_engine(url: URL) -> Engine:
    """The engine for a database; nothing is connected yet."""
    kind = url.get_backend_name()
    options: dict[str, Any] = {"hide_parameters": True, "pool_size": _setting("POOL_SIZE", 5)}
    # By default as many connections as threads read at once.
    options["max_overflow"] = _setting("MAX_OVERFLOW", -1)
    own = _CONNECT.get(kind, {})
    options["connect_args"] = {key: own[key] for key in own if key not in url.query}
    if kind == "sqlite":
        engine = create_engine(url, **options)
        _set_up_sqlite(engine)
        return engine
    if kind != "mssql":  # it has question marks, and no other
        options["paramstyle"] = "format"  # rows are tuples: see `insert_many`
    # A server may have been restarted since: a connection is tried before it is used.
    return create_engine(url, pool_pre_ping=True, isolation_level="READ COMMITTED", **options)


def _setting(name: str, default: int) -> int:
    full = f"MLFLOW_SQLALCHEMYSTORE_{name}"
    chosen = os.environ.get(full)
    try:
        return int(chosen) if chosen else default
    except ValueError:
        raise invalid(f"{full} must be a whole number, not '{chosen}'.") from None


def _set_up_sqlite(engine: Engine) -> None:
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


def overtaken(error: DBAPIError) -> bool:
    """Whether another writer was faster, so that the same transaction may succeed now."""
    cause = error.orig
    code = getattr(cause, "sqlstate", None) or next(iter(getattr(cause, "args", ())), "")
    return isinstance(error, IntegrityError) or str(code) in _OVERTAKEN


@contextmanager
def tables_at_rest(connection: Connection) -> Iterator[None]:
    """Wait for another process that makes the tables: in MySQL they appear one by one."""
    if connection.dialect.name != "mysql":
        yield
        return
    connection.execute(text("SELECT GET_LOCK('autolog tables', 60)"))
    try:
        yield
    finally:
        connection.execute(text("SELECT RELEASE_LOCK('autolog tables')"))


def insert_many(connection: Connection, table: Table, rows: list[tuple[Any, ...]]) -> None:
    """Insert rows, each in the order of the table's columns, that are not there yet.

    The driver gets the tuples as they are, which is several times faster than the usual way.
    """
    dialect = connection.dialect
    done = 0
    for number in TOGETHER if dialect.name == "sqlite" else (1,):
        starts = range(done, len(rows) - number + 1, number)
        if starts:
            some = [tuple(chain.from_iterable(rows[start : start + number])) for start in starts]
            connection.exec_driver_sql(insert_new(dialect, table, number), some)
            done = starts[-1] + number


@lru_cache
def insert_new(dialect: Dialect, table: Table, number: int = 1) -> str:
    """The statement that inserts so many rows, each unless one with its key is there."""
    statement: Any
    match dialect.name:
        case "mssql":
            return _merge(dialect, table)
        case "mysql":  # where IGNORE would also cut a text that is too long
            statement = mysql.insert(table).on_duplicate_key_update(key=table.c.key)
        case "postgresql":
            statement = postgresql.insert(table).on_conflict_do_nothing()
        case _:
            statement = sqlite.insert(table).on_conflict_do_nothing()
    one_row = f"({', '.join('?' for _ in table.c)})"
    return str(statement.compile(dialect=dialect)).replace(one_row, ", ".join([one_row] * number))


def _merge(dialect: Dialect, table: Table) -> str:
    """The same for SQL Server."""
    quote = dialect.identifier_preparer.quote
    names = [quote(column.name) for column in table.c]
    keys = [quote(column.name) for column in table.primary_key]
    return (
        f"MERGE INTO {quote(table.name)} WITH (HOLDLOCK) AS old "
        f"USING (VALUES ({', '.join('?' for _ in names)})) AS new ({', '.join(names)}) "
        f"ON {' AND '.join(f'old.{key} = new.{key}' for key in keys)} "
        f"WHEN NOT MATCHED THEN INSERT ({', '.join(names)}) "
        f"VALUES ({', '.join(f'new.{name}' for name in names)});"
    )


class exact(FunctionElement[str]):
    """A text that compares and sorts by its characters, whatever the database's language is."""

    type = String()
    inherit_cache = True


@compiles(exact)
def _exact(element: exact, compiler: Any, **options: Any) -> str:
    column = compiler.process(element.clauses, **options)
    match compiler.dialect.name:
        case "mysql":
            return f"(CAST({column} AS CHAR CHARACTER SET utf8mb4) COLLATE utf8mb4_bin)"
        case "postgresql":
            return f'({column} COLLATE "C")'
        case "mssql":
            return f"({column} COLLATE Latin1_General_BIN2)"
    return str(column)
