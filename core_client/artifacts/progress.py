"""A bar for large uploads, where a person waits for them."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from core_client.progress import bar

if TYPE_CHECKING:
    from core_client.artifacts.upload import Uploads

SMALLEST = 50_000_000  # bytes; what is less has gone before anybody wonders


@contextlib.contextmanager
def shown(uploads: Uploads) -> Iterator[None]:
    """While the body waits for the uploads, show on a terminal how far they are."""
    waiting = uploads.waiting() if sys.stderr.isatty() else 0
    if waiting < SMALLEST:
        yield
        return
    before = uploads.sent
    with bar("Sending files", waiting, in_bytes=True) as tell:
        uploads.watch = lambda sent: tell(sent - before)
        try:
            yield
        finally:
            uploads.watch = lambda sent: None
