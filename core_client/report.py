"""One voice for what the user should know but need not act on at once."""

from __future__ import annotations

_said: set[str] = set()


def warn(message: str, once: str = "") -> None:
    """Say it through the ``autolog`` logger, once per process.

    Args:
        message: the whole sentence.
        once: what must not be said twice, if not the message itself.

    Never through `warnings`: a user's ``error`` filter would turn it into a failed training.
    """
    if (once or message) not in _said:
        _said.add(once or message)
        import logging

        logging.getLogger("autolog").warning(message)
