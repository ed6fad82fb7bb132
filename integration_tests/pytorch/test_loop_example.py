"""The example of a loop runs in an empty folder, and what it prints is true."""

from __future__ import annotations

from pathlib import Path

from core_client.client import Client
from tests.project import ROOT
from tests.scripts import run_script


def test_a_loop(tmp_path: Path) -> None:
    script = ROOT / "examples" / "pytorch_loop.py"
    account = run_script(script.read_text(encoding="utf-8"), tmp_path)
    client = Client(f"sqlite:///{tmp_path}/mlflow.db")
    (run,) = client.search_runs(["0"])
    assert f"run {run.info.run_name} (FINISHED)" in account
    assert "Sequential of 9610 parameters" in account
    assert "Adam with a learning rate of 0.003" in account
    curve = client.get_metric_history(run.info.run_id, "loss")
    assert f"loss in 100 steps: {curve[0].value:.3f} to {curve[-1].value:.3f}" in account
    assert curve[-1].value < curve[0].value / 2
    assert "files: model_summary.txt" in account
