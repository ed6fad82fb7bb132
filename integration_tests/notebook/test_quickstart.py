"""The example notebook runs in a real kernel, and what it shows is what was recorded."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from core_client.client import Client

ROOT = Path(__file__).parents[2]
NOTEBOOK = nbformat.read(ROOT / "examples" / "quickstart.ipynb", as_version=4)


def test_it_is_kept_without_outputs() -> None:
    cells = [cell for cell in NOTEBOOK.cells if cell.cell_type == "code"]
    assert [cell.outputs for cell in cells] == [[] for _ in cells]
    assert {cell.execution_count for cell in cells} == {None}


@pytest.mark.usefixtures("jupyter_folders")
def test_it_runs(own_place: Path) -> None:
    done = NotebookClient(NOTEBOOK, timeout=300, kernel_name="python3").execute()
    outputs = {cell.id: cell.outputs for cell in done.cells if cell.cell_type == "code"}
    kinds = {kind for cell in outputs.values() for kind in (output.output_type for output in cell)}
    assert kinds == {"execute_result"}, "nothing is printed and nothing warned of"
    pages = {
        name: cell[0].data["text/html"]
        for name, cell in outputs.items()
        if cell and "text/html" in cell[0].data
    }
    assert set(pages) == {"forest-run", "candidates", "loop", "status"}

    client = Client(f"sqlite:///{own_place}/mlflow.db")
    runs = client.search_runs(["0"], order_by=["attributes.start_time ASC"])
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert {run.data.tags["mlflow.source.type"] for run in runs} == {"NOTEBOOK"}
    children = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    forest, search, network = (run for run in runs if run not in children)
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {search.info.run_id}
    assert len(children) == 3

    assert forest.info.run_id in pages["forest-run"]
    assert "RandomForestClassifier_score_X_test" in pages["forest-run"]
    for child in children:
        assert child.info.run_name in pages["candidates"]
    assert network.info.run_name == "small network"
    assert len(re.findall("<polyline", pages["loop"])) == 2
    losses = client.get_metric_history(network.info.run_id, "loss")
    assert [point.step for point in losses] == list(range(len(losses)))
    assert losses[0].value > losses[-1].value
    assert ">on<" in pages["status"]
