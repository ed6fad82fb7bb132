"""The example runs in an empty folder, and what it prints is true."""

from __future__ import annotations

from pathlib import Path

import pytest

from core_client.client import Client
from tests.project import ROOT
from tests.scripts import run_script


def test_tabular(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What fastai does with tables of pandas 3 makes PyTorch warn.
    monkeypatch.setenv("PYTHONWARNINGS", "ignore::UserWarning")
    script = ROOT / "examples" / "fastai_tabular.py"
    account = run_script(script.read_text(encoding="utf-8"), tmp_path)
    client = Client(f"sqlite:///{tmp_path}/mlflow.db")
    (run,) = client.search_runs(["0"])
    assert f"run {run.info.run_name} (FINISHED): TabularModel" in account
    losses = client.get_metric_history(run.info.run_id, "valid_loss")
    assert f"  valid_loss  0: {losses[0].value:.3f}" in account
    assert "highest learning rates: 0.002 frozen, then 0.001" in account
    assert "predictions of the loaded model: 5" in account
    files = [file.path for file in client.list_artifacts(run.info.run_id)]
    assert f"files: {', '.join(files)}\n" in account
    assert {"freeze_lr.png", "lr.png", "model", "module_summary.txt"} <= set(files)
