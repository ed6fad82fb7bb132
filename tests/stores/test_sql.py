"""The SQL store: the contract, and what only a database can do or suffer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core_client.stores import open_store
from core_client.stores.base import Store
from tests.store_contract import StoreContract


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "mlflow.db"


class TestSqlStore(StoreContract):
    @pytest.fixture
    def store(self, path: Path) -> Iterator[Store]:
        store = open_store(f"sqlite:///{path}")
        yield store
        store.close()
