"""README's first lines and the example run in an empty folder, and what they print is true."""

from __future__ import annotations

import re
from pathlib import Path

from core_client.client import Client
from tests.project import ROOT
from tests.scripts import readme_snippets, run_script


def test_quickstart(tmp_path: Path) -> None:
    script = ROOT / "examples" / "quickstart.py"
    account = run_script(script.read_text(encoding="utf-8"), tmp_path)

    client = Client(f"sqlite:///{tmp_path}/mlflow.db")
    runs = client.search_runs(["0"], order_by=["attributes.start_time ASC"])
    # A search and its first candidate may begin in the same millisecond.
    forest, search, *children = sorted(runs, key=lambda run: "mlflow.parentRunId" in run.data.tags)
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert len(children) == 3
    parents = {run.data.tags["mlflow.parentRunId"] for run in children}
    assert parents == {search.info.run_id}

    for run in (forest, search):
        assert f"{run.data.tags['estimator_name']}: run {run.info.run_name} (FINISHED)" in account
        inputs = len(run.inputs.dataset_inputs)
        assert inputs
        assert f"{len(run.data.params)} params, {inputs} dataset input(s)" in account
        files = [file.path for file in client.list_artifacts(run.info.run_id)]
        assert f"artifacts: {', '.join(files)}\n" in account
    printed = dict(re.findall(r"^  (\w+) +(\d\.\d{4})$", account, re.MULTILINE))
    recorded = forest.data.metrics | search.data.metrics
    assert printed == {name: f"{value:.4f}" for name, value in recorded.items()}
    assert recorded["training_score"] > 0.9
    assert recorded["best_cv_score"] == max(run.data.metrics["mean_test_score"] for run in children)
    assert "RandomForestClassifier_score_X_test" in recorded
    for run in children:
        assert run.info.run_name in account
    assert "model" in [file.path for file in client.list_artifacts(forest.info.run_id)]


def test_the_first_lines_of_readme(tmp_path: Path) -> None:
    printed = run_script(readme_snippets()[0], tmp_path).split()
    (run,) = Client(f"sqlite:///{tmp_path}/mlflow.db").search_runs(["0"])
    score = run.data.metrics["training_score"]
    assert printed == [run.info.run_name, "200", str(score)]
    assert score > 0.9
