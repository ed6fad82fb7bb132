"""The example runs in an empty folder, and what it prints is true."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from core_client.client import Client
from tests.project import ROOT


def test_early_stopping(tmp_path: Path) -> None:
    done = subprocess.run(  # TensorFlow has much to say on the error stream
        [sys.executable, ROOT / "examples" / "keras_early_stopping.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    account = done.stdout
    client = Client(f"sqlite:///{tmp_path}/mlflow.db")
    (run,) = client.search_runs(["0"])
    metrics = run.data.metrics
    assert f"run {run.info.run_name} (FINISHED)" in account
    assert f"stopped after epoch {metrics['stopped_epoch']:.0f} of 100" in account
    assert metrics["stopped_epoch"] == metrics["restored_epoch"] + 5
    assert f"accuracy_X_test: {metrics['accuracy_X_test']:.4f}" in account
    assert "loaded again: 4417 weights" in account
    files = [file.path for file in client.list_artifacts(run.info.run_id)]
    assert f"files: {', '.join(files)}\n" in account
    assert {"model", "model_summary.txt"} <= set(files)
