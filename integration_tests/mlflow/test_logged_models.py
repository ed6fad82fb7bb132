"""Logged models in a database that MLflow 3 made out of ours: each program reads the other's."""

from __future__ import annotations

from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from sklearn.linear_model import LogisticRegression

import autolog
from core_client import destination, fluent
from core_client.client import Client
from flavors import sklearn as our_sklearn


def fitted(c: float) -> LogisticRegression:
    return LogisticRegression(C=c).fit([[0.0], [1.0]], [0, 1])


@pytest.fixture
def theirs(own_place: Path, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    """MLflow on our database; opening it upgraded that."""
    uri = f"sqlite:///{own_place}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with fluent.start_run(run_name="before"):
        our_sklearn.log_model(fitted(1), name="model")
    fluent.flush_async_logging()
    mlflow.set_tracking_uri(uri)
    client = MlflowClient(uri)
    client.search_experiments()
    # A process that starts now finds the new tables.
    monkeypatch.setattr(destination, "_destinations", {})
    monkeypatch.setattr(fluent.active, "_clients", {})
    return client


def test_our_models_are_theirs(theirs: MlflowClient) -> None:
    autolog.sklearn.autolog()
    with fluent.start_run() as run:
        fluent.log_metric("loss", 0.25, step=7)
        fitted(2)
        info = our_sklearn.log_model(
            fitted(3), name="mine", model_type="tree", tags={"team": "red"}, params={"nth": 2}
        )
        fluent.log_metric("score", 0.5, model_id=info.model_id)
    fluent.flush_async_logging()
    models = {one.name: one for one in mlflow.search_logged_models(output_format="list")}
    assert set(models) == {"model", "LogisticRegression-2-model", "mine"}
    mine = models["mine"]
    assert mine.model_id == info.model_id
    assert (mine.model_type, mine.status, mine.source_run_id) == ("tree", "READY", run.run_id)
    assert mine.tags["team"] == "red"
    stored = mlflow.get_run(run.run_id)
    assert mine.params == {**stored.data.params, "nth": "2"}
    assert {one.key: one.value for one in mine.metrics} == stored.data.metrics
    assert {one.model_id for one in stored.outputs.model_outputs} == {
        one.model_id for one in models.values()
    }
    for uri, c in (
        (f"runs:/{run.run_id}/mine", 3),
        (mine.model_uri, 3),
        (f"runs:/{run.run_id}/model", 2),
    ):
        assert mlflow.sklearn.load_model(uri).C == our_sklearn.load_model(uri).C == c
        assert mlflow.models.get_model_info(uri).run_id == run.run_id
    [before] = theirs.search_runs(["0"], "attributes.run_name = 'before'")
    assert mlflow.sklearn.load_model(f"runs:/{before.info.run_id}/model").C == 1
    assert our_sklearn.load_model(f"runs:/{before.info.run_id}/model").C == 1


@pytest.mark.filterwarnings("ignore")  # MLflow's own, about its examples
def test_their_models_are_ours(theirs: MlflowClient) -> None:
    with mlflow.start_run() as run:
        mlflow.log_metric("loss", 0.25, step=2)
        logged = mlflow.sklearn.log_model(fitted(4), name="model", step=2, params={"depth": 3})
        empty = mlflow.initialize_logged_model("empty", source_run_id=run.info.run_id)
    ours = fluent.get_logged_model(logged.model_id)
    assert (ours.name, ours.status, ours.params) == ("model", "READY", {"depth": "3"})
    assert [(one.key, one.value, one.step) for one in ours.metrics] == [("loss", 0.25, 2)]
    [output] = fluent.get_run(run.info.run_id).outputs.model_outputs
    assert (output.model_id, output.step) == (logged.model_id, 2)
    uri = f"runs:/{run.info.run_id}/model"
    assert our_sklearn.load_model(uri, trusted=True).C == 4
    assert "model" in [one.path for one in Client().list_artifacts(run.info.run_id)]
    with fluent.start_run(run.info.run_id):
        our_sklearn.log_model(fitted(5), name="empty", model_id=empty.model_id)
    fluent.flush_async_logging()
    assert mlflow.sklearn.load_model(empty.model_uri).C == 5
    assert mlflow.get_logged_model(empty.model_id).status == "READY"
