"""TensorFlow's models go both ways, between us and the MLflow that is here: 3.17 or 2.22."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from flavors import pyfunc, tensorflow
from integration_tests.side_by_side import in_process

X = np.arange(12, dtype=np.float32).reshape(4, 3)


class Doubling(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec((None, 3), tf.float32)])
    def __call__(self, rows):
        return rows * 2


def keras_model():
    return tf.keras.Sequential([tf.keras.Input((3,)), tf.keras.layers.Dense(2)])


LOADING = """
import sys
for name in ("autolog", "flavors", "core_client"):
    sys.modules[name] = None
import numpy as np, mlflow
for name in ("keras", "module", "exported"):
    rows, expected = np.load(sys.argv[1] + "/x.npy"), np.load(f"{sys.argv[1]}/{name}.npy")
    given = {"rows": rows} if name == "exported" else rows
    found = mlflow.pyfunc.load_model(f"{sys.argv[1]}/{name}").predict(given)
    mlflow.tensorflow.load_model(f"{sys.argv[1]}/{name}")
    print(np.array_equal(found["output_0"] if name == "exported" else found, expected))
"""
SAVING = """
import sys, mlflow
from integration_tests.mlflow.test_tensorflow_models import *
for name, model in (("keras", keras_model()), ("module", Doubling())):
    path = f"{sys.argv[1]}/{name}"
    mlflow.tensorflow.save_model(model, path, input_example=X[:2], pip_requirements=[])
    np.save(path + ".npy", mlflow.pyfunc.load_model(path).predict(X))
"""


def test_mlflow_loads_what_we_save(tmp_path):
    model, module = keras_model(), Doubling()
    serving = {"serving_default": module.__call__.get_concrete_function()}
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures=serving)
    tensorflow.save_model(model, tmp_path / "keras")
    tensorflow.save_model(module, tmp_path / "module", input_example=X[:2])
    tensorflow.save_model(tmp_path / "saved", tmp_path / "exported")
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "keras.npy", model.predict(X, verbose=0))
    for name in ("module", "exported"):
        np.save(tmp_path / f"{name}.npy", X * 2)
    assert in_process(LOADING, tmp_path).split("\n")[-4:-1] == ["True"] * 3


def test_we_load_what_mlflow_saves(tmp_path):
    in_process(SAVING, tmp_path)
    for name in ("keras", "module"):
        loaded = pyfunc.load_model(tmp_path / name, trusted=True)
        assert np.array_equal(loaded.predict(X), np.load(tmp_path / f"{name}.npy"))
        assert tensorflow.load_model(tmp_path / name, trusted=True) is not None
