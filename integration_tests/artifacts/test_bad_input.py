"""What cannot work is one clear error, whichever store it is."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from core_client.artifacts import open_artifacts
from core_client.exceptions import MlflowException
from integration_tests.artifacts.conftest import AZURITE_ACCOUNT, Ssh


def refusal(uri: str) -> str:
    with pytest.raises(MlflowException) as caught:
        open_artifacts(uri).list()
    with pytest.raises(MlflowException) as again:
        open_artifacts(uri).write(b"x", "a.txt")
    assert str(again.value)
    return str(caught.value)


def test_ftp_with_a_wrong_password(ftp_server: str) -> None:
    said = refusal(f"ftp://me:wr0ng@{ftp_server}/x")
    assert "does not accept these credentials" in said
    assert "wr0ng" not in said


def test_a_server_that_is_not_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert "cannot be reached" in refusal(f"ftp://me:x@127.0.0.1:{port}/x")
    assert "cannot be reached" in refusal(f"sftp://me@127.0.0.1:{port}/x")


def test_an_ssh_server_whose_key_is_not_known(ssh: Ssh, tmp_path: Path) -> None:
    (tmp_path / "user" / ".ssh" / "known_hosts").write_text("")
    assert "is not the server that ~/.ssh/known_hosts knows" in refusal("sftp://artifacts/x")


def test_an_ssh_server_with_another_key(ssh: Ssh, tmp_path: Path) -> None:
    hosts = tmp_path / "user" / ".ssh" / "known_hosts"
    host, kind, _ = hosts.read_text().split()
    other = (ssh.folder / "user_key.pub").read_text().split()[1]
    hosts.write_text(f"{host} {kind} {other}\n")
    assert "is not the server that ~/.ssh/known_hosts knows" in refusal("sftp://artifacts/x")


def test_ssh_without_a_key(ssh: Ssh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    config = tmp_path / "user" / ".ssh" / "config"
    lines = [line for line in config.read_text().splitlines() if "IdentityFile" not in line]
    config.write_text("\n".join(lines))
    said = refusal("sftp://artifacts/x")
    assert "does not accept these credentials" in said
    assert "~/.ssh/config" in said


def test_a_google_bucket_that_is_not_there(gcs: str) -> None:
    assert "there is no 'nowhere'; create it first" in refusal("gs://nowhere/x")


def test_an_azure_container_that_is_not_there(azure: str) -> None:
    uri = f"wasbs://nowhere@{AZURITE_ACCOUNT}.blob.core.windows.net/x"
    assert "there is no 'nowhere'; create it first" in refusal(uri)


def test_a_wrong_azure_key(
    azure: str, fresh_name: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from integration_tests.artifacts.test_azure import container

    name = container(azure, fresh_name())
    wrong = azure.replace("AccountKey=Eby8", "AccountKey=AAAA")
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", wrong)
    said = refusal(f"wasbs://{name}@{AZURITE_ACCOUNT}.blob.core.windows.net/x")
    assert "does not accept these credentials" in said
    assert "AZURE_STORAGE_CONNECTION_STRING" in said
