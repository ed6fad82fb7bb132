"""Models are logged to a store elsewhere and loaded from it, by run and by URI."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

import autolog
from core_client import fluent
from core_client.exceptions import MlflowException
from flavors import pyfunc, sklearn
from integration_tests.artifacts.test_s3 import bucket, client

X, y = np.array([[0.0], [1.0], [2.0]]), np.array([1.0, 3.0, 5.0])


@pytest.fixture
def place(s3: str, fresh_name: Callable[[], str]) -> str:
    return f"s3://{bucket(s3, fresh_name())}/models"


@pytest.fixture
def model() -> Any:
    return LinearRegression().fit(X, y)


def test_a_model_comes_back(place: str, model: Any) -> None:
    experiment = fluent.create_experiment("e", artifact_location=place)
    with fluent.start_run(experiment_id=experiment) as run:
        sklearn.log_model(model, name="line", input_example=X)
    uri = f"{place}/{run.run_id}/artifacts/line"
    for where in (f"runs:/{run.run_id}/line", uri, uri + "/"):
        assert sklearn.load_model(where).predict([[3.0]]) == pytest.approx([7.0])
        assert pyfunc.load_model(where).predict(X) == pytest.approx(y)


def test_autologging_needs_nothing_else(place: str, model: Any) -> None:
    fluent.create_experiment("auto", artifact_location=place)
    fluent.set_experiment("auto")
    autolog.sklearn.autolog()
    LinearRegression().fit(X, y)
    run = fluent.last_active_run()
    assert run is not None
    assert {"estimator.html", "model"} <= {file.path for file in _listed(run.info.run_id)}
    assert sklearn.load_model(f"runs:/{run.info.run_id}/model").coef_ == pytest.approx([2.0])


def _listed(run_id: str) -> list[Any]:
    return autolog.MlflowClient().list_artifacts(run_id)


def test_a_model_that_another_has_swapped_is_not_loaded(place: str, s3: str, model: Any) -> None:
    experiment = fluent.create_experiment("e", artifact_location=place)
    with fluent.start_run(experiment_id=experiment) as run:
        sklearn.log_model(model, name="m", serialization_format="cloudpickle")
    assert sklearn.load_model(f"runs:/{run.run_id}/m") is not None
    name, _, folder = place.removeprefix("s3://").partition("/")
    key = f"{folder}/{run.run_id}/artifacts/m/model.pkl"
    client(s3).put_object(Bucket=name, Key=key, Body=b"cos\nsystem\n(S'touch pwned'\ntR.")
    with pytest.raises(MlflowException, match="is not the file"):
        sklearn.load_model(f"runs:/{run.run_id}/m")


def test_a_uri_that_leads_elsewhere(place: str) -> None:
    with pytest.raises(MlflowException, match="is refused"):
        sklearn.load_model(f"{place}/../other/model")
