"""HDFS: what the driver is asked for. There is no cluster here; pyarrow's own part is stood in for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.arrow import HadoopFileSystem
from pyarrow import fs

from core_client.artifacts import open_artifacts

CONNECTED: list[dict[str, Any]] = []


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file system of the cluster."""
    top = tmp_path / "cluster"
    top.mkdir()

    def connect(**asked: Any) -> fs.FileSystem:
        CONNECTED.append(asked)
        return fs.SubTreeFileSystem(str(top), fs.LocalFileSystem())

    HadoopFileSystem.clear_instance_cache()
    CONNECTED.clear()
    monkeypatch.setattr(fs, "HadoopFileSystem", connect)
    return top


@pytest.mark.parametrize(
    ("uri", "host", "port", "place"),
    [
        ("hdfs://name-node:8020/some/folder", "hdfs://name-node", 8020, "some/folder"),
        ("hdfs:///user/me", "default", 0, "user/me"),
        ("hdfs:/user/me", "default", 0, "user/me"),
        ("viewfs://cluster/data", "viewfs://cluster", 0, "data"),
    ],
)
def test_files_go_where_the_uri_says(
    folder: Path, uri: str, host: str, port: int, place: str
) -> None:
    artifacts = open_artifacts(uri)
    artifacts.write(b"x", "deep/a.txt")
    assert (folder / place / "deep" / "a.txt").read_bytes() == b"x"
    assert artifacts.read("deep/a.txt") == b"x"
    assert [(file.path, file.is_dir) for file in artifacts.list()] == [("deep", True)]
    artifacts.delete("deep/a.txt")
    assert not artifacts.has("deep/a.txt")
    assert (CONNECTED[0]["host"], CONNECTED[0]["port"]) == (host, port)
    assert (CONNECTED[0]["user"], CONNECTED[0]["kerb_ticket"]) == (None, None)


def test_kerberos(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_KERBEROS_USER", "me")
    monkeypatch.setenv("MLFLOW_KERBEROS_TICKET_CACHE", "/run/krb5cc_1000")
    assert open_artifacts("hdfs://node/kerberos").list() == []
    assert CONNECTED[0]["user"] == "me"
    assert CONNECTED[0]["kerb_ticket"] == "/run/krb5cc_1000"
