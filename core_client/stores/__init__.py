"""The places where runs are kept, one file per kind."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

from core_client.exceptions import MlflowException, invalid
from core_client.settings import scheme, without_password
from core_client.stores.base import Store

# The module that speaks to each kind of server; an extra of the same name as the kind installs it.
DRIVERS = {"postgresql": "psycopg", "mysql": "pymysql", "mssql": "pyodbc"}
_OTHER_NAMES = {"postgres": "postgresql", "mariadb": "mysql"}


def is_server(uri: str) -> bool:
    """Whether runs go to a tracking server, which names them itself and may be away."""
    return re.match(r"https?://|databricks($|://)", uri) is not None


def is_near(uri: str) -> bool:
    """Whether that store is on this machine and answers at once."""
    return scheme(uri) in ("", "file", "sqlite")


def database(uri: str) -> str:
    """The kind of database that a URI names: ``sqlite``, one of `DRIVERS`, or "" for none."""
    name = scheme(uri)
    name = _OTHER_NAMES.get(name, name)
    return name if name in DRIVERS or name == "sqlite" else ""


def folder(uri: str) -> Path:
    """The folder of a file store: a plain path or a ``file:`` URI.

    Raises:
        MlflowException: the URI names no folder on this machine.
    """
    parts = urlsplit(uri)
    if scheme(uri) == "":
        return Path(uri).absolute()
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or not parts.path:
        raise invalid(
            f"No store for the tracking URI '{without_password(uri)}'. Use 'https://host:port', "
            "'sqlite:///path/to.db', 'postgresql://user:password@host/database' or a folder."
        )
    return Path(unquote(parts.path)).absolute()


def place(uri: str) -> Path | None:
    """The file or folder of a store that is on this machine; None for a server."""
    kind = database(uri)
    if is_server(uri) or kind in DRIVERS:
        return None
    if not kind:
        return folder(uri)
    path = uri.partition(":///")[2].partition("?")[0]
    return None if path.startswith("file:") else Path(path)  # SQLite decodes that one


def check_uri(uri: str) -> None:
    """Raise MlflowException if no store knows this kind of tracking URI, or its driver is missing."""
    if is_server(uri):
        from core_client import auth

        auth.server(uri)
        return
    kind = database(uri)
    if not kind:
        folder(uri)
    driver = DRIVERS.get(kind)
    if driver and find_spec(driver) is None:
        raise MlflowException(
            f"'{without_password(uri)}' needs the package '{driver}', which is not installed: "
            f"pip install 'mlautolog[{kind}]'"
        )


def open_store(uri: str) -> Store:
    """The store behind an absolute tracking URI. Opening may create it.

    Raises:
        MlflowException: no store knows this kind of URI, or the store refuses to open.
    """
    check_uri(uri)
    if is_server(uri):
        from core_client.stores.rest import RestStore

        return RestStore(uri)
    if database(uri):
        from core_client.stores.sql import SqlStore

        return SqlStore(uri)
    from core_client.stores.file import FileStore

    return FileStore(uri, folder(uri))
