"""One voice for what the user should know but need not act on at once."""

from __future__ import annotations

_said: set[str] = set()


def warn(message: str) -> None:
    """Say it through the ``autolog`` logger, each message once per process.

    Never through `warnings`: a user's ``error`` filter would turn it into a failed training.
    """
    if message not in _said:
        _said.add(message)
        import logging

        logging.getLogger("autolog").warning(message)
