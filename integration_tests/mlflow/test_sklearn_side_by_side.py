"""The same trainings under MLflow and under autolog: all that MLflow records is recorded here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from integration_tests.mlflow.sklearn_scripts import SCRIPTS
from integration_tests.side_by_side import recorded

SCRIPT = Path(__file__).with_name("sklearn_scripts.py")
# What differs from run to run, whoever records.
VARYING = ("mlflow.", "mean_fit_time", "std_fit_time", "mean_score_time", "std_score_time")
# MLflow describes features and targets of arrays; a sparse matrix it takes for a dense one.
SPARSE = "sparse"


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """What MLflow recorded, and what autolog did."""
    return recorded(SCRIPT, tmp_path_factory, "mlflow", "autolog")


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
        assert twin["contexts"].count("train") == 1
        for context, schema, profile in run["data"]:
            like = [one for one in twin["data"] if one[0] == context]
            if script != SPARSE:
                assert schema in [one[1] for one in like]
                assert json.loads(profile) in [json.loads(one[2]) for one in like]
