"""What a user records is what a user reads back, through the verbs and the client."""

from __future__ import annotations

import asyncio
import math
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest

from core_client import fluent
from core_client.client import Client
from core_client.entities import Dataset, DatasetInput, Metric, Param, RunTag, ViewType
from core_client.exceptions import MlflowException
from tests.project import ROOT


def test_a_run_holds_what_was_logged() -> None:
    with fluent.start_run(run_name="first", tags={"team": "blue"}, description="a try") as run:
        assert fluent.log_param("depth", 3) == 3
        fluent.log_params({"rate": 0.1, "kind": "tree"})
        fluent.log_metric("loss", 0.5)
        fluent.log_metrics({"loss": 0.25, "accuracy": 0.9}, step=1)
        fluent.set_tag("stage", "dev")
        fluent.set_tags({"stage": "test", "owner": "me"})
        fluent.delete_tag("owner")
    stored = fluent.get_run(run.run_id)
    assert stored.info.status == "FINISHED"
    assert stored.info.run_name == "first"
    assert stored.info.end_time >= stored.info.start_time
    assert stored.data.params == {"depth": "3", "rate": "0.1", "kind": "tree"}
    assert stored.data.metrics == {"loss": 0.25, "accuracy": 0.9}
    tags = stored.data.tags
    assert (tags["team"], tags["stage"]) == ("blue", "test")
    assert tags["mlflow.note.content"] == "a try"
    assert tags["mlflow.runName"] == "first"
    assert tags["mlflow.source.type"] == "LOCAL"
    assert tags["mlflow.user"]
    assert "owner" not in tags


def test_a_raising_block_ends_its_run_as_failed() -> None:
    with pytest.raises(ZeroDivisionError), fluent.start_run() as run:
        1 / 0  # noqa: B018
    assert fluent.get_run(run.run_id).info.status == "FAILED"
    assert fluent.active_run() is None


@pytest.mark.parametrize(
    "value", [0.1 + 0.2, 5e-324, 1.7e308, -1e-9, math.inf, -math.inf, math.nan]
)
def test_every_float_survives(value: float) -> None:
    with fluent.start_run() as run:
        fluent.log_metric("m", value)
        fluent.log_metrics({"n": value})
    for key in ("m", "n"):
        (point,) = Client().get_metric_history(run.run_id, key)
        assert msgspec.json.encode(point.value) == msgspec.json.encode(value)
        assert math.isnan(point.value) == math.isnan(value)
        assert point.value == value or math.isnan(value)


def test_steps_are_any_64_bit_integers_in_any_order() -> None:
    steps = [1, 5, 75, -20, 2**63 - 1, -(2**63), 0]
    with fluent.start_run() as run:
        for number, step in enumerate(steps):
            fluent.log_metric("m", number, step=step, timestamp=1000 + number)
    history = Client().get_metric_history(run.run_id, "m")
    assert [(point.step, point.value, point.timestamp) for point in history] == [
        (step, number, 1000 + number) for number, step in enumerate(steps)
    ]
    assert fluent.get_run(run.run_id).data.metrics["m"] == 4  # the greatest step counts


def test_a_batch_is_recorded_together() -> None:
    with fluent.start_run() as run:
        fluent.log_batch(
            [Metric("m", 1.0, 10, 1), Metric("m", 2.0, 20, 2)],
            [Param("p", "1")],
            [RunTag("t", "x")],
        )
    stored = fluent.get_run(run.run_id)
    assert (stored.data.metrics["m"], stored.data.params["p"], stored.data.tags["t"]) == (
        2,
        "1",
        "x",
    )
    assert len(Client().get_metric_history(run.run_id, "m")) == 2


def test_datasets_are_kept_with_their_use() -> None:
    dataset = Dataset("iris", "abc123", "local", "{}", schema="{}", profile='{"num_rows": 150}')
    with fluent.start_run() as run:
        fluent.log_input(dataset, context="train", tags={"split": "first"})
    (used,) = fluent.get_run(run.run_id).inputs.dataset_inputs
    assert used.dataset == dataset
    assert {tag.key: tag.value for tag in used.tags} == {
        "mlflow.data.context": "train",
        "split": "first",
    }


def test_nested_runs_know_their_parent() -> None:
    with fluent.start_run() as parent:
        with fluent.start_run(nested=True) as child:
            assert fluent.active_run() is child
        assert fluent.active_run() is parent
        grandchild = parent.child("by hand")
        grandchild.end()
    assert fluent.get_parent_run(child.run_id).info.run_id == parent.run_id
    assert fluent.get_parent_run(grandchild.run_id).info.run_id == parent.run_id
    assert fluent.get_parent_run(parent.run_id) is None


def test_a_second_active_run_must_be_nested() -> None:
    with fluent.start_run() as run, pytest.raises(MlflowException, match="nested=True") as error:
        fluent.start_run()
    assert run.run_id in str(error.value)


def test_a_run_is_resumed_by_its_id() -> None:
    with fluent.start_run() as run:
        fluent.log_param("p", 1)
        fluent.log_metric("m", 1, step=1)
    with fluent.start_run(run_id=run.run_id) as again:
        assert again.run_id == run.run_id
        assert fluent.get_run(run.run_id).info.status == "RUNNING"
        fluent.log_metric("m", 2, step=2)
        with pytest.raises(MlflowException, match="'p'"):
            fluent.log_param("p", 2)
    assert fluent.get_run(run.run_id).info.status == "FINISHED"
    assert [p.value for p in Client().get_metric_history(run.run_id, "m")] == [1, 2]


def test_the_environment_names_run_and_experiment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "by name")
    with fluent.start_run() as run:
        pass
    experiment = fluent.get_experiment_by_name("by name")
    assert experiment is not None
    assert fluent.get_run(run.run_id).info.experiment_id == experiment.experiment_id
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME")
    other = fluent.create_experiment("by id")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", other)
    assert fluent.start_run().info.experiment_id == other
    fluent.end_run()
    monkeypatch.setenv("MLFLOW_RUN_ID", run.run_id)
    assert fluent.start_run().run_id == run.run_id
    fluent.end_run()


def test_the_environment_names_the_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/elsewhere.db")
    with fluent.start_run():
        fluent.log_metric("m", 1)
    fluent.flush_async_logging()
    assert (tmp_path / "elsewhere.db").exists()
    assert fluent.get_tracking_uri().endswith("elsewhere.db")


def test_each_thread_has_its_own_run() -> None:
    ids: list[str] = []
    together = threading.Barrier(4)

    def work(number: int) -> None:
        assert fluent.active_run() is None
        with fluent.start_run() as run:
            together.wait()
            fluent.log_metric("m", number)
            ids.append(run.run_id)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(fluent.get_run(one).data.metrics["m"] for one in ids) == [0, 1, 2, 3]


def test_each_asyncio_task_has_its_own_run() -> None:
    async def work(number: int) -> str:
        with fluent.start_run() as run:
            await asyncio.sleep(0)
            fluent.log_param("number", number)
            return run.run_id

    async def both() -> list[str]:
        return await asyncio.gather(work(1), work(2))

    first, second = asyncio.run(both())
    assert fluent.get_run(first).data.params == {"number": "1"}
    assert fluent.get_run(second).data.params == {"number": "2"}


def test_logging_without_a_run_starts_one() -> None:
    fluent.log_metric("m", 1)
    run = fluent.active_run()
    assert run is not None
    fluent.end_run("KILLED")
    last = fluent.last_active_run()
    assert (last.info.run_id, last.info.status) == (run.run_id, "KILLED")


def test_the_client_writes_to_any_run() -> None:
    client = Client()
    run = client.create_run("0", run_name="by id", tags={"a": "b"}, start_time=1000)
    assert run.info.status == "RUNNING"
    client.log_metric(run.info.run_id, "m", 1.5, timestamp=7, step=3)
    client.log_param(run.info.run_id, "p", "x")
    client.set_tag(run.info.run_id, "t", "y")
    client.log_batch(run.info.run_id, metrics=[Metric("m", 2.5, 8, 4)])
    client.log_inputs(run.info.run_id, [DatasetInput(Dataset("d", "1", "local", "{}"))])
    client.update_run(run.info.run_id, name="renamed")
    client.set_terminated(run.info.run_id, "FAILED", end_time=2000)
    stored = client.get_run(run.info.run_id)
    assert (stored.info.run_name, stored.info.status) == ("renamed", "FAILED")
    assert (stored.info.start_time, stored.info.end_time) == (1000, 2000)
    assert client.get_metric_history(run.info.run_id, "m") == [
        Metric("m", 1.5, 7, 3),
        Metric("m", 2.5, 8, 4),
    ]
    assert stored.inputs.dataset_inputs[0].dataset.name == "d"


def test_deleted_runs_are_hidden_and_restored() -> None:
    with fluent.start_run() as run:
        pass
    fluent.delete_run(run.run_id)
    assert fluent.search_runs(output_format="list") == []
    found = fluent.search_runs(run_view_type=ViewType.DELETED_ONLY, output_format="list")
    assert [one.info.run_id for one in found] == [run.run_id]
    with pytest.raises(MlflowException, match="deleted"):
        Client().log_metric(run.run_id, "m", 1)
    Client().restore_run(run.run_id)
    assert len(fluent.search_runs(output_format="list")) == 1


def test_experiments_are_made_found_deleted_and_restored() -> None:
    made = fluent.create_experiment("one", tags={"k": "v"})
    with pytest.raises(MlflowException, match="exists already") as error:
        fluent.create_experiment("one")
    assert error.value.error_code == "RESOURCE_ALREADY_EXISTS"
    assert fluent.get_experiment(made).tags == {"k": "v"}
    assert fluent.set_experiment("one").experiment_id == made
    fluent.set_experiment_tags({"k": "w", "n": 1})
    with fluent.start_run() as run:
        assert run.info.experiment_id == made
    Client().rename_experiment(made, "uno")
    assert fluent.get_experiment_by_name("uno").tags == {"k": "w", "n": "1"}
    assert {one.name for one in fluent.search_experiments()} == {"uno", "Default"}
    assert {one.name for one in Client().list_experiments()} == {"uno", "Default"}
    fluent.delete_experiment(made)
    assert {one.name for one in fluent.search_experiments()} == {"Default"}
    with pytest.raises(MlflowException, match="deleted"):
        fluent.start_run(experiment_id=made)
    with pytest.raises(MlflowException, match="deleted"):
        fluent.set_experiment("uno")
    fluent.restore_experiment(made)
    assert fluent.set_experiment(experiment_id=made).name == "uno"


def test_runs_are_searched_by_what_they_hold() -> None:
    for depth in range(5):
        with fluent.start_run():
            fluent.log_param("model", "tree" if depth % 2 else "line")
            fluent.log_metric("rmse", 1 / (depth + 1))
    found = fluent.search_runs(
        filter_string="metrics.rmse < 0.6 and params.model = 'tree'",
        order_by=["metrics.rmse ASC"],
        output_format="list",
    )
    assert [run.data.metrics["rmse"] for run in found] == [1 / 4, 1 / 2]
    client = Client()
    first = client.search_runs(["0"], max_results=3)
    second = client.search_runs(["0"], max_results=3, page_token=first.token)
    assert (len(first), len(second), second.token) == (3, 2, None)


def test_search_gives_a_dataframe_with_mlflows_columns() -> None:
    pd = pytest.importorskip("pandas")  # an extra brings it
    with fluent.start_run() as run:
        fluent.log_param("p", 1)
        fluent.log_metric("m", 0.5)
    frame = fluent.search_runs()
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.columns[:6]) == [
        "run_id", "experiment_id", "status", "artifact_uri", "start_time", "end_time",
    ]  # fmt: skip
    row = frame.loc[0]
    assert (row["run_id"], row["params.p"], row["metrics.m"]) == (run.run_id, "1", 0.5)
    assert str(frame["start_time"].dt.tz) == "UTC"
    assert fluent.search_runs("0", "metrics.m > 1").empty


@pytest.mark.parametrize(
    ("remote", "kept"),
    [
        ("https://t0ken@host/team/code.git", "https://host/team/code.git"),
        ("https://mia:t0ken@host/team/code.git", "https://host/team/code.git"),
        ("git@host:team/code.git", "git@host:team/code.git"),
    ],
)
def test_a_run_knows_its_commit_but_no_credentials_of_the_repository(
    tmp_path: Path, remote: str, kept: str
) -> None:
    folder = tmp_path / "code"
    for command in (
        ["init", "-q", "-b", "trunk", str(folder)],
        ["-C", str(folder), "remote", "add", "origin", remote],
        ["-C", str(folder), "-c", "user.name=m", "-c", "user.email=m@x", "commit", "-qm", "x",
         "--allow-empty"],
    ):  # fmt: skip
        subprocess.run(["git", *command], check=True)
    (folder / "train.py").write_text(
        "from core_client import fluent\nwith fluent.start_run(): pass"
    )
    subprocess.run(
        [sys.executable, str(folder / "train.py")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    (run,) = Client().search_runs(["0"])
    assert run.data.tags["mlflow.source.git.repoURL"] == kept
    assert run.data.tags["mlflow.source.git.branch"] == "trunk"
    assert re.fullmatch("[0-9a-f]{40}", run.data.tags["mlflow.source.git.commit"])
    assert "t0ken" not in str(run)
