"""The same boosted trainings under MLflow and autolog: all that MLflow records is recorded here."""

from __future__ import annotations

from pathlib import Path

import pytest

from integration_tests.mlflow.boosting_scripts import SCRIPTS
from integration_tests.side_by_side import assert_no_less, in_process, recorded

SCRIPT = Path(__file__).with_name("boosting_scripts.py")


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """What MLflow recorded, what autolog did, and what the trainings give with neither."""
    return recorded(SCRIPT, tmp_path_factory, "mlflow", "autolog", "nothing")


@pytest.mark.parametrize("script", SCRIPTS)
def test_all_that_mlflow_records(records, script):
    theirs, ours, _ = (record[script] for record in records)
    assert ours["status"] == theirs["status"] == "FINISHED"
    assert ours["tags"]["mlflow.autologging"] == theirs["tags"]["mlflow.autologging"]
    for key, value in theirs["params"].items():
        if not value.startswith("<function"):  # we keep its name
            assert ours["params"][key] == value, key
    for key, curve in theirs["curves"].items():
        assert ours["curves"][key] == curve, key
    assert set(ours["artifacts"]) >= set(theirs["artifacts"])
    for context in ("train", "eval"):
        assert ours["contexts"].count(context) >= theirs["contexts"].count(context)
    assert_no_less(ours["model"], theirs["model"])


@pytest.mark.parametrize("script", SCRIPTS)
def test_models_predictions_and_evaluations_are_the_same_bit_by_bit(records, script):
    _, ours, bare = (record[script] for record in records)
    assert ours["result"] == bare["result"]


LOADING = """
import sys
for name in ("autolog", "flavors", "core_client"):
    sys.modules[name] = None
import numpy as np, mlflow
sys.path.insert(0, sys.argv[2])
from boosting_scripts import FRAME
for flavor in ("xgboost", "lightgbm"):
    for kind in ("booster", "wrapper"):
        path = f"{sys.argv[1]}/{flavor}-{kind}"
        predicted = mlflow.pyfunc.load_model(path).predict(FRAME)
        native = getattr(mlflow, flavor).load_model(path)
        print(type(native).__name__, np.array_equal(predicted, np.load(path + ".npy")))
"""
SAVING = """
import sys, mlflow
sys.path.insert(0, sys.argv[2])
from boosting_scripts import *
from mlflow.models import infer_signature
models = {
    "xgboost-booster": xgb.train({}, xgb.DMatrix(FRAME, Y), 3),
    "xgboost-wrapper": xgb.XGBClassifier(n_estimators=3).fit(FRAME, Y),
    "lightgbm-booster": lgb.train(QUIET, lgb.Dataset(FRAME, Y), 3),
    "lightgbm-wrapper": lgb.LGBMClassifier(n_estimators=3, verbose=-1).fit(FRAME, Y),
}
for name, model in models.items():
    path = f"{sys.argv[1]}/{name}"
    save = getattr(mlflow, name.partition("-")[0]).save_model
    save(model, path, input_example=FRAME[:2], pip_requirements=[])
    np.save(path + ".npy", mlflow.pyfunc.load_model(path).predict(FRAME))
"""


def test_mlflow_loads_what_we_save(tmp_path):
    import lightgbm as lgb
    import numpy as np
    import xgboost as xgb

    from flavors import lightgbm, pyfunc, xgboost
    from integration_tests.mlflow.boosting_scripts import FRAME, QUIET, Y

    models = {
        "xgboost-booster": xgb.train({}, xgb.DMatrix(FRAME, Y), 3),
        "xgboost-wrapper": xgb.XGBClassifier(n_estimators=3).fit(FRAME, Y),
        "lightgbm-booster": lgb.train(QUIET, lgb.Dataset(FRAME, Y), 3),
        "lightgbm-wrapper": lgb.LGBMClassifier(n_estimators=3, verbose=-1).fit(FRAME, Y),
    }
    for name, model in models.items():
        flavor = xgboost if name.startswith("xgboost") else lightgbm
        flavor.save_model(model, tmp_path / name, input_example=FRAME[:2])
        np.save(tmp_path / f"{name}.npy", pyfunc.load_model(tmp_path / name).predict(FRAME))
    seen = in_process(LOADING, tmp_path, SCRIPT.parent).split("\n")[:4]
    assert seen == ["Booster True", "XGBClassifier True", "Booster True", "LGBMClassifier True"]


def test_we_load_what_mlflow_saves(tmp_path):
    import numpy as np

    from flavors import pyfunc
    from integration_tests.mlflow.boosting_scripts import FRAME

    in_process(SAVING, tmp_path, SCRIPT.parent)
    for name in ("xgboost-booster", "xgboost-wrapper", "lightgbm-booster", "lightgbm-wrapper"):
        # MLflow keeps LightGBM's wrappers as a pickle.
        loaded = pyfunc.load_model(tmp_path / name, trusted=name == "lightgbm-wrapper")
        assert np.array_equal(loaded.predict(FRAME), np.load(tmp_path / f"{name}.npy"))
