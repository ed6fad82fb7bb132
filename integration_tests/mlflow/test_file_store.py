"""One folder of files, two programs: ours and MLflow's read and write each other's runs."""

from __future__ import annotations

import json
import math
import os
import random
import subprocess
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Dataset as MlflowDataset
from mlflow.entities import DatasetInput as MlflowDatasetInput
from mlflow.entities import InputTag as MlflowInputTag

from core_client.entities import ViewType
from core_client.events import ExperimentCreated, ExperimentDeleted, ExperimentRestored
from core_client.stores import open_store
from core_client.stores.base import Store
from integration_tests.mlflow.test_sql_store import (
    RUN,
    ask,
    both_see_the_same,
    condition,
    fill,
    order,
    story,
)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # MLflow 3.13 and newer refuse them
    return tmp_path / "mlruns"


@pytest.fixture
def store(root: Path) -> Store:
    return open_store(str(root))


def test_mlflow_reads_our_files_and_writes_beside(store: Store, root: Path) -> None:
    store.apply([*story(), ExperimentCreated("trees", "", {"a": "b"}, 5)])
    client = MlflowClient(root.as_uri())
    both_see_the_same(store, client, RUN)
    trees = client.get_experiment_by_name("trees")
    assert trees is not None
    assert (trees.tags, trees.creation_time) == ({"a": "b"}, 5)
    client.log_metric(RUN, "loss", 0.125, step=99)
    client.set_tag(RUN, "team", "red")
    client.log_param(RUN, "more", "x")
    both_see_the_same(store, client, RUN)
    assert store.get_run(RUN).data.metrics["loss"] == 0.125
    number = trees.experiment_id
    store.apply([ExperimentDeleted(number, 9)])
    assert client.get_experiment(number).lifecycle_stage == "deleted"
    store.apply([ExperimentRestored(number, 10)])
    assert client.get_experiment(number).lifecycle_stage == "active"


def test_we_read_the_files_of_mlflow_and_write_beside(root: Path) -> None:
    client = MlflowClient(root.as_uri())
    experiment = client.create_experiment("trees", tags={"a": "b"})
    run_id = client.create_run(experiment, run_name="theirs").info.run_id
    client.log_param(run_id, "model", "tr\nee")
    for step, value in enumerate((1.0, math.nan, math.inf, -math.inf, 0.25)):
        client.log_metric(run_id, "val/loss", value, timestamp=step, step=5 - step)
    data = MlflowDataset("iris", "d1", "code", "{}", '{"a": 1}', '{"rows": 3}')
    context = MlflowInputTag("mlflow.data.context", "eval")
    client.log_inputs(run_id, [MlflowDatasetInput(data, [context])])
    client.set_terminated(run_id, "FAILED")
    store = open_store(str(root))
    both_see_the_same(store, client, run_id)
    store.apply([*story(RUN, experiment), ExperimentCreated("ours", "", {"c": "d"}, 5)])
    both_see_the_same(store, client, RUN)
    client.delete_experiment(experiment)
    assert store.get_experiment(experiment).lifecycle_stage == "deleted"
    assert store.get_run(RUN).info.lifecycle_stage == "deleted"
    client.restore_experiment(experiment)
    client.delete_run(RUN)
    assert store.get_run(RUN).info.lifecycle_stage == "deleted"


OLDER_PYTHONS = os.environ.get("AUTOLOG_TEST_OLDER_MLFLOWS", "").split(os.pathsep)
OLDER = """
import json, sys
from mlflow.tracking import MlflowClient
client = MlflowClient(sys.argv[1])
run = client.get_run(sys.argv[2])
history = client.get_metric_history(run.info.run_id, "loss")
client.log_metric(run.info.run_id, "older", 2.5, step=3)
made = client.create_run("0").info.run_id
client.log_param(made, "by", "an older one")
print(json.dumps([run.info.status, run.data.params["model"], run.data.tags["team"],
                  [[p.step, p.value] for p in history], made]))
"""


@pytest.mark.parametrize("python", OLDER_PYTHONS)
def test_an_older_mlflow_reads_and_writes_them_too(store: Store, root: Path, python: str) -> None:
    if not python:
        missing = "AUTOLOG_TEST_OLDER_MLFLOWS names no Python with an older MLflow"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    store.apply(story())
    done = subprocess.run(
        [python, "-c", OLDER, root.as_uri(), RUN],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    status, model, team, history, made = json.loads(done.stdout)
    assert (status, model, team) == ("FINISHED", "tree", "blue")
    assert history == [[step, 1 / (step + 1)] for step in range(5)]
    assert store.get_run(RUN).data.metrics["older"] == 2.5
    assert store.get_run(made).data.params == {"by": "an older one"}


@pytest.mark.parametrize("number", range(2))
def test_random_searches_have_the_answers_of_mlflow(store: Store, root: Path, number: int) -> None:
    seed = random.Random(number)
    store.apply([ExperimentCreated("unused", "", {}, 1)])
    fill_in_one(store, seed)
    client = MlflowClient(root.as_uri())
    found = 0
    for _ in range(60):
        question = " AND ".join(condition(seed) for _ in range(seed.choice((0, 1, 1, 2))))
        orders = [order(seed) for _ in range(seed.randrange(2))]
        view = seed.choice((ViewType.ACTIVE_ONLY, ViewType.ALL))
        theirs = ask(client.search_runs, ["0"], question, view, 500, orders)
        ours = ask(store.search_runs, ["0"], question, view, 500, orders)
        if isinstance(theirs, str):
            continue
        assert sorted(ours) == sorted(theirs), question
        found += len(theirs)
    assert found > 100


def fill_in_one(store: Store, seed: random.Random) -> None:
    """The runs of `fill`, all in the default experiment: in files others have no numbers."""

    class InDefault:
        def apply(self, events: list[object]) -> None:
            for event in events:
                if hasattr(event, "experiment_name"):
                    event.experiment_id = "0"  # type: ignore[attr-defined]
            store.apply(events)  # type: ignore[arg-type]

    fill(InDefault(), seed)  # type: ignore[arg-type]
