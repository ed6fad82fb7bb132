"""The same trainings under MLflow and under autolog, each in a process and a folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.project import ROOT


def recorded(script: Path, folders: Any, *trackers: str) -> list[Any]:
    """What the script writes about its runs, for each of the trackers."""
    started = []
    for tracker in trackers:
        folder = folders.mktemp(tracker)
        record = folder / "record.json"
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", script, tracker, record],
            cwd=folder,
            env=os.environ
            | {
                "PYTHONPATH": str(ROOT),
                "AUTOLOG_HOME": str(folder / "home"),
                "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db",
            },
        )
        started.append((process, record))
    assert {process.wait() for process, _ in started} == {0}
    return [json.loads(record.read_text()) for _, record in started]


def runs_of(tracker: Any, experiment: str) -> list[Any]:
    """The runs of an experiment, the first one first."""
    found = tracker.search_runs(experiment_names=[experiment], output_format="list")
    return sorted(found, key=lambda run: (run.info.start_time, run.info.end_time))


def told(client: Any, run: Any) -> dict[str, Any]:
    """What a run tells, of what MLflow and autolog have in common."""
    inputs = run.inputs.dataset_inputs
    return {
        "status": run.info.status,
        "params": run.data.params,
        "metrics": run.data.metrics,
        "tags": run.data.tags,
        "artifacts": [file.path for file in client.list_artifacts(run.info.run_id)],
        "contexts": [one.tags[0].value for one in inputs],
        "data": [(one.tags[0].value, one.dataset.schema, one.dataset.profile) for one in inputs],
    }


def curves(client: Any, run: Any) -> dict[str, list[tuple[int, float]]]:
    """Every metric of a run with its steps."""
    return {
        key: [
            (point.step, point.value) for point in client.get_metric_history(run.info.run_id, key)
        ]
        for key in run.data.metrics
    }


# MLflow writes them of texts too, and has a list of all types that any model needs.
HOW_PICKLED = {"serialization_format", "skops_trusted_types"}


def model_of(tracker: Any, run: Any) -> dict[str, Any]:
    """The files of a run's model, what its flavors say of it, and its signature."""
    folder = Path(tracker.artifacts.download_artifacts(f"runs:/{run.info.run_id}/model"))
    told = yaml.safe_load((folder / "MLmodel").read_text())
    return {
        "files": [path.name for path in folder.iterdir()],
        "flavors": told["flavors"],
        "signature": told.get("signature"),
    }


def assert_no_less(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Our model has the files of theirs, what their flavors say, and the same signature if any."""
    assert set(ours["files"]) >= set(theirs["files"]) - {"registered_model_meta"}
    for name, told in theirs["flavors"].items():
        for key in told.keys() - HOW_PICKLED:
            assert ours["flavors"][name][key] == told[key], key
    assert theirs["signature"] in (None, ours["signature"])


def in_process(code: str, *arguments: object) -> str:
    """What a Python of its own prints."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
