"""TensorFlow under MLflow and under autolog: what MLflow records is here, and found by it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from integration_tests.mlflow.tensorflow_scripts import SCRIPTS
from integration_tests.side_by_side import in_process, recorded

SCRIPT = Path(__file__).with_name("tensorflow_scripts.py")
X = np.arange(12, dtype=np.float32).reshape(4, 3)


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """What MLflow recorded, and what autolog did."""
    return recorded(SCRIPT, tmp_path_factory, "mlflow", "autolog")


@pytest.mark.parametrize("script", SCRIPTS)
def test_all_that_mlflow_records(records, script):
    theirs, ours = (record[script] for record in records)
    assert ours["status"] == theirs["status"]
    for tag in ("mlflow.autologging", "mlflow.latest_checkpoint_artifact"):
        assert ours["tags"][tag] == theirs["tags"][tag], tag
    assert ours["history"] == theirs["history"]
    for key, value in theirs["params"].items():
        if (key, value) != ("batch_size", "None"):  # Keras's own, which MLflow does not know
            assert ours["params"][key] == value, key
    for key, curve in theirs["curves"].items():
        found = ours["curves"][key]
        if key.startswith("validation_"):  # MLflow writes them all at step 0
            assert {value for _, value in found} == {value for _, value in curve}, key
        else:
            assert found[: len(curve)] == curve, key
    assert set(ours["artifacts"]) >= set(theirs["artifacts"])
    for context in ("train", "eval"):
        assert ours["contexts"].count(context) >= theirs["contexts"].count(context)


def keras_model():
    return tf.keras.Sequential([tf.keras.Input((3,)), tf.keras.layers.Dense(2)])


CHECKPOINTS = """
import sys
for name in ("autolog", "flavors", "core_client"):
    sys.modules[name] = None
import numpy as np, mlflow, tensorflow as tf
layers = [tf.keras.Input((3,)), tf.keras.layers.Dense(2)]
for run_id, how in zip(sys.argv[1:], ({}, {"epoch": 0}, {"global_step": 2})):
    model = tf.keras.Sequential(layers) if "epoch" in how else None
    found = mlflow.tensorflow.load_checkpoint(model, run_id, **how)
    print(found.get_weights()[0].tolist())
"""


def test_mlflow_finds_our_checkpoints(tmp_path, monkeypatch):
    import autolog

    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    expected, found = [], []
    for options in (
        {},
        {"checkpoint_save_best_only": False, "checkpoint_save_weights_only": True},
        {"checkpoint_save_best_only": False, "checkpoint_save_freq": 2},
    ):
        autolog.tensorflow.autolog(log_models=False, **options)
        model = keras_model()
        model.compile("sgd", "mse")
        with autolog.start_run() as run:
            model.fit(X, X[:, :2], 2, validation_data=(X, X[:, :2]), verbose=0)
        autolog.disable()
        expected.append(model.get_weights()[0].tolist())
        found.append(run.info.run_id)
    lines = in_process(CHECKPOINTS, *found).splitlines()[-3:]
    assert [json.loads(line) for line in lines] == expected
