"""What pyproject.toml says about this project, for the tests that hold others to it."""

from __future__ import annotations

import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
# Only frameworks are tested up to a version; the other extras bring drivers.
FRAMEWORKS = {name: needed for name, needed in EXTRAS.items() if "<" in "".join(needed)}
