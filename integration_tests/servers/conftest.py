"""Real servers for the tests of this folder, started once each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration_tests.databases.conftest import postgresql
from integration_tests.databases.servers import PostgreSQL
from integration_tests.servers.mlflow_server import MlflowServer

__all__ = ["postgresql"]  # a fixture here too

# "3.17.2=/path/to/python 2.22=/path/to/python": interpreters that have MLflow.
PYTHONS = dict(entry.split("=", 1) for entry in os.environ.get("AUTOLOG_TEST_SERVERS", "").split())


def python(version: str) -> str:
    if version in PYTHONS:
        return str(Path(PYTHONS[version]).absolute())  # a server runs in its own folder
    message = f"AUTOLOG_TEST_SERVERS names no Python that has MLflow {version}"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session", params=["3.17.2", "2.22"])
def any_server(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    postgresql: PostgreSQL,
) -> Iterator[MlflowServer]:
    """MLflow's server in each version, with PostgreSQL behind it."""
    folder = tmp_path_factory.mktemp("server")
    new = request.param != "2.22"
    server = MlflowServer(python(request.param), folder, postgresql.new_database(), new)
    server.start()
    yield server
    server.kill()
