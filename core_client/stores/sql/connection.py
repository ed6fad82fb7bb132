"""Connections to a database, on both sides of a fork, and its errors in plain sentences.

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
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import DataError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from core_client.exceptions import StoreUnavailable
from core_client.settings import without_password
from core_client.stores.sql.dialects import database_url, make_engine, overtaken
from core_client.stores.sql.failures import explained

_FORK_WAIT = 5.0  # seconds that a fork waits for transactions under way


class Overtaken(StoreUnavailable):
    """Another writer was faster; the same transaction may succeed now."""


class Database:
    """An engine that knows reading from writing, and can be used on both sides of a fork.

    Raises:
        MlflowException: the URI names no database.
        StoreUnavailable: its folder cannot be made.
    """

    def __init__(self, uri: str) -> None:
        self.name = without_password(uri)
        self.url = database_url(uri)
        path = self.url.database or ""
        if self.url.get_backend_name() == "sqlite" and not path.startswith("file:"):
            try:
                Path(path).parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StoreUnavailable(self._explain(f"unable to open: {error}")) from error
        self.engine = make_engine(self.url)
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
            Overtaken: only because another writer was faster.
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
            kind = Overtaken if overtaken(error) else StoreUnavailable
            raise kind(self._explain(str(error.orig))) from error
        except PoolTimeout as error:
            raise StoreUnavailable(self._explain(str(error))) from error
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
        return explained(self.name, self.url, cause)


_databases: weakref.WeakSet[Database] = weakref.WeakSet()
_at_fork: list[Database] = []
_one_fork = threading.Lock()


_forking = 0  # the thread that forks


def before_fork() -> None:
    """Close all connections for the time of a fork; a second time for the same one is no news."""
    global _forking
    if _forking == threading.get_ident():
        return
    _one_fork.acquire()
    _forking = threading.get_ident()
    _at_fork.extend(_databases)
    for database in _at_fork:
        database.before_fork()


def _after_fork(in_child: bool) -> None:
    global _forking
    if _forking != threading.get_ident():
        return  # this module came while the fork was waiting
    while _at_fork:
        _at_fork.pop().after_fork(in_child)
    _forking = 0
    _one_fork.release()


os.register_at_fork(
    before=before_fork,
    after_in_parent=lambda: _after_fork(in_child=False),
    after_in_child=lambda: _after_fork(in_child=True),
)
