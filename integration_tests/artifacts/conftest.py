"""The servers of these tests: real or the makers' own emulators, on loopback, started here."""

from __future__ import annotations

import getpass
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from integration_tests.conftest import faults, own_place

__all__ = ["faults", "own_place"]

START = 120  # seconds that a start may take on a busy machine
AZURITE_ACCOUNT = "devstoreaccount1"
AZURITE_READY = r"listen(?:s|ing) (?:at|on) (https?://127\.0\.0\.1:\d+)"
# Azurite's makers publish this key: it opens every Azurite, and nothing else.
AZURITE_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)


def needed(*names: str, otherwise: str) -> str:
    """The path of a program; without it the test is skipped, or fails where nothing may miss."""
    places = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/lib/openssh"])
    found = next((path for name in names if (path := shutil.which(name, path=places))), None)
    if found:
        return found
    sentence = f"{names[0]} is not installed: {otherwise}"
    if os.environ.get("CI") == "true":
        pytest.fail(sentence)
    pytest.skip(sentence)


class Process:
    """A server as a child of this process; it ends with the tests.

    Args:
        command: the program and its arguments.
        ready: what it prints, on either stream, when it listens.
    """

    def __init__(self, command: list[str], ready: str) -> None:
        # Into a file: children that outlive it would keep a pipe open.
        with tempfile.NamedTemporaryFile("w+") as log:
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # its own children end with it
            )
            deadline = time.monotonic() + START
            while not (match := re.search(ready, said := Path(log.name).read_text())):
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    pytest.fail(f"{command[0]} did not start: {said}")
                time.sleep(0.02)  # until its log says that it is ready
            self.match = match

    def stop(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of a moto server."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    from s3fs import S3FileSystem

    S3FileSystem.clear_instance_cache()  # connections with another test's credentials
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", s3_server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    return s3_server


@pytest.fixture(scope="session")
def azure_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an Azurite."""
    program = needed("azurite-blob", otherwise="run `npm install -g azurite`.")
    folder = tmp_path_factory.mktemp("azurite")
    server = Process(
        [program, "--blobPort", "0", "--location", str(folder), "--skipApiVersionCheck"],
        AZURITE_READY,
    )
    yield server.match[1]
    server.stop()


@pytest.fixture
def azure(azure_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A connection string."""
    text = (
        f"DefaultEndpointsProtocol=http;AccountName={AZURITE_ACCOUNT};AccountKey={AZURITE_KEY};"
        f"BlobEndpoint={azure_server}/{AZURITE_ACCOUNT};"
    )
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", text)
    return text


@pytest.fixture(scope="session")
def gcs_server() -> Iterator[str]:
    """The address of a gcp-storage-emulator."""
    emulator = pytest.importorskip("gcp_storage_emulator.server")
    server = emulator.create_server("127.0.0.1", 0, in_memory=True)
    server.start()
    host, port = server._api._httpd.server_address[:2]
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def gcs(gcs_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs_server)
    return gcs_server


@pytest.fixture(scope="session")
def ftp_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ftp")


@pytest.fixture(scope="session")
def ftp_server(ftp_folder: Path) -> Iterator[str]:
    """Host and port of a pyftpdlib server that knows the user `me` with the password `s3cr@t`."""
    pytest.importorskip("pyftpdlib")
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import FTPHandler
    from pyftpdlib.servers import ThreadedFTPServer

    class Handler(FTPHandler):
        authorizer = DummyAuthorizer()
        auth_failed_timeout = 0

    Handler.authorizer.add_user("me", "s3cr@t", str(ftp_folder), perm="elradfmwMT")
    server = ThreadedFTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield "{}:{}".format(*server.socket.getsockname())
    server.close_all()
    thread.join()


class Ssh:
    """An sshd of this user's own, with keys of its own.

    Args:
        folder: where its files lie.
    """

    def __init__(self, folder: Path) -> None:
        sshd = needed("sshd", otherwise="install your system's openssh-server.")
        sftp = needed("sftp-server", "internal-sftp", otherwise="it belongs to openssh-server.")
        keygen = needed("ssh-keygen", otherwise="install your system's openssh-client.")
        for name in ("host_key", "user_key"):
            subprocess.run(
                [keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True
            )
        shutil.copyfile(folder / "user_key.pub", folder / "authorized_keys")
        settings = {
            "HostKey": folder / "host_key",
            "PidFile": "none",
            "AuthorizedKeysFile": folder / "authorized_keys",
            "StrictModes": "no",
            "UsePAM": "no",
            "PasswordAuthentication": "no",
            "PermitRootLogin": "prohibit-password",
            "Subsystem": f"sftp {sftp}",
            "ListenAddress": "127.0.0.1",
        }
        (folder / "config").write_text("".join(f"{k} {v}\n" for k, v in settings.items()))
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # where it gives its privileges up
        self.folder = folder
        self.port = 0
        for port in range(20_000 + os.getpid() % 20_000, 65_000):
            if _is_free(port):
                self.port = port
                break
        self.process = Process(
            [sshd, "-D", "-e", "-f", str(folder / "config"), "-p", str(self.port)],
            "Server listening on",
        )

    @property
    def known_host(self) -> str:
        kind, key = (self.folder / "host_key.pub").read_text().split()[:2]
        return f"[127.0.0.1]:{self.port} {kind} {key}\n"


def _is_free(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


@pytest.fixture(scope="session")
def ssh_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ssh]:
    server = Ssh(tmp_path_factory.mktemp("sshd"))
    yield server
    server.process.stop()


@pytest.fixture
def ssh(ssh_server: Ssh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ssh:
    """The server, and a home folder whose ~/.ssh knows it as the host `artifacts`."""
    folder = tmp_path / "user" / ".ssh"
    folder.mkdir(parents=True, mode=0o700)
    (folder / "known_hosts").write_text(ssh_server.known_host)
    (folder / "config").write_text(
        f"Host artifacts\n  HostName 127.0.0.1\n  Port {ssh_server.port}\n"
        f"  User {getpass.getuser()}\n  IdentityFile {ssh_server.folder / 'user_key'}\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    return ssh_server


@pytest.fixture
def fresh_name(request: pytest.FixtureRequest) -> Callable[[], str]:
    """Names of buckets and folders that no other test uses."""
    count = iter(range(1_000_000))
    base = re.sub("[^a-z0-9]", "", request.node.name.lower())[:30]
    return lambda: f"{base}-{os.urandom(4).hex()}-{next(count)}"
