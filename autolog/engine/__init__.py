"""From a patched function to a recorded run: what every framework's file is written with."""

from __future__ import annotations

from autolog.engine.options import after, before, configure, on, while_on

__all__ = ["after", "before", "configure", "on", "while_on"]
