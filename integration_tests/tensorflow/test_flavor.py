"""TensorFlow's models saved and loaded: Keras models, modules, exports, and what must not load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import autolog
from core_client.exceptions import MlflowException
from flavors import pyfunc, tensorflow
from flavors.model import Model

X = np.arange(12, dtype=np.float32).reshape(4, 3)


class Doubling(tf.Module):
    def __init__(self) -> None:
        super().__init__()
        self.factor = tf.Variable(2.0)

    @tf.function(input_signature=[tf.TensorSpec((None, 3), tf.float32)])
    def __call__(self, rows: Any) -> Any:
        return rows * self.factor


def keras_model() -> Any:
    model = tf.keras.Sequential([tf.keras.Input((3,)), tf.keras.layers.Dense(2)])
    model.compile("adam", "mse")
    return model


def test_a_keras_model(tmp_path: Path) -> None:
    model = keras_model()
    tensorflow.save_model(model, tmp_path / "m")
    about = Model.load(tmp_path / "m")
    assert about.flavors["tensorflow"]["model_type"] == "keras"
    assert about.flavors["python_function"]["loader_module"] == "mlflow.tensorflow"
    assert str(about.signature.inputs) == "[Tensor('float32', (-1, 3))]"
    assert f"=={tf.__version__}" in (tmp_path / "m" / "requirements.txt").read_text()
    expected = model.predict(X, verbose=0)
    assert np.array_equal(tensorflow.load_model(tmp_path / "m").predict(X, verbose=0), expected)
    assert np.array_equal(pyfunc.load_model(tmp_path / "m").predict(X), expected)


@pytest.mark.parametrize("how", [{}, {"save_format": "h5"}, {"save_format": "tf"}])
def test_the_formats_of_keras(tmp_path: Path, how: dict[str, Any]) -> None:
    if how and tf.__version__ >= "2.16":
        pytest.skip("Keras 3 has one format")
    model = keras_model()
    tensorflow.save_model(model, tmp_path / "m", keras_model_kwargs=how)
    loaded = tensorflow.load_model(tmp_path / "m", keras_model_kwargs={"compile": False})
    assert np.array_equal(loaded.predict(X, verbose=0), model.predict(X, verbose=0))


def test_custom_objects_come_with_the_model(tmp_path: Path) -> None:
    class Scale(tf.keras.layers.Layer):
        def call(self, rows: Any) -> Any:
            return rows * 3

    model = tf.keras.Sequential([tf.keras.Input((3,)), Scale()])
    tensorflow.save_model(model, tmp_path / "m", custom_objects={"Scale": Scale})
    assert np.array_equal(pyfunc.load_model(tmp_path / "m").predict(X), X * 3)
    assert "cloudpickle==" in (tmp_path / "m" / "requirements.txt").read_text()


def test_a_module(tmp_path: Path) -> None:
    tensorflow.save_model(Doubling(), tmp_path / "m", input_example=X[:2])
    about = Model.load(tmp_path / "m")
    assert about.flavors["tensorflow"]["model_type"] == "tf2-module"
    assert about.flavors["tensorflow"]["saved_model_dir"] == "tf2model"
    assert "Tensor('float32', (-1, 3))" in str(about.signature.outputs)
    assert np.array_equal(tensorflow.load_model(tmp_path / "m")(X), X * 2)
    loaded = pyfunc.load_model(tmp_path / "m")
    assert np.array_equal(loaded.predict(X), X * 2)
    with pytest.raises(MlflowException, match="shape"):
        loaded.predict(X[:, :2])


def test_a_saved_model(tmp_path: Path) -> None:
    module = Doubling()
    serving = {"serving_default": module.__call__.get_concrete_function()}
    tf.saved_model.save(module, str(tmp_path / "export"), signatures=serving)
    tensorflow.save_model(tmp_path / "export", tmp_path / "m")
    about = Model.load(tmp_path / "m")
    assert about.flavors["tensorflow"] == {
        "code": None,
        "saved_model_dir": "tfmodel",
        "model_type": "tf1-estimator",
        "meta_graph_tags": ["serve"],
        "signature_def_key": "serving_default",
    }
    assert str(about.signature.inputs) == "['rows': Tensor('float32', (-1, 3))]"
    loaded = pyfunc.load_model(tmp_path / "m")
    assert np.array_equal(loaded.predict({"rows": X})["output_0"], X * 2)
    frame = pd.DataFrame({"rows": list(X)}, index=list("abcd"))
    native = tensorflow.load_model(tmp_path / "m")
    assert np.array_equal(native(rows=tf.constant(X))["output_0"], X * 2)
    assert np.array_equal(loaded.predict(frame)["output_0"], X * 2)
    tensorflow.save_model(tmp_path / "export", tmp_path / "unsigned", signature=False)
    result = pyfunc.load_model(tmp_path / "unsigned").predict(frame)
    assert list(result.index) == list("abcd")
    assert result["output_0"].tolist() == (X * 2).tolist()


def test_an_assets_file_is_found_after_loading(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("red\ngreen\n")

    class Lookup(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            words = tf.lookup.TextFileInitializer(
                str(tmp_path / "words.txt"),
                tf.string,
                tf.lookup.TextFileIndex.WHOLE_LINE,
                tf.int64,
                tf.lookup.TextFileIndex.LINE_NUMBER,
            )
            self.table = tf.lookup.StaticHashTable(words, -1)

        @tf.function(input_signature=[tf.TensorSpec((None,), tf.string)])
        def __call__(self, rows: Any) -> Any:
            return self.table.lookup(rows)

    tensorflow.save_model(Lookup(), tmp_path / "m")
    (tmp_path / "words.txt").unlink()
    loaded = tensorflow.load_model(tmp_path / "m")
    assert loaded(tf.constant(["green", "blue"])).numpy().tolist() == [1, -1]


@pytest.mark.parametrize("make", [Doubling, keras_model])
def test_what_nobody_vouches_for_is_not_loaded(tmp_path: Path, make: Any) -> None:
    tensorflow.save_model(make(), tmp_path / "m")
    (tmp_path / "m" / "autolog.sig").unlink()
    for load in (tensorflow.load_model, pyfunc.load_model):
        with pytest.raises(MlflowException, match="was not signed by this user"):
            load(tmp_path / "m")
        assert load(tmp_path / "m", trusted=True) is not None


@pytest.mark.parametrize("place", ["../m", "/etc", "data/../../m"])
def test_no_path_in_a_model_leads_out_of_it(tmp_path: Path, place: str) -> None:
    tensorflow.save_model(Doubling(), tmp_path / "m")
    file = tmp_path / "m" / "MLmodel"
    file.write_text(
        file.read_text().replace("saved_model_dir: tf2model", f"saved_model_dir: {place}")
    )
    with pytest.raises(MlflowException, match="path"):
        tensorflow.load_model(tmp_path / "m", trusted=True)


def test_what_cannot_be_saved_leaves_nothing(tmp_path: Path) -> None:
    class Odd(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tensor = tf.constant(1.0)

        @tf.function(input_signature=[])
        def __call__(self) -> Any:
            return tf.py_function(lambda: 1.0, [], tf.float32) + self.tensor

    with pytest.raises(MlflowException, match="cannot save the Odd"):
        tensorflow.save_model(Odd(), tmp_path / "m", saved_model_kwargs={"signatures": "none"})
    assert not (tmp_path / "m").exists()
    with pytest.raises(MlflowException, match="int is no Keras model"):
        tensorflow.save_model(1, tmp_path / "m")
    with pytest.raises(MlflowException, match="is no SavedModel"):
        tensorflow.save_model(tmp_path / "nowhere", tmp_path / "m")


def test_logged_into_a_run() -> None:
    info = autolog.tensorflow.log_model(Doubling(), name="doubling", metadata={"a": 1})
    assert info.metadata == {"a": 1}
    assert np.array_equal(autolog.tensorflow.load_model(info.model_uri)(X), X * 2)
