"""Beside MLflow 2.22, the last one that knows fastai: what is recorded, and Learners both ways."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import autolog
from integration_tests.fastai import fastai_scripts
from integration_tests.fastai.fastai_scripts import SCRIPTS
from integration_tests.fastai.learners import learner, table
from tests.project import ROOT

PACKAGES = os.environ.get(
    "AUTOLOG_TEST_OWN_MLFLOW"
)  # a folder with mlflow-skinny 2.22 and its needs
ROWS = 5
SCRIPT = Path(fastai_scripts.__file__)
# What it takes from the second of the two fits that `fine_tune` makes, before that is scheduled.
NESTED = {"lr", "mom", "moms"}
needs_mlflow = pytest.mark.skipif(
    PACKAGES is None, reason="needs MLflow 2.22, as the session `pytorch` has it"
)

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


@needs_mlflow
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


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """What MLflow recorded, and what autolog did."""
    found = []
    for tracker in ("mlflow", "autolog"):
        folder = tmp_path_factory.mktemp(tracker)
        subprocess.run(
            [sys.executable, "-W", "ignore", SCRIPT, tracker, "record.json"],
            cwd=folder, check=True,
            env={
                **os.environ,
                "AUTOLOG_HOME": str(folder / "home"),
                "PYTHONPATH": os.pathsep.join([str(PACKAGES), str(ROOT)]),
            },
        )  # fmt: skip
        found.append(json.loads((folder / "record.json").read_text()))
    return found


@needs_mlflow
@pytest.mark.parametrize("script", SCRIPTS)
def test_all_that_mlflow_records(records: list[Any], script: str) -> None:
    theirs, ours = (record[script] for record in records)
    nested = NESTED if script == "fine_tune" else set()
    assert set(ours["params"]) >= set(theirs["params"]) - nested
    # MLflow takes a batch for itself, which draws random numbers, so its losses are others.
    assert {key: steps(ours, key) for key in theirs["curves"]} == {
        key: steps(theirs, key) for key in theirs["curves"]
    }
    assert set(ours["artifacts"]) >= set(theirs["artifacts"])


def steps(record: dict[str, Any], key: str) -> list[int]:
    return sorted({step for step, _ in record["curves"][key]})
