"""Azure Blob Storage, on Azurite."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from integration_tests.artifacts.conftest import AZURITE_ACCOUNT
from tests.artifact_contract import RemoteArtifactContract


def container(connection: str, name: str) -> str:
    from azure.storage.blob import BlobServiceClient

    with BlobServiceClient.from_connection_string(connection) as service:
        service.create_container(name)
    return name


class TestAzure(RemoteArtifactContract):
    @pytest.fixture
    def place(self, azure: str, fresh_name: Callable[[], str]) -> str:
        name = container(azure, fresh_name())
        return f"wasbs://{name}@{AZURITE_ACCOUNT}.blob.core.windows.net/some/folder"
