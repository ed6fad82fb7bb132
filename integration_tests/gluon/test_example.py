"""The example runs in an empty folder, and what it prints is true."""

from __future__ import annotations

from pathlib import Path

from core_client.client import Client
from tests.project import ROOT
from tests.scripts import run_script


def test_cifar(tmp_path: Path) -> None:
    script = ROOT / "examples" / "gluon_cifar.py"
    account = run_script(script.read_text(encoding="utf-8"), tmp_path)
    client = Client(f"sqlite:///{tmp_path}/mlflow.db")
    by_loop, run = client.search_runs(["0"])
    assert f"by an Estimator: {run.info.run_name} FINISHED" in account
    assert "'optimizer_name': 'Adam', 'learning_rate': '0.001'" in account
    assert f"'validation accuracy': {run.data.metrics['validation accuracy']:.3g}" in account
    assert "predictions: [" in account
    assert f"by a loop: {by_loop.info.run_name} FINISHED" in account
    assert "'model': 'CIFARResNetV1'" in account
    curve = client.get_metric_history(by_loop.info.run_id, "loss")
    assert len(curve) == 12
    assert f"loss in 12 steps, at the end: {round(curve[-1].value, 3)}" in account
