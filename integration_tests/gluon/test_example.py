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
    (run,) = client.search_runs(["0"])
    assert f"{run.info.run_name} FINISHED" in account
    assert "'optimizer_name': 'Adam', 'learning_rate': '0.001'" in account
    assert f"'validation accuracy': {run.data.metrics['validation accuracy']:.3g}" in account
    assert "predictions: [" in account
