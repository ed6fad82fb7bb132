"""Logged models as a user has them, in a database with MLflow 3's tables for them."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import create_engine, text, update

from autolog.exceptions import MlflowException
from core_client import fluent
from core_client.client import Client
from core_client.entities import FileInfo
from core_client.move import move
from core_client.run import ActiveRun
from core_client.stores import open_store
from core_client.stores.sql.dialects import database_url
from core_client.stores.sql.models import logged_models
from tests.command_line import document, piped


def upgraded(uri: str) -> str:
    """As `mlflow db upgrade` would leave our own database, as far as it concerns models."""
    with closing(open_store(uri)):
        engine = create_engine(database_url(uri))
        with engine.begin() as connection:
            logged_models.metadata.create_all(connection)
            connection.execute(text("ALTER TABLE inputs ADD COLUMN step BIGINT DEFAULT 0 NOT NULL"))
        engine.dispose()
    return uri


@pytest.fixture(autouse=True)
def uri(own_place: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    found = upgraded(f"sqlite:///{own_place}/mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", found)
    return found


def log(run: ActiveRun, path: str, content: str, step: int = 0) -> str:
    model = run.new_model(path, step=step)
    with model.folder() as folder:
        (folder / "MLmodel").write_text("flavors: {}\n")
        (folder / "data").mkdir()
        (folder / "data" / "model.txt").write_text(content)
    assert model.model_id
    return model.model_id


@pytest.fixture
def run() -> ActiveRun:
    """A run with files and three models, two of them of one name."""
    with fluent.start_run() as run:
        fluent.log_text("hello", "notes/a.txt")
        log(run, "model", "old", step=1)
        log(run, "notes/best.model", "best")
        log(run, "model", "new", step=2)
    return run


def paths(listed: list[FileInfo]) -> list[str]:
    return [one.path + "/" * one.is_dir for one in listed]


def test_models_are_read_as_if_they_were_files_of_their_run(run: ActiveRun, tmp_path: Path) -> None:
    files = Client().artifacts(run.run_id)
    assert paths(files.list()) == ["model/", "notes/"]
    assert paths(files.list("notes")) == ["notes/a.txt", "notes/best.model/"]
    assert paths(files.list("model")) == ["model/MLmodel", "model/data/"]
    assert paths(files.list("model/data")) == ["model/data/model.txt"]
    assert files.read("model/data/model.txt") == b"new"
    assert files.read("notes/best.model/data/model.txt") == b"best"
    assert files.has("model/MLmodel")
    assert not files.has("model/none")
    whole = fluent.download_artifacts(run_id=run.run_id)
    assert Path(whole, "model/data/model.txt").read_text() == "new"
    assert Path(whole, "notes/a.txt").read_text() == "hello"
    part = fluent.download_artifacts(f"runs:/{run.run_id}/notes", dst_path=str(tmp_path))
    assert Path(part, "best.model/data/model.txt").read_text() == "best"
    assert Path(part, "a.txt").read_text() == "hello"
    with pytest.raises(MlflowException, match="refused"):
        files.read("model/../notes/a.txt/../../../../x")


def test_a_model_knows_its_id_name_and_path(run: ActiveRun) -> None:
    outputs = fluent.get_run(run.run_id).outputs.model_outputs
    models = {fluent.get_logged_model(one.model_id).path: one.model_id for one in outputs}
    best = fluent.get_logged_model(models["notes/best.model"])
    assert best.name == "notes-best-model"  # MLflow refuses others
    assert best.source_run_id == run.run_id
    assert best.tags["mlflow.source.name"]
    text = Path(best.artifact_location, "MLmodel").read_text()
    assert text == f"flavors: {{}}\nmodel_id: {best.model_id}\n"


def test_metrics_that_come_late_reach_the_model() -> None:
    with fluent.start_run() as run:
        fluent.log_param("depth", 3)
        model_id = log(run, "model", "x")
        fluent.log_metric("loss", 0.5)
        fluent.log_metrics({"score": 0.25}, step=4, model_id=model_id)
    model = fluent.get_logged_model(model_id)
    assert model.params == {"depth": "3"}
    assert {one.key: (one.value, one.step) for one in model.metrics} == {
        "loss": (0.5, 0), "score": (0.25, 4),
    }  # fmt: skip
    assert fluent.get_run(run.run_id).data.metrics == {"loss": 0.5, "score": 0.25}


def test_a_model_that_is_there_gets_new_files(run: ActiveRun) -> None:
    model_id = fluent.get_run(run.run_id).outputs.model_outputs[0].model_id
    with fluent.start_run():
        model = fluent.active_run().new_model("any", model_id=model_id)
        with model.folder() as folder:
            (folder / "MLmodel").write_text("flavors: {}\n")
        with pytest.raises(MlflowException, match="m-none"):
            fluent.active_run().new_model("any", model_id="m-none")
    found = fluent.get_logged_model(model_id)
    assert [path.name for path in Path(found.artifact_location).iterdir()] == ["MLmodel"]
    assert found.source_run_id == run.run_id


def test_a_body_that_raises_leaves_no_model() -> None:
    with (
        fluent.start_run() as run,
        pytest.raises(ValueError, match="no such tree"),
        run.new_model("m").folder(),
    ):
        raise ValueError("no such tree")
    assert fluent.get_run(run.run_id).outputs.model_outputs == []


def test_removing_a_run_takes_its_models_along(run: ActiveRun) -> None:
    outputs = fluent.get_run(run.run_id).outputs.model_outputs
    places = [Path(fluent.get_logged_model(one.model_id).artifact_location) for one in outputs]
    fluent.delete_run(run.run_id)
    assert document("gc", "--yes") == {"removed": [run.run_id], "kept": {}}
    assert not any(place.exists() for place in places)
    with pytest.raises(MlflowException, match="no logged model"):
        fluent.get_logged_model(outputs[0].model_id)


def test_a_model_that_lies_elsewhere_is_not_removed(run: ActiveRun, own_place: Path) -> None:
    """A database may say anything of where a model's files are."""
    elsewhere = own_place / "precious"
    elsewhere.mkdir()
    (elsewhere / "file").write_text("kept")
    engine = create_engine(database_url(f"sqlite:///{own_place}/mlflow.db"))
    home = own_place / "mlruns" / "0" / "models"
    fluent.delete_run(run.run_id)
    for place in (elsewhere, f"{home}/../../../precious", f"{home}/m-1/../artifacts"):
        with engine.begin() as connection:
            connection.execute(update(logged_models).values(artifact_location=str(place)))
        result = piped("gc", "--yes", "--json")
        assert result.exit_code == 1
        assert "lie elsewhere" in json.loads(result.stdout)["kept"][run.run_id]
    engine.dispose()
    assert (elsewhere / "file").read_text() == "kept"


@pytest.mark.parametrize("kept", [True, False], ids=["as models", "as files"])
def test_models_move_into_another_store(
    run: ActiveRun, uri: str, tmp_path: Path, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Client()
    outputs = source.get_run(run.run_id).outputs.model_outputs
    source.writer(run.run_id).log_metric("score", 0.5, step=3, model_id=outputs[0].model_id)
    fluent.delete_run(run.run_id)
    there = tmp_path / "there"
    there.mkdir()
    monkeypatch.chdir(there)  # where a new store puts its artifacts
    target = upgraded(f"sqlite:///{there}/mlflow.db") if kept else str(there / "mlruns")
    assert [one.news for one in move(uri, target, dry_run=True)] == [True]
    assert [(one.news, one.problem) for one in move(uri, target)] == [(True, "")]
    assert [one.news for one in move(uri, target, dry_run=True)] == [False]
    assert [(one.news, one.problem) for one in move(uri, target)] == [(False, "")]
    copy = Client(target)
    files = copy.artifacts(run.run_id)
    assert files.read("model/data/model.txt") == b"new"
    assert files.read("notes/best.model/data/model.txt") == b"best"
    found = copy.get_run(run.run_id)
    assert found.info.lifecycle_stage == "deleted"
    if not kept:
        old = next(one.path for one in files.list() if one.path.startswith("model."))
        assert files.read(f"{old}/data/model.txt") == b"old"
        return
    assert found.outputs == source.get_run(run.run_id).outputs
    for output in outputs:
        ours, theirs = (client.get_logged_model(output.model_id) for client in (source, copy))
        assert theirs.artifact_location != ours.artifact_location
        place = {"artifact_location": "", "last_updated_timestamp": 0}
        assert replace(ours, **place) == replace(theirs, **place)
