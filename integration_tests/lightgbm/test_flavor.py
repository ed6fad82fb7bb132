"""LightGBM models saved and loaded: natively, through pyfunc, and what must not load."""

from __future__ import annotations

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from core_client.exceptions import MlflowException
from flavors import lightgbm, pyfunc
from flavors.model import Model
from integration_tests.xgboost.boosted_data import CLASSES, TARGET, X, Y

FRAME = pd.DataFrame(X, columns=list("abcde"))


def booster():
    return lgb.train({"objective": "binary", "verbose": -1}, lgb.Dataset(FRAME, Y), 3)


def test_a_booster(tmp_path):
    model = booster()
    lightgbm.save_model(model, tmp_path / "m", input_example=FRAME[:3])
    about = Model.load(tmp_path / "m").flavors
    assert about["lightgbm"]["data"] == "model.lgb"
    assert about["lightgbm"]["model_class"] == "lightgbm.basic.Booster"
    requirements = (tmp_path / "m" / "requirements.txt").read_text()
    assert f"lightgbm=={lgb.__version__}" in requirements
    assert (tmp_path / "m" / "model.lgb").read_text() == model.model_to_string()
    # Safe formats need no trust: nobody has signed this.
    (tmp_path / "m" / "autolog.sig").unlink()
    assert lightgbm.load_model(tmp_path / "m").model_to_string() == model.model_to_string()
    expected = model.predict(FRAME)
    loaded = pyfunc.load_model(tmp_path / "m")
    assert np.array_equal(loaded.predict(FRAME), expected)
    assert np.array_equal(loaded.predict(FRAME[list("edcba")].assign(more=1)), expected)
    with pytest.raises(MlflowException, match=r"lacks columns \['a'\]"):
        loaded.predict(FRAME[list("bcde")])


@pytest.mark.parametrize("kind", [lgb.LGBMClassifier, lgb.LGBMRegressor])
@pytest.mark.parametrize(
    "data", [X, FRAME, scipy.sparse.csr_matrix(X)], ids=lambda data: type(data).__name__
)
def test_wrappers(tmp_path, kind, data):
    model = kind(n_estimators=2, verbose=-1)
    model.fit(data, CLASSES if kind is lgb.LGBMClassifier else TARGET)
    lightgbm.save_model(model, tmp_path / "m")
    # A wrapper holds nothing but LightGBM's own: it loads, though nobody has signed it.
    (tmp_path / "m" / "autolog.sig").unlink()
    loaded = lightgbm.load_model(tmp_path / "m")
    assert type(loaded) is kind
    assert np.array_equal(loaded.predict(data), model.predict(data))
    assert np.array_equal(pyfunc.load_model(tmp_path / "m").predict(data), model.predict(data))
    assert loaded.get_params() == model.get_params()


def test_pyfunc_takes_what_the_signature_says(tmp_path):
    model = lgb.train({"verbose": -1}, lgb.Dataset(X, TARGET), 2)
    lightgbm.save_model(model, tmp_path / "m", input_example=X[:2])
    loaded = pyfunc.load_model(tmp_path / "m")
    for rows in (X, pd.DataFrame(X), X.tolist(), scipy.sparse.csr_matrix(X)):
        assert np.array_equal(loaded.predict(rows), model.predict(X))
    for narrow in (X[:, :3], scipy.sparse.csr_matrix(X[:, :3])):
        with pytest.raises(MlflowException, match="has the shape"):
            loaded.predict(narrow)
    with pytest.raises(MlflowException, match="the signature expects float64"):
        loaded.predict(X.astype(np.float32))


@pytest.mark.parametrize("wrapped", [False, True])
def test_pyfunc_of_categories(tmp_path, wrapped):
    table = pd.DataFrame(
        {"a": X[:, 0], "n": pd.Categorical(CLASSES), "t": pd.Categorical(np.where(Y, "u", "v"))}
    )
    if wrapped:
        model = lgb.LGBMRegressor(n_estimators=3, verbose=-1).fit(table, TARGET)
    else:
        model = lgb.train({"verbose": -1}, lgb.Dataset(table, TARGET), 3)
    lightgbm.save_model(model, tmp_path / "m", input_example=table[:5])
    loaded = pyfunc.load_model(tmp_path / "m")
    assert np.array_equal(loaded.predict(table), model.predict(table))
    with pytest.raises(MlflowException, match="the signature expects long"):
        loaded.predict(table.assign(n=table["t"]))


def hinge(true, predicted):
    return predicted - true, np.ones_like(predicted)


@pytest.mark.parametrize("format", [None, "cloudpickle", "pickle"])
def test_what_runs_code_needs_trust(tmp_path, format):
    model = lgb.LGBMRegressor(n_estimators=2, objective=hinge, verbose=-1).fit(X, TARGET)
    lightgbm.save_model(model, tmp_path / "m", serialization_format=format)
    expected = model.predict(X)
    assert np.array_equal(lightgbm.load_model(tmp_path / "m").predict(X), expected)
    (tmp_path / "m" / "autolog.sig").unlink()
    with pytest.raises(MlflowException, match="trusted=True"):
        lightgbm.load_model(tmp_path / "m")
    with pytest.raises(MlflowException, match="trusted=True"):
        pyfunc.load_model(tmp_path / "m")
    assert np.array_equal(lightgbm.load_model(tmp_path / "m", trusted=True).predict(X), expected)


def test_a_damaged_model(tmp_path):
    lightgbm.save_model(booster(), tmp_path / "m")
    file = tmp_path / "m" / "model.lgb"
    whole = file.read_bytes()
    for data in (b"", b"no model", whole[:900], whole[300:], b"\xff\xfe"):
        file.write_bytes(data)
        with pytest.raises(MlflowException, match="cannot read"):
            lightgbm.load_model(tmp_path / "m")
    file.unlink()
    with pytest.raises(MlflowException, match="cannot be read"):
        lightgbm.load_model(tmp_path / "m")


def test_what_cannot_be_saved_leaves_nothing(tmp_path):
    for model, format in ((object(), None), (booster(), "json")):
        with pytest.raises(MlflowException):
            lightgbm.save_model(model, tmp_path / "m", serialization_format=format)
        assert not (tmp_path / "m").exists()
