"""A Learner goes from us to MLflow 2, the last one that knows fastai, and back."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import autolog
from integration_tests.fastai.test_fits import learner, table

PACKAGES = os.environ.get(
    "AUTOLOG_TEST_OWN_MLFLOW"
)  # a folder with mlflow-skinny 2.22 and its needs
ROWS = 5

# MLflow in a process where our packages cannot be imported.
THEIRS = """
import sys
for name in ("autolog", "flavors", "core_client"):
    sys.modules[name] = None
import mlflow, numpy, pandas
assert mlflow.__version__.startswith("2.22")
pandas.set_option("future.infer_string", False)  # it is older than the texts of pandas 3
rows = pandas.read_csv("rows.csv")
model = mlflow.pyfunc.load_model("ours")
numpy.save("predicted.npy", numpy.stack(model.predict(rows)["predictions"]))
mlflow.fastai.save_model(
    mlflow.fastai.load_model("ours"), "theirs", pip_requirements=[], input_example=rows[:2]
)
"""


@pytest.mark.skipif(PACKAGES is None, reason="needs MLflow 2.22, as the session `pytorch` has it")
def test_mlflow_loads_ours_and_we_load_what_mlflow_saves(tmp_path: Path) -> None:
    trained, rows = learner(), table().head(ROWS)
    with trained.no_bar(), trained.no_logging():
        trained.fit(1)
        expected = trained.get_preds(dl=trained.dls.test_dl(rows))[0].numpy()
    autolog.fastai.save_model(trained, tmp_path / "ours", input_example=rows[:2])
    rows.to_csv(tmp_path / "rows.csv", index=False)
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", THEIRS],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(PACKAGES)}, check=True,
    )  # fmt: skip
    np.testing.assert_array_equal(np.load(tmp_path / "predicted.npy"), expected)
    theirs = autolog.pyfunc.load_model(tmp_path / "theirs", trusted=True)
    assert theirs.metadata.flavors["python_function"]["loader_module"] == "mlflow.fastai"
    found = theirs.predict(pd.read_csv(tmp_path / "rows.csv"))
    np.testing.assert_array_equal(np.stack(found["predictions"]), expected)
