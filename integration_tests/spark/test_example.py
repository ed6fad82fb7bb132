"""The example runs in an empty folder, and what it prints is true."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core_client.client import Client
from integration_tests.spark.sessions import tidy
from tests.project import ROOT


def test_the_example(tmp_path: Path) -> None:
    pytest.importorskip("skops")
    aside = tmp_path / "aside"
    aside.mkdir()
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "spark_pipeline.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), **tidy(aside)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "autolog" not in done.stderr
    account = done.stdout
    runs = Client(f"sqlite:///{tmp_path}/mlflow.db").search_runs(["0"])
    (search,) = (run for run in runs if "areaUnderROC_test" in run.data.metrics)
    assert f"run {search.info.run_name} (FINISHED)" in account
    assert f"read: path=file:{tmp_path}/tumours,format=parquet\n" in account
    assert f"areaUnderROC_test: {search.data.metrics['areaUnderROC_test']:.4f}" in account
    assert account.count(" ± ") == 4
    assert "loaded again: 2 stages" in account
    assert " of 569 right, predicted on Spark" in account
