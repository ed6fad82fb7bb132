"""The places where runs are kept, one file per kind."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from core_client.exceptions import invalid
from core_client.settings import without_password
from core_client.stores.base import Store


def is_server(uri: str) -> bool:
    """Whether runs go to a tracking server, which names them itself and may be away."""
    return re.match(r"https?://|databricks($|://)", uri) is not None


def is_near(uri: str) -> bool:
    """Whether that store is on this machine and answers at once."""
    return urlsplit(uri).scheme.partition("+")[0] in ("", "file", "sqlite")


def check_uri(uri: str) -> None:
    """Raise MlflowException if no store knows this kind of tracking URI."""
    if is_server(uri):
        from core_client import auth

        auth.server(uri)
    elif not uri.startswith("sqlite:"):
        raise invalid(
            f"No store for the tracking URI '{without_password(uri)}': this version writes to "
            "MLflow servers and SQLite databases. Use 'https://host:port' or "
            "'sqlite:///path/to.db'."
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
    from core_client.stores.sql import SqlStore

    return SqlStore(uri)
