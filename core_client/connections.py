"""Connections to a server: who is trusted, no needless waits, and an end to every answer."""

from __future__ import annotations

import http.client
import io
import os
import socket
import time
import urllib.request
from typing import Any
from urllib.parse import urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from core_client import auth

LONGEST = 60.0  # seconds of a request that names no time of its own


class _Bounded(io.RawIOBase):
    """What comes from a socket until its timeout is over, however small the pieces are."""

    def __init__(self, raw: io.RawIOBase, sock: Any) -> None:
        self._raw = raw
        self._sock = sock
        self._deadline = time.monotonic() + sock.gettimeout()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    """Bounded as a whole: the usual timeout is one for each line of the head, and begins anew
    with each byte that arrives."""

    def __init__(self, sock: Any, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp = io.BufferedReader(_Bounded(self.fp.detach(), sock))


class _Plain(HTTPConnection):
    response_class = _Answer

    def getresponse(self) -> Any:
        _acknowledge_at_once(self.sock)
        return super().getresponse()


class _Encrypted(HTTPSConnection):
    response_class = _Answer

    def connect(self) -> None:
        super().connect()
        self.is_verified = True  # or unchecked as ordered: urllib3 has no reason to warn

    def getresponse(self) -> Any:
        _acknowledge_at_once(self.sock)
        return super().getresponse()


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _EncryptedPool(HTTPSConnectionPool):
    ConnectionCls = _Encrypted


def _acknowledge_at_once(sock: Any) -> None:
    """Servers send head and body apart and, by Nagle's rule, wait for our acknowledgement between
    them, which the kernel holds back for 40 ms unless told so before each answer."""
    if hasattr(socket, "TCP_QUICKACK") and hasattr(sock, "setsockopt"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def pool(url: str) -> urllib3.PoolManager:
    """Connections to a server, with the checks and the proxy that the environment asks for."""
    parts = urlsplit(url)
    options: dict[str, Any] = {"maxsize": 4, "timeout": LONGEST}
    if parts.scheme == "https":
        tls = auth.tls()
        options["cert_reqs"] = "CERT_REQUIRED" if tls.verify else "CERT_NONE"
        if tls.ca_path:
            options["ca_cert_dir" if os.path.isdir(tls.ca_path) else "ca_certs"] = tls.ca_path
        if tls.client_cert:
            options["cert_file"] = tls.client_cert
    proxy = urllib.request.getproxies().get(parts.scheme)
    if proxy and not urllib.request.proxy_bypass(parts.hostname or ""):
        manager: urllib3.PoolManager = urllib3.ProxyManager(proxy, **options)
    else:
        manager = urllib3.PoolManager(**options)
    manager.pool_classes_by_scheme = {"http": _PlainPool, "https": _EncryptedPool}
    return manager
