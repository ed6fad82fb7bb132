"""The places where runs are kept, one file per kind."""

from __future__ import annotations

from core_client.exceptions import invalid
from core_client.settings import without_password
from core_client.stores.base import Store


def check_uri(uri: str) -> None:
    """Raise MlflowException if no store knows this kind of tracking URI."""
    if not uri.startswith("sqlite:"):
        raise invalid(
            f"No store for the tracking URI '{without_password(uri)}': this version writes to "
            "SQLite databases only. Use 'sqlite:///path/to.db'."
        )


def open_store(uri: str) -> Store:
    """The store behind an absolute tracking URI. Opening may create it.

    Raises:
        MlflowException: no store knows this kind of URI, or the store refuses to open.
    """
    check_uri(uri)
    from core_client.stores.sql import SqlStore

    return SqlStore(uri)
