"""FTP, on pyftpdlib."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.artifact_contract import RemoteArtifactContract


class TestFtp(RemoteArtifactContract):
    @pytest.fixture
    def place(self, ftp_server: str, fresh_name: Callable[[], str]) -> str:
        return f"ftp://me:s3cr%40t@{ftp_server}/{fresh_name()}/some/folder"
