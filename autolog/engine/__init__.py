"""From a patched function to a recorded run: what every framework's file is written with."""

from __future__ import annotations

from autolog.engine.options import configure, on

__all__ = ["configure", "on"]
