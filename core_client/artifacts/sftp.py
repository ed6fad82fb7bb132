"""SFTP as OpenSSH does it: hosts known by their keys, and the user's own ~/.ssh/config."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import paramiko
from fsspec.implementations.sftp import SFTPFileSystem

CONNECT_TIME = 10  # seconds


class KnownHosts(SFTPFileSystem):  # type: ignore[misc]  # fsspec has no types
    """The driver of fsspec, but a server whose key is not in ``known_hosts`` gets nothing."""

    cachable = False  # a connection that was lost would be handed out again

    def _connect(self) -> None:
        self.client = paramiko.SSHClient()
        self.client.load_system_host_keys()
        self.client.set_missing_host_key_policy(paramiko.RejectPolicy())
        self.client.connect(self.host, **self.ssh_kwargs)
        self.ftp = self.client.open_sftp()

    def __del__(self) -> None:
        self.client.close()  # else its thread and the server's process stay


def connect(host: str, port: int | None, user: str | None, password: str | None) -> Any:
    """Log in to a server.

    Args:
        host: its name, or its name in ``~/.ssh/config``.
        port: what the URI says; else the configuration, else 22.
        user: what the URI says; else the configuration, else this user.
        password: what the URI says; without one, a key has to do.
    """
    config = paramiko.SSHConfig()
    path = Path("~/.ssh/config").expanduser()
    if path.exists():
        config = paramiko.SSHConfig.from_path(str(path))
    known = config.lookup(host)
    keys = [name for name in known.get("identityfile", ()) if os.path.exists(name)]
    return KnownHosts(
        known.get("hostname", host),
        port=port or int(known.get("port", 22)),
        username=user or known.get("user"),
        password=password,
        key_filename=keys or None,
        timeout=CONNECT_TIME,
    )
