"""Every test of the ground floor has a home, a working directory and a context of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core_client import destination, fluent, report


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("TRACKING_URI", "EXPERIMENT_ID", "EXPERIMENT_NAME", "RUN_ID"):
        monkeypatch.setenv(f"MLFLOW_{name}", "")
    monkeypatch.setenv("AUTOLOG_HOME", str(tmp_path / "home"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    report._said.clear()
    yield
    while fluent.active_run():
        fluent.end_run()
    destination.close_all()
