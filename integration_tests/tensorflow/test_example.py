"""The example runs in an empty folder, and what it prints is true."""

from __future__ import annotations

from pathlib import Path

import pytest

from core_client.client import Client
from tests.project import ROOT
from tests.scripts import run_script


def test_summaries_of_a_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")  # else TensorFlow tells about its results
    script = ROOT / "examples" / "tensorflow_summary.py"
    account = run_script(script.read_text(encoding="utf-8"), tmp_path)
    client = Client(f"sqlite:///{tmp_path}/mlflow.db")
    (run,) = client.search_runs(["0"])
    assert "run own loop (FINISHED)" in account
    assert "  loss, 30 values  0: " in account
    assert "  test/loss, 5 values  6: " in account
    curve = client.get_metric_history(run.info.run_id, "test/loss")
    assert [point.step for point in curve] == [6, 12, 18, 24, 30]
    assert f"{curve[-1].step}: {curve[-1].value:.4f}\n" in account
    assert curve[-1].value < 0.1 * curve[0].value
