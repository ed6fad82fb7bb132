"""Google Cloud Storage, on gcp-storage-emulator."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable

import pytest

from tests.artifact_contract import RemoteArtifactContract


def bucket(address: str, name: str) -> str:
    request = urllib.request.Request(
        f"{address}/storage/v1/b",
        json.dumps({"name": name}).encode(),
        {"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request).close()
    return name


class TestGcs(RemoteArtifactContract):
    @pytest.fixture
    def place(self, gcs: str, fresh_name: Callable[[], str]) -> str:
        return f"gs://{bucket(gcs, fresh_name())}/some/folder"
