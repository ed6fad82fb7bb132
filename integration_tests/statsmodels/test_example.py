"""The example runs in an empty folder, and what it prints is true."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import statsmodels.api as sm
import statsmodels.formula.api as smf

from core_client.client import Client
from tests.project import ROOT
from tests.scripts import run_script


def test_the_example(tmp_path: Path) -> None:
    script = ROOT / "examples" / "statsmodels_formula.py"
    account = run_script(script.read_text(encoding="utf-8"), tmp_path)

    client = Client(f"sqlite:///{tmp_path}/mlflow.db")
    line, logit = client.search_runs(["0"], order_by=["attributes.start_time ASC"])
    for run, name in ((line, "OLS"), (logit, "Logit")):
        assert f"{name}: run {run.info.run_name} (FINISHED)" in account
        assert f"formula: {run.data.params['formula']}" in account
        files = [file.path for file in client.list_artifacts(run.info.run_id)]
        assert f"artifacts: {', '.join(files)}\n" in account
        assert {"model", "model_summary.txt", "model_summary.json"} == set(files)
        for metric, value in run.data.metrics.items():
            assert re.search(rf"^  {metric} +{re.escape(f'{value:.6g}')}$", account, re.MULTILINE)
    gdp = sm.datasets.longley.load_pandas().data
    again = smf.ols("TOTEMP ~ np.log(GNP) + UNEMP", gdp).fit(cov_type="HC1")
    assert np.isclose(line.data.metrics["rsquared"], again.rsquared, rtol=1e-12)
    assert f"p = {again.pvalues['UNEMP']:.2g}, between" in account
    assert account.endswith("predicts the same: True\n")
