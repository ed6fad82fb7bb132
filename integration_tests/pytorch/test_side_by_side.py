"""The same trainings with Lightning under MLflow and autolog, and models between both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from flavors import pyfunc, pytorch
from integration_tests.pytorch.lightning_scripts import SCRIPTS
from integration_tests.side_by_side import in_process, recorded

pytest.importorskip("mlflow")
# What a module logs when an epoch ends, MLflow takes for a value of the next one.
LATE = {("logged_when_an_epoch_ends", "epochs_done")}
SCRIPT = Path(__file__).with_name("lightning_scripts.py")


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """What MLflow recorded, and what autolog did."""
    return recorded(SCRIPT, tmp_path_factory, "mlflow", "autolog")


@pytest.mark.parametrize("script", SCRIPTS)
def test_all_that_mlflow_records(records, script):
    theirs, ours = (record[script] for record in records)
    assert ours["status"] == theirs["status"] == "FINISHED"
    for tag in ("Mode", "mlflow.autologging"):
        assert ours["tags"].get(tag) == theirs["tags"].get(tag)
    assert ours["params"].items() >= theirs["params"].items()
    for key, curve in theirs["curves"].items():
        points = [tuple(point) for point in ours["curves"][key]]
        if (script, key) in LATE:
            curve = [(step - 1, value) for step, value in curve]
        for step, value in curve:
            # MLflow repeats a value as long as there is no new one.
            earlier = [one for at, one in points if at < step]
            repeated = [(step, earlier[-1])] if step not in dict(points) and earlier else []
            assert (step, value) in points + repeated, key
    assert set(ours["artifacts"]) >= set(theirs["artifacts"])
    assert ours["models"] >= theirs["models"]


PREDICTING = """
import sys
for name in ("autolog", "flavors", "core_client"):
    sys.modules[name] = None
import mlflow, numpy as np
rows = np.load(f"{sys.argv[1]}/rows.npy")
for name in ("module", "program"):
    native = mlflow.pytorch.load_model(f"{sys.argv[1]}/{name}")
    predicted = mlflow.pyfunc.load_model(f"{sys.argv[1]}/{name}").predict(rows)
    np.testing.assert_allclose(predicted, np.load(f"{sys.argv[1]}/{name}.npy"), rtol=1e-6)
"""
SAVING = """
import sys, mlflow, numpy as np, torch
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
rows = np.load(f"{sys.argv[1]}/rows.npy")
for name, format in (("module", "pickle"), ("program", "pt2")):
    mlflow.pytorch.save_model(
        model, f"{sys.argv[1]}/{name}", input_example=rows[:2], serialization_format=format,
        pip_requirements=[],
    )
    predicted = mlflow.pyfunc.load_model(f"{sys.argv[1]}/{name}").predict(rows)
    np.save(f"{sys.argv[1]}/{name}.npy", predicted)
"""
ROWS = np.arange(12, dtype=np.float32).reshape(4, 3)


def test_mlflow_loads_what_we_save(tmp_path):
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
    np.save(tmp_path / "rows.npy", ROWS)
    for name, format in (("module", None), ("program", "pt2")):
        pytorch.save_model(
            model, tmp_path / name, input_example=ROWS[:2], serialization_format=format
        )
        np.save(tmp_path / f"{name}.npy", pyfunc.load_model(tmp_path / name).predict(ROWS))
    in_process(PREDICTING, tmp_path)


def test_we_load_what_mlflow_saves(tmp_path):
    np.save(tmp_path / "rows.npy", ROWS)
    in_process(SAVING, tmp_path)
    for name in ("module", "program"):
        # Layers of PyTorch itself need no trust; a program may run code.
        loaded = pyfunc.load_model(tmp_path / name, trusted=name == "program")
        expected = np.load(tmp_path / f"{name}.npy")
        np.testing.assert_allclose(loaded.predict(ROWS), expected, rtol=1e-6)
