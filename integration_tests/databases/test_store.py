"""The contract of all stores, on database servers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing

import pytest
from mlflow import MlflowClient
from sqlalchemy import Table, create_engine, delete

from core_client.stores import open_store
from core_client.stores.base import Store
from core_client.stores.sql.dialects import database_url
from core_client.stores.sql.models import (
    logged_models,
    model_metrics,
    model_params,
    model_tags,
)
from core_client.stores.sql.schema import USED, experiments
from integration_tests.databases.conftest import KINDS
from integration_tests.databases.servers import Server
from tests.store_contract import LoggedModelContract, StoreContract


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
        empty(uri, USED)


class TestLoggedModels(LoggedModelContract):
    """In a database that MLflow 3 made."""

    @pytest.fixture(scope="class")
    def theirs(self, uri: str, tmp_path_factory: pytest.TempPathFactory) -> str:
        location = database_url(uri).render_as_string(hide_password=False)
        MlflowClient(location).search_experiments()
        return uri

    @pytest.fixture
    def store(self, theirs: str) -> Iterator[Store]:
        with closing(open_store(theirs)) as store:
            yield store
        tables = (logged_models, model_tags, model_params, model_metrics)
        empty(theirs, (*USED, *tables))


def empty(uri: str, tables: Sequence[Table]) -> None:
    engine = create_engine(database_url(uri))
    with engine.begin() as connection:
        for table in reversed(tables):
            if table is not experiments:
                connection.execute(delete(table))
        connection.execute(delete(experiments).where(experiments.c.experiment_id != 0))
    engine.dispose()
