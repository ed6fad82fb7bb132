"""Every test here has its own working directory and spool too."""

from __future__ import annotations

from tests.conftest import faults, own_place

__all__ = ["faults", "own_place"]
