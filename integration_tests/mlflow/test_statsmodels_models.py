"""Results of statsmodels: MLflow loads ours with nothing of ours installed, and we load MLflow's."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf

import autolog
from core_client import background
from core_client.exceptions import MlflowException
from flavors import pyfunc, statsmodels
from integration_tests.mlflow.statsmodels_scripts import X, duncan, y

poisson = sm.families.Poisson
MODELS = {
    "arrays": (lambda: sm.OLS(y, X).fit(), X),
    "formula": (
        lambda: smf.glm("calls ~ income", duncan, family=poisson()).fit(),
        duncan,
    ),
    "logit": (lambda: sm.Logit(duncan["high"], duncan[["income"]]).fit(disp=0), duncan[["income"]]),
}

# MLflow in a process where our packages cannot be imported; prints what it sees of each model.
THEIRS = """
import json, sys, warnings
for name in ("autolog", "flavors", "core_client"):
    sys.modules[name] = None
warnings.simplefilter("ignore")
import mlflow, pandas
mlflow.set_tracking_uri(sys.argv[1])
seen = {}
for uri, data in zip(sys.argv[2::2], sys.argv[3::2]):
    data = pandas.read_json(data).astype(float)
    rows = data.to_numpy() if data.columns[0] == 0 else data
    seen[uri] = {
        "pyfunc": list(mlflow.pyfunc.load_model(uri).predict(rows)),
        "statsmodels": list(mlflow.statsmodels.load_model(uri).predict(rows)),
    }
print("SEEN" + json.dumps(seen))
"""


def seen_by_mlflow(tracking_uri: str, *arguments: str):
    """What MLflow 3 predicts with each model."""
    command = [sys.executable, "-c", THEIRS, tracking_uri, *arguments]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    assert "SEEN" in result.stdout, result.stderr
    return json.loads(result.stdout.split("SEEN")[1])


def test_mlflow_loads_what_we_record(tmp_path):
    autolog.statsmodels.autolog()
    expected, arguments = {}, []
    for name, (fit, data) in MODELS.items():
        result = fit()
        background.wait()
        uri = f"runs:/{autolog.last_active_run().info.run_id}/model"
        expected[uri] = np.asarray(result.predict(data))
        rows = tmp_path / f"{name}.json"
        pd.DataFrame(data).to_json(rows, double_precision=15)
        arguments += [uri, str(rows)]
    autolog.search_runs()  # all of it is in the store now
    for uri, seen in seen_by_mlflow("sqlite:///mlflow.db", *arguments).items():
        np.testing.assert_allclose(seen["pyfunc"], expected[uri], rtol=1e-10)
        np.testing.assert_allclose(seen["statsmodels"], expected[uri], rtol=1e-10)


@pytest.mark.parametrize("name", MODELS)
def test_we_load_what_mlflow_saves(tmp_path: Path, name: str):
    mlflow = pytest.importorskip("mlflow")
    fit, data = MODELS[name]
    result = fit()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.statsmodels.save_model(result, str(tmp_path / "m"), pip_requirements=["statsmodels"])
    for load in (statsmodels.load_model, pyfunc.load_model):
        with pytest.raises(MlflowException, match="trusted=True"):
            load(tmp_path / "m")
        loaded = load(tmp_path / "m", trusted=True)
        np.testing.assert_array_equal(loaded.predict(data), result.predict(data))
