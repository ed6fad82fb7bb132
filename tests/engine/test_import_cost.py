"""`import autolog` and `autolog()` load next to nothing; times are measured in benchmarks/."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HEAVY = {
    "numpy", "pandas", "wrapt", "sqlalchemy", "yaml", "logging", "msgspec", "sklearn", "typing",
    "dataclasses", "importlib.metadata", "inspect", "re", "json", "threading",
}  # fmt: skip


def loaded(code: str) -> set[str]:
    """The modules that are loaded after this code and were not before, with plain Python."""
    script = f"import sys; before = set(sys.modules); {code}; print(*set(sys.modules) - before)"
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-S", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": root},
    )
    return set(done.stdout.split())


def test_import_loads_the_face_only() -> None:
    assert loaded("import autolog") <= {"autolog", "__future__"}


def test_autolog_loads_the_engine_and_nothing_heavy() -> None:
    found = loaded("import autolog; autolog.autolog(); autolog.disable()")
    assert found & HEAVY == set()
    assert "autolog.engine.hook" in found


def test_switching_off_what_was_never_on_loads_nothing() -> None:
    assert loaded("import autolog; autolog.disable()") <= {"autolog", "__future__"}
