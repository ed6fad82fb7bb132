"""Keras models on disk and back: whole, exported, weights alone; what is refused and why."""

from __future__ import annotations

import keras
import numpy as np
import pandas as pd
import pytest

import autolog
from core_client.exceptions import MlflowException
from flavors import keras as flavor
from flavors import pyfunc
from integration_tests.keras.models import BACKEND, KERAS_2, X, Y, classifier, values
from integration_tests.reading import artifacts, only_run, runs

on_tensorflow = pytest.mark.skipif(BACKEND != "tensorflow", reason="needs TensorFlow")


@keras.utils.register_keras_serializable("tests")
class Scaled(keras.layers.Layer):
    """A layer of the user's own."""

    def __init__(self, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return inputs * self.factor

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


def built(*layers):
    model = keras.Sequential([keras.layers.InputLayer((4,)), *layers])
    model.compile("sgd", "mse")
    return model


def predicted(model, rows=X):
    return np.asarray(model.predict(rows, verbose=0))


def test_a_whole_model_comes_back(tmp_path):
    model = classifier()
    flavor.save_model(model, tmp_path / "m")
    assert (tmp_path / "m" / "data" / "model.keras").is_file()
    loaded = flavor.load_model(tmp_path / "m")
    assert np.array_equal(predicted(loaded), predicted(model))
    assert loaded.optimizer is not None
    again = pyfunc.load_model(tmp_path / "m")
    signature = again.metadata.signature
    assert repr(signature.inputs) == "[Tensor('float32', (-1, 4))]"
    assert repr(signature.outputs) == "[Tensor('float32', (-1, 1))]"
    assert np.array_equal(again.predict(X), predicted(model))
    assert np.array_equal(again.predict(pd.DataFrame(X)), predicted(model))
    with pytest.raises(MlflowException, match="signature expects"):
        again.predict(X[:, :3])


def test_a_table_without_a_signature_gives_a_table(tmp_path):
    flavor.save_model(classifier(), tmp_path / "m", signature=False)
    frame = pd.DataFrame(X, index=range(5, 45))
    assert list(pyfunc.load_model(tmp_path / "m").predict(frame).index) == list(frame.index)


def test_requirements_and_example(tmp_path):
    flavor.save_model(classifier(), tmp_path / "m", input_example=X[:2])
    needed = (tmp_path / "m" / "requirements.txt").read_text()
    assert f"keras=={keras.__version__}" in needed
    assert {"tensorflow": "tensorflow", "torch": "torch", "jax": "jax"}[BACKEND] in needed
    assert (tmp_path / "m" / "input_example.json").is_file()


def test_names_of_several_inputs(tmp_path):
    left, right = keras.Input((2,), name="left"), keras.Input((2,), name="right")
    model = keras.Model([left, right], keras.layers.Add()([left, right]))
    flavor.save_model(model, tmp_path / "m")
    loaded = pyfunc.load_model(tmp_path / "m")
    assert loaded.metadata.signature.inputs.input_names() == ["left", "right"]
    halves = {"left": X[:, :2], "right": X[:, 2:]}
    assert np.allclose(loaded.predict(halves), X[:, :2] + X[:, 2:])


@on_tensorflow
def test_an_exported_model(tmp_path):
    model = classifier()
    flavor.save_model(model, tmp_path / "m", save_exported_model=True)
    assert (tmp_path / "m" / "data" / "model" / "saved_model.pb").is_file()
    assert np.allclose(flavor.load_model(tmp_path / "m").serve(X), predicted(model), atol=1e-6)
    assert np.allclose(pyfunc.load_model(tmp_path / "m").predict(X), predicted(model), atol=1e-6)


def test_weights_alone(tmp_path):
    model = classifier()
    flavor.save_model(model, tmp_path / "m", weights_only=True)
    other = keras.models.clone_model(model)
    flavor.load_weights(other, tmp_path / "m")
    assert np.array_equal(predicted(other), predicted(model))
    with pytest.raises(MlflowException, match="load_weights"):
        flavor.load_model(tmp_path / "m")
    with pytest.raises(MlflowException, match="no predict function"):
        pyfunc.load_model(tmp_path / "m")
    with pytest.raises(MlflowException, match="exclude each other"):
        flavor.save_model(model, tmp_path / "n", weights_only=True, save_exported_model=True)


def test_layers_of_the_users_own(tmp_path):
    model = built(Scaled(3.0))
    flavor.save_model(model, tmp_path / "m")
    loaded = flavor.load_model(tmp_path / "m", custom_objects={"Scaled": Scaled})
    assert np.array_equal(predicted(loaded), X * 3)


def test_code_in_a_model_runs_for_who_signed_it(tmp_path):
    model = built(keras.layers.Lambda(lambda rows: rows * 2))
    flavor.save_model(model, tmp_path / "m")
    assert np.array_equal(predicted(flavor.load_model(tmp_path / "m")), X * 2)
    with pytest.raises(ValueError, match=r"[Ll]ambda"):
        flavor.load_model(tmp_path / "m", load_model_kwargs={"safe_mode": True})
    (tmp_path / "m" / "autolog.sig").unlink()
    for load in (flavor.load_model, pyfunc.load_model):
        with pytest.raises(MlflowException, match="trusted=True"):
            load(tmp_path / "m")
    assert np.array_equal(predicted(flavor.load_model(tmp_path / "m", trusted=True)), X * 2)


def test_a_changed_model_is_not_ours(tmp_path):
    flavor.save_model(classifier(), tmp_path / "m")
    flavor.save_model(built(keras.layers.Dense(1)), tmp_path / "other")
    other = (tmp_path / "other" / "data" / "model.keras").read_bytes()
    (tmp_path / "m" / "data" / "model.keras").write_bytes(other)
    with pytest.raises(MlflowException, match="not signed by this user"):
        flavor.load_model(tmp_path / "m")


@pytest.mark.parametrize("damage", [b"", b"no zip", None])
def test_a_damaged_model(tmp_path, damage):
    flavor.save_model(classifier(), tmp_path / "m")
    data = tmp_path / "m" / "data" / "model.keras"
    if damage is None:
        data.unlink()
    else:
        data.write_bytes(damage)
    with pytest.raises(MlflowException, match="cannot be read"):
        flavor.load_model(tmp_path / "m", trusted=True)


class Unsaveable(keras.layers.Layer):
    """A layer that does not say how it was made."""

    def __init__(self, secret):
        super().__init__()
        self.secret = secret

    def call(self, inputs):
        return inputs

    def get_config(self):
        raise RuntimeError("nobody can know")


def test_what_cannot_be_saved_leaves_nothing(tmp_path):
    for broken in (built(Unsaveable(object())), object()):
        with pytest.raises(MlflowException, match=f"cannot save the {type(broken).__name__}"):
            flavor.save_model(broken, tmp_path / "m")
        assert not (tmp_path / "m").exists()


def test_autologging_keeps_the_model():
    autolog.keras.autolog(log_input_examples=True)
    model = classifier()
    model.fit(X, Y, verbose=0)
    autolog.disable()
    run = only_run()
    assert artifacts(run, "model") >= {"model/MLmodel", "model/input_example.json", "model/data"}
    loaded = flavor.load_model(f"runs:/{run.info.run_id}/model")
    assert np.array_equal(predicted(loaded), predicted(model))


def test_autologging_a_model_of_the_users_own_class():
    class Tower(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1)

        def call(self, inputs):
            return self.dense(inputs)

    autolog.keras.autolog()
    model = Tower()
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    autolog.disable()
    about = autolog.models.get_model_info(f"runs:/{only_run().info.run_id}/model")
    assert repr(about.signature.inputs) == "[Tensor('float32', (-1, 4))]"


def test_autologging_a_model_that_cannot_be_saved(faults):
    autolog.keras.autolog()
    model = built(Unsaveable(object()), keras.layers.Dense(1))
    history = model.fit(X, Y, verbose=0)
    autolog.disable()
    faults.expect("Keras cannot save the Sequential: nobody can know")
    run = only_run()
    assert run.info.status == "FINISHED"
    assert values("loss") == history.history["loss"]
    assert "model" not in artifacts(run)


def test_keywords_for_the_model_reach_keras_and_the_registry(faults, caplog):
    autolog.keras.autolog(save_model_kwargs={"nonsense": 1}, registered_model_name="net")
    classifier().fit(X, Y, verbose=0)
    if BACKEND == "tensorflow":
        autolog.keras.autolog(disable=True)
        autolog.tensorflow.autolog(keras_model_kwargs={"nonsense": 1})
        classifier().fit(X, Y, verbose=0)
    autolog.disable()
    faults.expect(*["nonsense"] * len(runs()))
    assert "not registered as 'net'" in caplog.text


@pytest.mark.skipif(KERAS_2 or BACKEND != "tensorflow", reason="exports by Keras 3")
def test_autologging_keeps_the_exported_model():
    autolog.keras.autolog(save_exported_model=True, log_model_signatures=False)
    classifier().fit(X, Y, verbose=0)
    autolog.disable()
    about = autolog.models.get_model_info(f"runs:/{only_run().info.run_id}/model")
    assert about.flavors["keras"]["save_exported_model"] is True
    assert about.signature is None
