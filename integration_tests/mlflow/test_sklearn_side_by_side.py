"""The same trainings under MLflow and under autolog: all that MLflow records is recorded here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from integration_tests.mlflow.sklearn_scripts import SCRIPTS

SCRIPT = Path(__file__).with_name("sklearn_scripts.py")
ROOT = SCRIPT.parents[2]
# What differs from run to run, whoever records.
VARYING = ("mlflow.", "mean_fit_time", "std_fit_time", "mean_score_time", "std_score_time")
# MLflow describes features and targets of arrays; a sparse matrix it takes for a dense one.
SPARSE = "sparse"


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """What MLflow recorded, and what autolog did."""
    found = []
    for tracker in ("mlflow", "autolog"):
        folder = tmp_path_factory.mktemp(tracker)
        subprocess.run(
            [sys.executable, "-W", "ignore", SCRIPT, tracker, folder / "record.json"],
            cwd=folder,
            env=os.environ
            | {
                "PYTHONPATH": str(ROOT),
                "AUTOLOG_HOME": str(folder / "home"),
                "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db",
            },
            check=True,
        )
        found.append(json.loads((folder / "record.json").read_text()))
    return found


def pairs(theirs, ours):
    """Runs of the same training: in order, and children by their params."""
    children = [run for run in ours if "mlflow.parentRunId" in run["tags"]]
    parents = [run for run in ours if run not in children]
    for run in theirs:
        if "mlflow.parentRunId" in run["tags"]:
            (twin,) = (one for one in children if one["params"] == run["params"])
            yield run, twin
        else:
            yield run, parents.pop(0)


@pytest.mark.parametrize("script", SCRIPTS)
def test_all_that_mlflow_records(records, script):
    theirs, ours = (record[script] for record in records)
    assert len(ours) == max(len(theirs), script == "partial_fit")
    for run, twin in pairs(theirs, ours):
        assert twin["status"] == run["status"]
        assert twin["params"].items() >= run["params"].items()
        assert twin["metrics"].keys() >= run["metrics"].keys()
        for key, value in run["metrics"].items():
            if not key.startswith(VARYING):
                assert twin["metrics"][key] == pytest.approx(value, rel=1e-12), key
        for key, value in run["tags"].items():
            if not key.startswith(VARYING) or key == "mlflow.autologging":
                assert twin["tags"][key] == value
        assert set(twin["artifacts"]) >= set(run["artifacts"])
        assert [one["context"] for one in twin["inputs"]].count("train") == 1
        for given in run["inputs"]:
            like = [one for one in twin["inputs"] if one["context"] == given["context"]]
            if script != SPARSE:
                assert given["schema"] in [one["schema"] for one in like]
                assert json.loads(given["profile"]) in [json.loads(one["profile"]) for one in like]
