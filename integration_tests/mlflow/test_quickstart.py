"""The quickstart under MLflow's eyes, with nothing of ours importable: it sees what we see."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

from sklearn.datasets import load_breast_cancer

from core_client.client import Client
from flavors import pyfunc
from tests.project import ROOT
from tests.scripts import run_script

# What MLflow's own client finds in the database, and what its models predict, as JSON.
THEIRS = """
import json, sys, warnings
for name in ("autolog", "flavors", "core_client"):
    sys.modules[name] = None
warnings.simplefilter("ignore")
import mlflow
from sklearn.datasets import load_breast_cancer
X = load_breast_cancer(as_frame=True).data
mlflow.set_tracking_uri(sys.argv[1])
client = mlflow.MlflowClient()

def files(run_id, folder=None):
    found = []
    for file in client.list_artifacts(run_id, folder):
        found += files(run_id, file.path) if file.is_dir else [[file.path, file.file_size]]
    return found

seen = {}
for run in client.search_runs(["0"]):
    run_id = run.info.run_id
    seen[run_id] = {
        "info": [run.info.run_name, run.info.status, run.info.start_time, run.info.end_time],
        "params": run.data.params,
        "tags": run.data.tags,
        "histories": {
            key: [[p.value, p.timestamp, p.step] for p in client.get_metric_history(run_id, key)]
            for key in run.data.metrics
        },
        "inputs": [
            [one.dataset.name, one.dataset.digest, {tag.key: tag.value for tag in one.tags}]
            for one in run.inputs.dataset_inputs
        ],
        "files": files(run_id),
    }
    if "mlflow.parentRunId" not in run.data.tags:
        model = mlflow.pyfunc.load_model(f"runs:/{run_id}/model")
        seen[run_id]["predictions"] = model.predict(X).tolist()
print("SEEN" + json.dumps(seen))
"""


def files(client: Client, run_id: str, folder: str | None = None) -> list[list[Any]]:
    """Path and size of every file below a folder of the run's artifacts."""
    found: list[list[Any]] = []
    for file in client.list_artifacts(run_id, folder):
        found += files(client, run_id, file.path) if file.is_dir else [[file.path, file.file_size]]
    return found


def seen_by_us(uri: str) -> dict[str, Any]:
    """The same, by our client and our loader."""
    client = Client(uri)
    X = load_breast_cancer(as_frame=True).data
    seen: dict[str, Any] = {}
    for run in client.search_runs(["0"]):
        run_id = run.info.run_id
        seen[run_id] = {
            "info": [run.info.run_name, run.info.status, run.info.start_time, run.info.end_time],
            "params": run.data.params,
            "tags": run.data.tags,
            "histories": {
                key: [
                    [p.value, p.timestamp, p.step] for p in client.get_metric_history(run_id, key)
                ]
                for key in run.data.metrics
            },
            "inputs": [
                [one.dataset.name, one.dataset.digest, {tag.key: tag.value for tag in one.tags}]
                for one in run.inputs.dataset_inputs
            ],
            "files": files(client, run_id),
        }
        if "mlflow.parentRunId" not in run.data.tags:
            folder = client.download_artifacts(run_id, "model")
            seen[run_id]["predictions"] = pyfunc.load_model(folder).predict(X).tolist()
    return seen


def test_mlflow_sees_all_of_the_quickstart(tmp_path: Path) -> None:
    script = ROOT / "examples" / "quickstart.py"
    run_script(script.read_text(encoding="utf-8"), tmp_path)
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    ours = seen_by_us(uri)
    command = [sys.executable, "-c", THEIRS, uri]
    done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert "SEEN" in done.stdout, done.stderr
    theirs = json.loads(done.stdout.split("SEEN")[1])

    assert theirs == ours
    runs = list(ours.values())
    assert len(runs) == 5
    assert sum("mlflow.parentRunId" in run["tags"] for run in runs) == 3
    assert all(run["inputs"] and run["histories"] for run in runs)
    assert all(not math.isnan(p[0]) for run in runs for h in run["histories"].values() for p in h)
    assert sum("predictions" in run for run in runs) == 2
