"""Azure Blob Storage, on Azurite."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import trustme

from integration_tests.artifacts.conftest import (
    AZURITE_ACCOUNT,
    AZURITE_KEY,
    AZURITE_READY,
    Process,
    needed,
)
from integration_tests.artifacts.test_s3 import serving
from tests.artifact_contract import RemoteArtifactContract
from tests.project import ROOT

HOST = f"{AZURITE_ACCOUNT}.blob.core.windows.net"


def container(connection: str, name: str) -> str:
    from azure.storage.blob import BlobServiceClient

    with BlobServiceClient.from_connection_string(connection) as service:
        service.create_container(name)
    return name


class TestAzure(RemoteArtifactContract):
    @pytest.fixture
    def place(self, azure: str, fresh_name: Callable[[], str]) -> str:
        name = container(azure, fresh_name())
        return f"wasbs://{name}@{HOST}/some/folder"


class Tunnel(BaseHTTPRequestHandler):
    """A proxy that leads to Azurite, whatever host is asked for."""

    target: tuple[str, int]
    asked: list[str]

    def do_CONNECT(self) -> None:
        self.asked.append(self.path)
        with socket.create_connection(self.target) as other:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=_pass_on, args=(other, self.connection))
            back.start()
            _pass_on(self.connection, other)
            back.join()

    def log_message(self, *_: object) -> None:
        pass


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):  # one of them has gone
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@pytest.fixture
def microsoft(tmp_path: Path) -> Iterator[tuple[dict[str, str], list[str]]]:
    """What lets a new process take Azurite for Microsoft's own host; and what it asked for."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    own = authority.issue_cert(HOST)
    own.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    own.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    program = needed("azurite-blob", otherwise="run `npm install -g azurite`.")
    tls = ["--cert", str(tmp_path / "cert.pem"), "--key", str(tmp_path / "key.pem")]
    place = ["--blobPort", "0", "--location", str(tmp_path / "azurite")]
    server = Process([program, *place, "--skipApiVersionCheck", *tls], AZURITE_READY)
    port = int(server.match[1].rpartition(":")[2])
    asked: list[str] = []
    handler = type("Mine", (Tunnel,), {"target": ("127.0.0.1", port), "asked": asked})
    with serving(handler) as proxy:
        trusted = dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"), str(tmp_path / "ca.pem"))
        yield {"HTTPS_PROXY": proxy, "NO_PROXY": "", "no_proxy": "", **trusted}, asked
    server.stop()
    shutil.rmtree(tmp_path / "azurite")


WITH_THE_KEY = """
import os, sys
from azure.storage.blob import BlobServiceClient
from core_client.artifacts import open_artifacts
account, suffix = sys.argv[1:]
key = os.environ["AZURE_STORAGE_ACCESS_KEY"]
with BlobServiceClient(f"https://{account}.blob.{suffix}", credential=key) as service:
    service.create_container("kept")
place = open_artifacts(f"wasbs://kept@{account}.blob.{suffix}/some/folder")
place.write(b"with the key", "deep/a.txt")
same = open_artifacts(f"abfss://kept@{account}.dfs.{suffix}/some/folder")
print([file.path for file in same.list("deep")], same.read("deep/a.txt").decode())
"""


def test_the_access_key_alone(microsoft: tuple[dict[str, str], list[str]]) -> None:
    environment, asked = microsoft
    done = subprocess.run(
        [sys.executable, "-c", WITH_THE_KEY, *HOST.split(".blob.")],
        env={
            **os.environ,
            **environment,
            "PYTHONPATH": str(ROOT),
            "AZURE_STORAGE_ACCESS_KEY": AZURITE_KEY,
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "['deep/a.txt'] with the key\n"
    assert set(asked) == {f"{HOST}:443"}
