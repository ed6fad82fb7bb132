"""The places where runs are kept, one file per kind."""

from __future__ import annotations

from core_client.exceptions import invalid
from core_client.settings import without_password
from core_client.stores.base import Store


def open_store(uri: str) -> Store:
    """The store behind an absolute tracking URI. Opening may create it.

    Raises:
        MlflowException: no store knows this kind of URI, or the store refuses to open.
    """
    if uri.startswith("sqlite:"):
        from core_client.stores.sql import SqlStore

        return SqlStore(uri)
    raise invalid(
        f"No store for the tracking URI '{without_password(uri)}'. Use 'sqlite:///path/to.db'."
    )
