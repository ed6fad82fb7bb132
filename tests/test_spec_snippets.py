"""The documents' snippets run with `import autolog as mlflow`, and record what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from core_client.client import Client
from core_client.entities import Run
from tests.spec_snippets import mantik_snippets, mlflow_snippets, run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the snippet runs, as a fresh project."""
    path = tmp_path / "project"
    path.mkdir()
    return path


def recorded(folder: Path) -> tuple[Client, list[Run]]:
    """What the snippet left in its folder."""
    client = Client(f"sqlite:///{folder}/mlflow.db")
    return client, list(client.search_runs(["0"]))


def the_run(folder: Path) -> Run:
    """The one run that the snippet recorded."""
    _, runs = recorded(folder)
    assert len(runs) == 1
    return runs[0]


def test_every_snippet_is_here() -> None:
    assert [code.splitlines()[-1].split("(")[0] for code in mantik_snippets()] == [
        "mlflow.autolog",
        "mlflow.log_param",
        "mlflow.log_metric",
        "mlflow.log_artifact",
        "mlflow.sklearn.log_model",  # integration_tests/sklearn/test_spec_snippets.py
    ]
    assert len(mlflow_snippets()) == 3


def test_mantik_autologging(folder: Path) -> None:
    run(mantik_snippets()[0], folder)
    assert not (folder / "mlflow.db").exists(), "nothing was trained, nothing is recorded"


def test_mantik_parameters(folder: Path) -> None:
    run(mantik_snippets()[1], folder, "value = 0.5")
    recorded_run = the_run(folder)
    assert recorded_run.data.params == {"parameter_name": "0.5"}
    assert recorded_run.info.status == "FINISHED"


def test_mantik_metrics(folder: Path) -> None:
    run(mantik_snippets()[2], folder, "value = 0.5")
    assert the_run(folder).data.metrics == {"metric_name": 0.5}


def test_mantik_artifacts(folder: Path) -> None:
    (folder / "artifact_name").write_text("kept", encoding="utf-8")
    run(mantik_snippets()[3], folder, "artifact = 'kept_under'")
    client, (recorded_run,) = recorded(folder)
    files = client.list_artifacts(recorded_run.info.run_id, "kept_under")
    assert [(file.path, file.file_size) for file in files] == [("kept_under/artifact_name", 4)]


def test_mlflow_reads_the_active_run(folder: Path) -> None:
    before = "import autolog as mlflow\nmlflow.log_metric('quality', 7)\n"
    snippet = mlflow_snippets()[0] + "assert data.metrics == {'quality': 7.0}, data\n"
    run(snippet, folder, before)


def test_mlflow_scopes_a_run_to_a_block(folder: Path) -> None:
    run(mlflow_snippets()[1], folder)
    recorded_run = the_run(folder)
    assert recorded_run.data.params == {"x": "1"}
    assert recorded_run.data.metrics == {"y": 2.0}
    assert recorded_run.info.status == "FINISHED"


def test_mlflow_metric_by_step(folder: Path) -> None:
    run(mlflow_snippets()[2], folder)
    client, (recorded_run,) = recorded(folder)
    history = client.get_metric_history(recorded_run.info.run_id, "quality")
    assert [(point.step, point.value) for point in history] == [(0, 0.0), (1, 2.0), (2, 4.0)]
