"""Results saved, described, loaded and asked for predictions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import statsmodels.api as sm
import statsmodels.formula.api as smf
from statsmodels.tsa.api import ARIMA

import autolog
from core_client.exceptions import MlflowException
from flavors import pyfunc, statsmodels
from flavors.model import Model
from integration_tests.reading import only_run
from integration_tests.statsmodels.models import MODELS, UNSAVEABLE, X, months, table, y


@pytest.mark.parametrize("name", sorted(set(MODELS) - set(UNSAVEABLE)))
def test_there_and_back(tmp_path: Path, name: str) -> None:
    result = MODELS[name]()
    statsmodels.save_model(result, tmp_path / "m")
    loaded = statsmodels.load_model(tmp_path / "m")
    assert type(loaded) is type(result)
    if isinstance(getattr(result, "params", None), np.ndarray | pd.Series | pd.DataFrame):
        np.testing.assert_array_equal(loaded.params, result.params)


def test_what_is_in_the_folder(tmp_path: Path) -> None:
    statsmodels.save_model(
        sm.OLS(y, X).fit(), tmp_path / "m", input_example=X[:3], metadata={"a": 1}
    )
    assert {path.name for path in (tmp_path / "m").iterdir()} == {
        "MLmodel", "model.statsmodels", "conda.yaml", "python_env.yaml", "requirements.txt",
        "input_example.json", "serving_input_example.json", "autolog.sig",
    }  # fmt: skip
    model = Model.load(tmp_path / "m")
    assert model.flavor("statsmodels")["data"] == "model.statsmodels"
    python = model.flavor("python_function")
    assert (python["loader_module"], python["data"]) == ("mlflow.statsmodels", "model.statsmodels")
    assert model.metadata == {"a": 1}
    assert model.signature is not None
    needed = (tmp_path / "m" / "requirements.txt").read_text()
    assert f"statsmodels=={model.flavor('statsmodels')['statsmodels_version']}" in needed
    assert "numpy==" in needed


def test_a_recorded_formula_predicts_from_a_table() -> None:
    autolog.statsmodels.autolog()
    result = smf.ols("y ~ np.log(a + 10) + b", table).fit()
    uri = f"runs:/{only_run().info.run_id}/model"
    loaded = pyfunc.load_model(uri)
    assert loaded.metadata.signature is not None
    assert loaded.metadata.signature.inputs is not None
    assert loaded.metadata.signature.inputs.input_names() == ["a", "b"]
    np.testing.assert_array_equal(loaded.predict(table), result.predict(table))
    with pytest.raises(MlflowException, match="lacks columns"):
        loaded.predict(table[["a"]])
    assert autolog.statsmodels.load_model(uri).rsquared == result.rsquared


def test_a_recorded_array_predicts_from_arrays(tmp_path: Path) -> None:
    autolog.statsmodels.autolog()
    result = sm.OLS(y, X).fit()
    loaded = pyfunc.load_model(f"runs:/{only_run().info.run_id}/model")
    np.testing.assert_array_equal(loaded.predict(X), result.predict(X))
    np.testing.assert_allclose(loaded.predict(pd.DataFrame(X)), result.predict(X), rtol=1e-12)
    with pytest.raises(MlflowException, match="shape"):
        loaded.predict(X[:, :2])
    statsmodels.save_model(result, tmp_path / "m")
    sparse = scipy.sparse.csr_matrix(X)
    np.testing.assert_allclose(
        pyfunc.load_model(tmp_path / "m").predict(sparse), result.predict(X), rtol=1e-12
    )


def test_a_series_predicts_a_span_of_time(tmp_path: Path) -> None:
    result = ARIMA(months, order=(1, 1, 0)).fit()
    statsmodels.save_model(result, tmp_path / "m")
    loaded = pyfunc.load_model(tmp_path / "m")
    span = pd.DataFrame({"start": [pd.Timestamp("2009-01-01")], "end": ["2010-06-01"]})
    expected = result.predict("2009-01-01", "2010-06-01")
    np.testing.assert_array_equal(loaded.predict(span), expected)
    with pytest.raises(MlflowException, match="start and end"):
        loaded.predict(table)


def test_a_pickle_of_somebody_else_is_not_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = sm.OLS(y, X).fit()
    statsmodels.save_model(result, tmp_path / "m")
    monkeypatch.setenv("AUTOLOG_HOME", str(tmp_path / "another user"))
    for load in (statsmodels.load_model, pyfunc.load_model):
        with pytest.raises(MlflowException, match="trusted=True"):
            load(tmp_path / "m")
    loaded = statsmodels.load_model(tmp_path / "m", trusted=True)
    np.testing.assert_array_equal(loaded.params, result.params)


def test_a_changed_file_is_somebody_elses(tmp_path: Path) -> None:
    statsmodels.save_model(sm.OLS(y, X).fit(), tmp_path / "m")
    (tmp_path / "m" / "model.statsmodels").write_bytes(b"cos\nsystem\n(S'touch ran'\ntR.")
    with pytest.raises(MlflowException, match="trusted=True"):
        statsmodels.load_model(tmp_path / "m")
    assert not Path("ran").exists()


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd"])
def test_the_data_file_lies_in_the_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_bytes(b"N.")
    statsmodels.save_model(sm.OLS(y, X).fit(), tmp_path / "m")
    text = (tmp_path / "m" / "MLmodel").read_text()
    (tmp_path / "m" / "MLmodel").write_text(
        text.replace("data: model.statsmodels", f"data: {name}")
    )
    with pytest.raises(MlflowException):
        statsmodels.load_model(tmp_path / "m", trusted=True)


def test_data_can_be_removed(tmp_path: Path) -> None:
    result = smf.ols("y ~ a", table).fit()
    statsmodels.save_model(result, tmp_path / "whole")
    statsmodels.save_model(result, tmp_path / "bare", remove_data=True)
    loaded = statsmodels.load_model(tmp_path / "bare")
    assert loaded.model.exog is None
    np.testing.assert_array_equal(loaded.predict(table), result.predict(table))


def test_refusals(tmp_path: Path) -> None:
    result = sm.OLS(y, X).fit()
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").touch()
    with pytest.raises(MlflowException, match="in use"):
        statsmodels.save_model(result, tmp_path / "used")
    with pytest.raises(MlflowException, match="tracking servers only"):
        statsmodels.log_model(result, registered_model_name="name")
    with pytest.raises(MlflowException, match="cannot be pickled"):
        statsmodels.save_model(MODELS["within groups"](), tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_logging_by_hand() -> None:
    result = sm.OLS(y, X).fit()
    with autolog.start_run() as run:
        info = autolog.statsmodels.log_model(result, name="line", input_example=X[:2])
    assert info.model_uri == f"runs:/{run.info.run_id}/line"
    loaded = autolog.statsmodels.load_model(info.model_uri)
    np.testing.assert_array_equal(loaded.params, result.params)
    history = json.loads(run.data.tags["mlflow.log-model.history"])
    assert history[0]["artifact_path"] == "line"
