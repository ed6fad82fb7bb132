"""The example runs in an empty folder, and what it prints is true."""

from __future__ import annotations

from pathlib import Path

from core_client.client import Client
from tests.project import ROOT
from tests.scripts import run_script


def test_early_stopping(tmp_path: Path) -> None:
    script = ROOT / "examples" / "xgboost_early_stopping.py"
    account = run_script(script.read_text(encoding="utf-8"), tmp_path)
    client = Client(f"sqlite:///{tmp_path}/mlflow.db")
    (run,) = client.search_runs(["0"])
    metrics = run.data.metrics
    assert f"run {run.info.run_name} (FINISHED)" in account
    assert f"round {metrics['best_iteration']:.0f} of 500" in account
    assert f"loaded again: {metrics['stopped_iteration'] + 1:.0f} rounds" in account
    assert metrics["stopped_iteration"] == metrics["best_iteration"] + 10
    assert f"roc_auc_score_test: {metrics['roc_auc_score_test']:.4f}" in account
    files = [file.path for file in client.list_artifacts(run.info.run_id)]
    assert f"files: {', '.join(files)}\n" in account
    assert {"model", "feature_importance_weight.png"} <= set(files)
