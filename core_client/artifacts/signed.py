"""Files that go straight to where a server keeps them, by addresses that it has signed."""

from __future__ import annotations

import io
from typing import BinaryIO

import urllib3

from core_client.artifacts.storage import Sent

SHORT = 60.0  # seconds for a question
SLOWEST = 50_000  # bytes a second; a transfer that is slower is given up
BLOCK = 65536  # bytes that are written at once


class Told(io.RawIOBase):
    """A file that says how far it has been read."""

    def __init__(self, file: io.BufferedReader, sent: Sent) -> None:
        self._file = file
        self._sent = sent

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        data = self._file.read(size)
        self._sent(self._file.tell())
        return data

    def tell(self) -> int:
        """How far it has been read."""
        return self._file.tell()

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place in it."""
        return self._file.seek(offset, whence)


def time_for(size: int) -> float:
    """Seconds that so many bytes may take."""
    return SHORT + size / SLOWEST


def ask(
    pool: urllib3.PoolManager,
    method: str,
    url: str,
    headers: dict[str, str],
    body: bytes | io.RawIOBase = b"",
    size: int = 0,
    into: BinaryIO | None = None,
) -> str:
    """Send to such an address, or fetch from it.

    Args:
        pool: connections of their own: those servers get neither our credentials nor our
            certificate.
        method: GET, PUT or PATCH.
        url: the address.
        headers: what the signature is for.
        body: what is sent.
        size: how many bytes go there or come.
        into: takes what comes.

    Returns:
        The tag that the server gives to what it now has.

    Raises:
        ConnectionError: it does not take or have the file; the message says nothing of the
            address, which is a credential.
    """
    response = pool.request(
        method,
        url,
        body=body,
        headers=headers,
        redirect=False,
        retries=False,
        preload_content=False,
        timeout=urllib3.Timeout(10, time_for(size)),
    )
    try:
        if response.status not in (200, 201, 202):
            raise ConnectionError(f"{method} was answered with {response.status}")
        for part in response.stream(BLOCK):
            if into:
                into.write(part)
    finally:
        response.close()
    return response.headers.get("ETag", "")
