"""XGBoost models saved and loaded: natively, through pyfunc, and what must not load."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import xgboost as xgb
import yaml

from core_client.exceptions import MlflowException
from flavors import pyfunc, xgboost
from flavors.model import Model
from integration_tests.xgboost.boosted_data import CLASSES, TARGET, X, Y

FRAME = pd.DataFrame(X, columns=list("abcde"))


def booster():
    return xgb.train({"objective": "binary:logistic"}, xgb.DMatrix(FRAME, Y), 3)


WRAPPERS = [
    xgb.XGBClassifier(n_estimators=2, max_depth=2), xgb.XGBRegressor(n_estimators=2),
    xgb.XGBRFClassifier(n_estimators=2), xgb.XGBRFRegressor(n_estimators=2),
]  # fmt: skip


@pytest.mark.parametrize("format", ["ubj", "json"])
def test_a_booster(tmp_path, monkeypatch, format):
    model = booster()
    xgboost.save_model(model, tmp_path / "m", model_format=format, input_example=FRAME[:3])
    about = Model.load(tmp_path / "m").flavors
    assert about["xgboost"]["data"] == f"model.{format}"
    assert about["xgboost"]["model_class"] == "xgboost.core.Booster"
    requirements = (tmp_path / "m" / "requirements.txt").read_text()
    assert f"=={xgb.__version__}" in requirements
    # Safe formats need no trust: nobody has signed this.
    (tmp_path / "m" / "autolog.sig").unlink()
    loaded = xgboost.load_model(tmp_path / "m")
    assert loaded.save_raw("ubj") == model.save_raw("ubj")
    expected = model.predict(xgb.DMatrix(FRAME))
    assert np.array_equal(pyfunc.load_model(tmp_path / "m").predict(FRAME), expected)
    reordered = FRAME[list("edcba")].assign(more=1)
    assert np.array_equal(pyfunc.load_model(tmp_path / "m").predict(reordered), expected)
    with pytest.raises(MlflowException, match=r"lacks columns \['a'\]"):
        pyfunc.load_model(tmp_path / "m").predict(FRAME[list("bcde")])


@pytest.mark.parametrize("model", WRAPPERS, ids=lambda model: type(model).__name__)
@pytest.mark.parametrize(
    "data", [X, FRAME, scipy.sparse.csr_matrix(X)], ids=lambda d: type(d).__name__
)
def test_wrappers(tmp_path, model, data):
    y = CLASSES if "Classifier" in type(model).__name__ else TARGET
    model = type(model)(**model.get_params()).fit(data, y)
    xgboost.save_model(model, tmp_path / "m")
    loaded = xgboost.load_model(tmp_path / "m")
    assert type(loaded) is type(model)
    assert np.array_equal(loaded.predict(data), model.predict(data))
    assert np.array_equal(pyfunc.load_model(tmp_path / "m").predict(data), model.predict(data))
    assert loaded.get_params() == model.get_params()
    # The saved model is the trained one, and saving it has left that one as it was.
    assert model.get_booster().attributes() == loaded.get_booster().attributes()


def test_a_wrapper_is_what_it_was(tmp_path):
    model = xgb.XGBClassifier(
        n_estimators=30, max_depth=np.int64(2), early_stopping_rounds=2, booster="gbtree",
        monotone_constraints={"a": 1}, interaction_constraints=[["a", "b"], ["c"]], n_jobs=1,
        eval_metric=["auc", "logloss"],
    )  # fmt: skip
    model.fit(FRAME, Y, eval_set=[(FRAME[:50], Y[:50])], verbose=False)
    xgboost.save_model(model, tmp_path / "m")
    loaded = xgboost.load_model(tmp_path / "m")
    assert loaded.get_params() == model.get_params()
    for name in ("best_iteration", "best_score", "n_features_in_"):
        assert getattr(loaded, name) == getattr(model, name)
    for name in ("classes_", "feature_names_in_"):
        assert list(getattr(loaded, name)) == list(getattr(model, name))
    assert np.array_equal(loaded.predict_proba(FRAME), model.predict_proba(FRAME))


@pytest.mark.parametrize("wrapped", [False, True])
def test_pyfunc_of_categories(tmp_path, wrapped):
    table = pd.DataFrame(
        {"a": X[:, 0], "n": pd.Categorical(CLASSES), "t": pd.Categorical(np.where(Y, "u", "v"))}
    )
    if wrapped:
        model = xgb.XGBRegressor(n_estimators=3, enable_categorical=True).fit(table, TARGET)
        expected = model.predict(table)
    else:
        data = xgb.DMatrix(table, TARGET, enable_categorical=True)
        model = xgb.train({"tree_method": "hist"}, data, 3)
        expected = model.predict(data)
    xgboost.save_model(model, tmp_path / "m", input_example=table[:5])
    loaded = pyfunc.load_model(tmp_path / "m")
    assert np.array_equal(loaded.predict(table), expected)
    with pytest.raises(MlflowException, match="the signature expects long"):
        loaded.predict(table.assign(n=table["t"]))


def test_pyfunc_takes_what_the_signature_says(tmp_path):
    model = xgb.train({}, xgb.DMatrix(X, TARGET), 2)
    xgboost.save_model(model, tmp_path / "m", input_example=X[:2])
    loaded = pyfunc.load_model(tmp_path / "m")
    expected = model.predict(xgb.DMatrix(X))
    assert np.array_equal(loaded.predict(X), expected)
    assert np.array_equal(loaded.predict(pd.DataFrame(X)), expected)
    assert np.array_equal(loaded.predict(X.tolist()), expected)
    assert np.array_equal(loaded.predict(scipy.sparse.csr_matrix(X)), expected)
    for narrow in (X[:, :3], scipy.sparse.csr_matrix(X[:, :3])):
        with pytest.raises(MlflowException, match="has the shape"):
            loaded.predict(narrow)
    with pytest.raises(MlflowException, match="the signature expects"):
        loaded.predict(X.astype(np.float32))


def test_a_class_that_an_artifact_names_is_not_imported(tmp_path):
    xgboost.save_model(booster(), tmp_path / "m")
    file = tmp_path / "m" / "MLmodel"
    for name in ("os.system", "xgboost.sklearn.os", "xgboost.core.XGBoostError", "xgboost.sklearn"):
        content = yaml.safe_load(file.read_text())
        content["flavors"]["xgboost"]["model_class"] = name
        file.write_text(yaml.safe_dump(content))
        with pytest.raises(MlflowException, match="none of XGBoost's"):
            xgboost.load_model(tmp_path / "m")


@pytest.mark.parametrize("damage", [b"", b"not a model", b"{}", None])
def test_a_damaged_model(tmp_path, damage):
    xgboost.save_model(booster(), tmp_path / "m")
    data = tmp_path / "m" / "model.ubj"
    if damage is None:
        data.unlink()
    else:
        data.write_bytes(damage)
    with pytest.raises(MlflowException, match="cannot"):
        xgboost.load_model(tmp_path / "m")


def test_what_cannot_be_saved_leaves_nothing(tmp_path):
    for model, format, text in (
        (xgb.XGBClassifier(), "ubj", "fit"),
        (booster(), "pickle", "model_format"),
        (object(), "ubj", ""),
    ):
        with pytest.raises(Exception, match=text):
            xgboost.save_model(model, tmp_path / "m", model_format=format)
        assert not (tmp_path / "m").exists()
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").touch()
    with pytest.raises(MlflowException, match="in use"):
        xgboost.save_model(booster(), tmp_path / "used")
