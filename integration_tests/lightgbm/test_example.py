"""The example runs in an empty folder, and what it prints is true."""

from __future__ import annotations

from pathlib import Path

from core_client.client import Client
from tests.project import ROOT
from tests.scripts import run_script


def test_cross_validation(tmp_path: Path) -> None:
    script = ROOT / "examples" / "lightgbm_cv.py"
    account = run_script(script.read_text(encoding="utf-8"), tmp_path)
    client = Client(f"sqlite:///{tmp_path}/mlflow.db")
    cv, train = client.search_runs(["0"], order_by=["attributes.start_time ASC"])
    best = cv.data.metrics["best_iteration"]
    assert f"cross-validation: run {cv.info.run_name} (FINISHED)" in account
    assert f"best after {best:.0f} rounds" in account
    assert cv.data.metrics["stopped_iteration"] == best + 20
    assert train.data.params["num_boost_round"] == f"{best:.0f}"
    assert f"loaded again: {best:.0f} trees" in account
    files = [file.path for file in client.list_artifacts(train.info.run_id)]
    assert f"files: {', '.join(files)}\n" in account
