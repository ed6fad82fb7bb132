"""The contract of all stores, on database servers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy import create_engine, delete

from core_client.stores import open_store
from core_client.stores.base import Store
from core_client.stores.sql.dialects import database_url
from core_client.stores.sql.schema import USED, experiments
from integration_tests.databases.conftest import KINDS
from integration_tests.databases.servers import Server
from tests.store_contract import StoreContract


@pytest.fixture(scope="module", params=KINDS)
def uri(request: pytest.FixtureRequest) -> str:
    """One database for the whole suite: to make one takes a second."""
    server: Server = request.getfixturevalue(request.param)
    return server.new_database()


class TestOnServers(StoreContract):
    @pytest.fixture
    def store(self, uri: str) -> Iterator[Store]:
        with closing(open_store(uri)) as store:
            yield store
        engine = create_engine(database_url(uri))
        with engine.begin() as connection:
            for table in reversed(USED):
                if table is not experiments:
                    connection.execute(delete(table))
            connection.execute(delete(experiments).where(experiments.c.experiment_id != 0))
        engine.dispose()
