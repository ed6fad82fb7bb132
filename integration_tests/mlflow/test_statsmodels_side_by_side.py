"""The same fits under MLflow and under autolog: all that MLflow records is recorded here."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from integration_tests.mlflow.statsmodels_scripts import SCRIPTS
from integration_tests.side_by_side import assert_no_less, recorded

SCRIPT = Path(__file__).with_name("statsmodels_scripts.py")
INFINITE = 1.7976931348623157e308  # what MLflow's database makes of infinity
# The summary of the first has another form than MLflow expects; it cannot pickle the second.
FAIL_UNDER_MLFLOW = ("vector_autoregression", "own_likelihood")
NOT_A_VALUE = "<class 'inspect._empty'>"  # what MLflow takes for the value of `**kwargs`


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """What MLflow recorded, and what autolog did."""
    return recorded(SCRIPT, tmp_path_factory, "mlflow", "autolog")


@pytest.mark.parametrize("script", SCRIPTS)
def test_all_that_mlflow_records(records, script):
    theirs, ours = (record[script] for record in records)
    assert len(ours) == len(theirs) == (2 if script == "two_fits" else 1)
    for run, twin in zip(theirs, ours, strict=True):
        assert twin["status"] == "FINISHED"
        assert run["status"] == ("FAILED" if script in FAIL_UNDER_MLFLOW else "FINISHED")
        assert twin["tags"]["mlflow.autologging"] == run["tags"]["mlflow.autologging"]
        params = {key: text for key, text in run["params"].items() if text != NOT_A_VALUE}
        assert twin["params"].items() >= params.items()
        assert NOT_A_VALUE not in twin["params"].values()
        assert twin["metrics"].keys() >= run["metrics"].keys()
        for key, value in run["metrics"].items():
            mine = twin["metrics"][key]
            same = mine == pytest.approx(value, rel=1e-12, nan_ok=True)
            assert same or (math.isinf(mine) and abs(value) == INFINITE), key
        assert set(twin["artifacts"]) >= set(run["artifacts"])
        assert "model_summary.json" in twin["artifacts"] or script == "smoothing"
        assert len(twin["contexts"]) == 1
        if "model" in run:
            assert_no_less(twin["model"], run["model"])
    if "formula" in script:
        assert "~" in ours[0]["params"]["formula"]
