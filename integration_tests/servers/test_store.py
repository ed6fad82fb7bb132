"""The store contract on MLflow's own server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core_client.stores import open_store
from core_client.stores.base import Store
from integration_tests.servers.mlflow_server import MlflowServer
from tests.store_contract import RUN, LoggedModelContract, StoreContract, started


class TestRestStore(StoreContract):
    own_clock = True
    removes = False
    may_refuse = frozenset(
        {
            "metrics.loss IS NULL",
            "params.model IS NOT NULL AND tags.team = 'red'",
            "tag.team is null",
            "tags.`n` IS NULL",
            "attribute.name != 'e1' and tag.n is not null",
            "params.`the depth` IN ('1', '4')",
            "params.model NOT IN ('tree', 'Tree')",
            "end_time IS NULL",
            "experiment_id IN ('0', '77', 'x')",
            "experiment_id = '0' AND experiment_id != 'x'",
        }
    )

    @pytest.fixture(autouse=True)
    def version(self, any_server: MlflowServer) -> None:
        self.keeps_models = any_server.keeps_models

    @pytest.fixture
    def store(self, any_server: MlflowServer) -> Iterator[Store]:
        any_server.wipe()
        store = open_store(any_server.url)
        yield store
        store.close()

    def test_artifacts_lie_below_the_experiment_unless_told_otherwise(self, store: Store) -> None:
        """A server tells where, and is not told."""
        store.apply([started(artifact_uri="/elsewhere")])
        root, info = store.get_experiment("0").artifact_location, store.get_run(RUN).info
        assert info.artifact_uri == f"{root}/{info.run_id}/artifacts"


@pytest.mark.parametrize("any_server", ["3.17.2"], indirect=True)
class TestLoggedModels(LoggedModelContract):
    @pytest.fixture
    def store(self, any_server: MlflowServer) -> Iterator[Store]:
        any_server.wipe()
        store = open_store(any_server.url)
        yield store
        store.close()
