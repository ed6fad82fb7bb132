"""Artifacts behind MLflow's server: the contract, and what only a server can do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from core_client import fluent
from integration_tests.servers.conftest import python
from integration_tests.servers.mlflow_server import MlflowServer
from tests.artifact_contract import RemoteArtifactContract


@pytest.fixture(scope="module", params=["3.17.2", "2.22"])
def proxy(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MlflowServer]:
    server = MlflowServer(python(request.param), tmp_path_factory.mktemp("proxy"))
    server.start("--serve-artifacts", "--artifacts-destination", str(server.folder / "kept"))
    yield server
    server.kill()


class TestProxy(RemoteArtifactContract):
    @pytest.fixture
    def place(self, proxy: MlflowServer, monkeypatch: pytest.MonkeyPatch) -> str:
        # Another user, whom the server does not ask for: another tracking URI, with its own spool.
        name = os.urandom(4).hex()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", proxy.url.replace("//", f"//{name}:x@"))
        return f"mlflow-artifacts:/{name}/some/folder"

    def test_the_default_place_is_the_servers(
        self, proxy: MlflowServer, place: str, tmp_path: Path
    ) -> None:
        with fluent.start_run() as run:
            fluent.log_text("kept by the server", "notes/a.txt")
        assert run.artifacts.read("notes/a.txt") == b"kept by the server"
        (kept,) = (proxy.folder / "kept").rglob(f"{run.run_id}/artifacts/notes/a.txt")
        assert kept.read_text() == "kept by the server"
