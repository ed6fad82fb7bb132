"""SFTP, on OpenSSH's server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from integration_tests.artifacts.conftest import Ssh
from tests.artifact_contract import RemoteArtifactContract


class TestSftp(RemoteArtifactContract):
    @pytest.fixture
    def place(self, ssh: Ssh, fresh_name: Callable[[], str], tmp_path: Path) -> str:
        return f"sftp://artifacts{tmp_path / fresh_name()}"
