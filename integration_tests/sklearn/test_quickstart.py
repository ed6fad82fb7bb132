"""The example of README runs in an empty folder, and its account is what was recorded."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from core_client.client import Client

ROOT = Path(__file__).parents[2]


def test_quickstart(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "quickstart.py")],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", done.stderr

    client = Client(f"sqlite:///{tmp_path}/mlflow.db")
    runs = client.search_runs(["0"], order_by=["attributes.start_time ASC"])
    forest, search, *children = runs
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert len(children) == 3
    parents = {run.data.tags["mlflow.parentRunId"] for run in children}
    assert parents == {search.info.run_id}

    account = done.stdout
    for run in (forest, search):
        assert f"{run.data.tags['estimator_name']}: run {run.info.run_name} (FINISHED)" in account
        assert f"{len(run.data.params)} params, 1 dataset input(s)" in account
        files = [file.path for file in client.list_artifacts(run.info.run_id)]
        assert f"artifacts: {', '.join(files)}\n" in account
    printed = dict(re.findall(r"^  (\w+) +(\d\.\d{4})$", account, re.MULTILINE))
    recorded = forest.data.metrics | search.data.metrics
    assert printed == {name: f"{value:.4f}" for name, value in recorded.items()}
    assert recorded["training_score"] > 0.9
    assert recorded["best_cv_score"] == max(run.data.metrics["mean_test_score"] for run in children)
    assert "RandomForestClassifier_score_X_test" in recorded
    for run in children:
        assert run.info.run_name in account
    assert "model" in [file.path for file in client.list_artifacts(forest.info.run_id)]
