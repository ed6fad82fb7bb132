"""The artifact contract on the local disk, by path and by URI."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.artifact_contract import ArtifactContract


class TestPath(ArtifactContract):
    @pytest.fixture
    def place(self, tmp_path: Path) -> str:
        return str(tmp_path / "shared disk")


class TestFileUri(ArtifactContract):
    @pytest.fixture
    def place(self, tmp_path: Path) -> str:
        return (tmp_path / "shared disk").as_uri()
