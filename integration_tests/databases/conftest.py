"""One PostgreSQL and one MariaDB for all tests here, each in a folder of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration_tests.databases.servers import MariaDB, PostgreSQL, Server

KINDS = {"postgresql": PostgreSQL, "mariadb": MariaDB}


def run(kind: type[Server]) -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="db") as name:  # a socket's path must be short
        server = kind(Path(name))
        yield server
        server.stop()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    yield from run(PostgreSQL)


@pytest.fixture(scope="session")
def mariadb() -> Iterator[Server]:
    yield from run(MariaDB)


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest) -> Server:
    """Each of them in turn."""
    found: Server = request.getfixturevalue(request.param)
    return found
