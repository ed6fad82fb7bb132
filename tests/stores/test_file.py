"""The file store: the contract, and what only files can do or suffer."""

from __future__ import annotations

import multiprocessing
import os
import resource
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from core_client import settings
from core_client.client import Client
from core_client.events import (
    Event,
    ExperimentCreated,
    ExperimentDeleted,
    Metrics,
    Params,
    RunDeleted,
    RunEnded,
    Tags,
)
from core_client.exceptions import MlflowException, StoreUnavailable
from core_client.stores import open_store
from core_client.stores.base import Refused, Store
from tests.store_contract import RUN, StoreContract, dataset, run_id, started


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "mlruns"


@pytest.fixture
def opened(root: Path) -> Store:
    return open_store(str(root))


class TestFileStore(StoreContract):
    @pytest.fixture
    def store(self, opened: Store) -> Iterator[Store]:
        yield opened
        opened.close()


def meta(folder: Path) -> dict[str, object]:
    found: dict[str, object] = yaml.safe_load((folder / "meta.yaml").read_text())
    return found


# The layout


def test_files_lie_where_mlflow_looks_for_them(root: Path, opened: Store) -> None:
    opened.apply(
        [
            started(tags={"team": "blue"}),
            Params(RUN, {"model/depth": "3\nlines"}),
            Metrics(RUN, 5, 1, {"val/loss": 0.5, "odd": "nan", "up": "inf"}),
            RunEnded(RUN, "FAILED", 9),
        ]
    )
    run = root / "0" / RUN
    assert (run / "params" / "model" / "depth").read_text() == "3\nlines"
    assert (run / "metrics" / "val" / "loss").read_text() == "5 0.5 1\n"
    assert (run / "metrics" / "odd").read_text() == "5 nan 1\n"
    assert (run / "metrics" / "up").read_text() == "5 inf 1\n"
    assert (run / "tags" / "team").read_text() == "blue"
    described = meta(run)
    assert (described["status"], described["end_time"], described["source_type"]) == (4, 9, 4)
    assert described["run_id"] == described["run_uuid"] == RUN
    assert described["artifact_uri"] == f"file://{run}/artifacts"
    assert meta(root / "0")["artifact_location"] == f"file://{root}/0"


def test_a_deleted_experiment_lies_in_the_trash(root: Path, opened: Store) -> None:
    opened.apply([ExperimentCreated("trees", "", {}, 5)])
    trees = opened.get_experiment_by_name("trees")
    assert trees is not None
    opened.apply([started(experiment_id=trees.experiment_id)])
    opened.apply([ExperimentDeleted(trees.experiment_id, 6)])
    folder = root / ".trash" / trees.experiment_id
    assert meta(folder)["lifecycle_stage"] == "deleted"
    assert meta(folder / RUN)["deleted_time"] == 6
    assert not (root / trees.experiment_id).exists()


@pytest.mark.parametrize("form", ["{}", "file:{}", "file://{}", "file://localhost{}"])
def test_a_folder_may_be_named_in_any_way(tmp_path: Path, form: str) -> None:
    root = tmp_path / "a b"
    store = open_store(form.format(str(root).replace(" ", "%20") if "file:" in form else root))
    store.apply([started()])
    assert (root / "0" / RUN / "meta.yaml").is_file()


def test_relative_folders_are_meant_from_here(own_place: Path) -> None:
    assert settings.absolute("./mlruns") == f"{own_place}/mlruns"
    assert settings.absolute("file:mlruns") == f"file:{own_place}/mlruns"
    assert settings.absolute("file:///a/b") == "file:///a/b"
    assert settings.absolute("databricks") == "databricks"


@pytest.mark.parametrize("uri", ["file://host/mlruns", "file:", "ftp://host/mlruns"])
def test_what_is_no_folder_here_is_refused(uri: str) -> None:
    with pytest.raises(MlflowException, match="No store for the tracking URI") as caught:
        open_store(uri)
    assert caught.value.error_code == "INVALID_PARAMETER_VALUE"


def test_runs_in_files_are_gone_on_with(own_place: Path) -> None:
    Client().create_run("0")
    assert (own_place / "mlflow.db").is_file()  # with its artifacts in ./mlruns
    (own_place / "mlruns").mkdir(exist_ok=True)
    assert settings.tracking_uri() == "sqlite:///mlflow.db"
    (own_place / "elsewhere").mkdir()
    os.chdir(own_place / "elsewhere")
    open_store("mlruns")
    assert settings.tracking_uri() == "mlruns"
    run = Client().create_run("0")
    assert (own_place / "elsewhere" / "mlruns" / "0" / run.info.run_id).is_dir()
    assert not (own_place / "elsewhere" / "mlflow.db").exists()


def test_deleted_runs_are_taken_away_for_good(root: Path, opened: Store) -> None:
    opened.apply([*(started(run_id(n)) for n in range(4)), RunDeleted(run_id(1), 5)])
    opened.apply([RunDeleted(run_id(2), 9), RunDeleted(run_id(3), 7)])
    kept = root / "0" / run_id(3) / "artifacts" / "a.txt"
    kept.write_text("mine")
    assert [run.info.run_id for run in opened.deleted_runs(7)] == [run_id(1), run_id(3)]
    opened.remove_runs([run_id(n) for n in (0, 1, 3)])
    assert [run.info.run_id for run in opened.search_runs(["0"], view_type=3)] == [
        run_id(0),
        run_id(2),
    ]
    assert not (root / "0" / run_id(1)).exists()
    assert kept.read_text() == "mine"


# Keys


@pytest.mark.parametrize(
    "key", ["../../escape", "a/../../b", "/etc/x", "a//b", "a/", "./a", ".", "..", "nul\0", "д" * 200]
)  # fmt: skip
def test_a_key_that_names_no_file_below_the_run_is_refused(
    root: Path, opened: Store, key: str
) -> None:
    opened.apply([started()])
    before = sorted(root.parent.rglob("*"))
    events: list[Event] = [
        Params(RUN, {key: "x"}),
        Tags(RUN, {key: "x"}),
        Metrics(RUN, 1, 1, {key: 1.0}),
    ]
    with pytest.raises(Refused) as caught:
        opened.apply(events)
    assert [event for event, _ in caught.value.reasons] == events
    assert sorted(root.parent.rglob("*")) == before


@pytest.mark.parametrize("wrong", ["../0", "a/b", "..", ".trash", "", "tags"])
def test_an_id_that_is_a_path_finds_nothing(opened: Store, wrong: str) -> None:
    opened.apply([started()])
    for ask in (opened.get_run, opened.get_experiment):
        with pytest.raises(MlflowException, match="does not exist"):
            ask(wrong)


def test_a_key_and_one_below_it_cannot_both_be_files(opened: Store) -> None:
    opened.apply([started(), Metrics(RUN, 1, 1, {"loss": 1.0}), Params(RUN, {"p/q": "x"})])
    wrong: list[Event] = [
        Params(RUN, {"p": "x"}),
        Metrics(RUN, 2, 2, {"loss/val": 2.0, "acc": 1.0}),
    ]
    with pytest.raises(Refused) as caught:
        opened.apply(wrong)
    assert [event for event, _ in caught.value.reasons] == wrong
    data = opened.get_run(RUN).data
    assert (data.metrics, data.params) == ({"loss": 1.0, "acc": 1.0}, {"p/q": "x"})


# Once and whole


def test_points_that_come_again_in_any_mixture_are_there_once(root: Path, opened: Store) -> None:
    opened.apply([started(), *(Metrics(RUN, n, n, {"m": n / 7}) for n in range(100))])
    again = [Metrics(RUN, n, n, {"m": n / 7}) for n in range(50, 150)]
    opened.apply(again)
    open_store(str(root)).apply([*reversed(again), Metrics(RUN, 3, 3, {"m": 3 / 7})])
    lines = (root / "0" / RUN / "metrics" / "m").read_text().splitlines()
    assert len(lines) == len(set(lines)) == 150


def test_a_line_that_was_broken_off_is_written_anew(root: Path, opened: Store) -> None:
    points = [Metrics(RUN, n, n, {"m": n / 7}) for n in range(10)]
    opened.apply([started(), *points])
    file = root / "0" / RUN / "metrics" / "m"
    whole = file.read_bytes()
    file.write_bytes(whole[:-5])
    assert len(opened.metric_history(RUN, "m")) == 9
    opened.apply(points)
    assert file.read_bytes() == whole


def test_what_mlflow_appends_meanwhile_is_seen(root: Path, opened: Store) -> None:
    opened.apply([started(), Metrics(RUN, 1, 1, {"m": 1.0})])
    assert opened.get_run(RUN).data.metrics == {"m": 1.0}
    with (root / "0" / RUN / "metrics" / "m").open("a") as file:
        file.write("2 7 2\n3 8.0 3 iris d1\nno point\n")
    assert opened.get_run(RUN).data.metrics == {"m": 8.0}
    opened.apply([Metrics(RUN, 2, 2, {"m": 7.0}), Metrics(RUN, 9, 9, {"m": 9.0})])
    assert [point.value for point in opened.metric_history(RUN, "m")] == [1.0, 7.0, 8.0, 9.0]
    assert "no point" in (root / "0" / RUN / "metrics" / "m").read_text()


def test_long_histories_are_read_and_extended_in_little_memory(root: Path, opened: Store) -> None:
    opened.apply([started(), Metrics(RUN, 0, 0, {"m": 0.0})])
    with (root / "0" / RUN / "metrics" / "m").open("a") as file:
        file.writelines(f"{n} {n / 7} {n}\n" for n in range(1, 300_000))
    tracemalloc.start()
    opened.apply([Metrics(RUN, 5, 5, {"m": 5 / 7}), Metrics(RUN, 10**9, 1, {"m": 1.0})])
    page = opened.metric_history(RUN, "m", 10)
    assert opened.get_run(RUN).data.metrics["m"] == 299_999 / 7
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [point.step for point in page] == list(range(10))
    assert peak < 2 * 2**20


def write_runs(uri: str, number: int) -> None:
    store = open_store(uri)
    own: list[Event] = [started(run_id(number), experiment_id="", experiment_name="shared")]
    store.apply([*own, started(run_id(99))])
    for step in range(30):
        shared = Metrics(run_id(99), step, step, {"shared": float(step)})
        store.apply([Metrics(run_id(number), step, step, {"loss": float(step)}), shared])


def test_processes_make_and_write_one_store_at_once(root: Path) -> None:
    count = 4
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=write_runs, args=(str(root), n)) for n in range(count)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * count
    store = open_store(str(root))
    shared = store.get_experiment_by_name("shared")
    assert shared is not None
    assert len(store.search_experiments()) == 2
    assert len(store.search_runs([shared.experiment_id])) == count
    for number in range(count):
        assert len(store.metric_history(run_id(number), "loss")) == 30
    lines = (root / "0" / run_id(99) / "metrics" / "shared").read_text().splitlines()
    assert len(lines) == len(set(lines)) == 30


def test_a_full_disk_is_told_and_the_rest_comes_later(root: Path, opened: Store) -> None:
    opened.apply([started()])
    batch: list[Event] = [Metrics(RUN, n, n, {"m": n / 7}) for n in range(5000)]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(StoreUnavailable, match="disk has room") as caught:
            opened.apply(batch)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert str(root) in str(caught.value)
    opened.apply(batch)
    assert len((root / "0" / RUN / "metrics" / "m").read_text().splitlines()) == 5000


def test_a_folder_that_cannot_be_made_is_named() -> None:
    with pytest.raises(StoreUnavailable, match="'/proc/mlruns' cannot be used"):
        open_store("/proc/mlruns")


# What others wrote


def test_the_files_of_the_first_mlflows_are_read(root: Path) -> None:
    run = root / "0" / RUN
    (run / "metrics").mkdir(parents=True)
    (root / "0" / "meta.yaml").write_text(
        "artifact_location: ./mlruns/0\nexperiment_id: 0\nname: Default\n"
    )
    (run / "meta.yaml").write_text(
        f"artifact_uri: ./mlruns/0/{RUN}/artifacts\nend_time: 7\nexperiment_id: 0\nname: old\n"
        f"run_uuid: {RUN}\nsource_type: 4\nstart_time: 5\nstatus: 3\ntags: []\nuser_id: mia\n"
    )
    (run / "metrics" / "loss").write_text("5 0.25\n6 0.125\n")
    store = open_store(str(root))
    (found,) = store.search_runs(["0"], "metrics.loss < 0.2")
    assert (found.info.run_name, found.info.status, found.info.experiment_id) == (
        "old",
        "FINISHED",
        "0",
    )
    assert found.data.metrics == {"loss": 0.125}
    store.apply([Tags(RUN, {"seen": "yes"}), RunDeleted(RUN, 9)])
    assert meta(run)["name"] == "old"


def test_broken_descriptions_hide_no_other_run(root: Path, opened: Store) -> None:
    opened.apply([started(run_id(1)), started(run_id(2))])
    (root / "0" / run_id(1) / "meta.yaml").write_text("{broken: [")
    (root / "77").mkdir()
    (root / "notes.txt").write_text("mine")
    assert [run.info.run_id for run in opened.search_runs(["0", "77"])] == [run_id(2)]


def test_descriptions_build_no_objects(root: Path, opened: Store) -> None:
    opened.apply([started()])
    mark = root / "pwned"
    (root / "0" / RUN / "meta.yaml").write_text(f"!!python/object/apply:os.mkdir ['{mark}']")
    opened.search_runs(["0"])
    assert not mark.exists()


def test_inputs_are_kept_as_mlflow_keeps_them(root: Path, opened: Store) -> None:
    from core_client.events import Inputs

    opened.apply([started(), Inputs(RUN, [dataset()])])
    [link] = (root / "0" / RUN / "inputs").glob("*/meta.yaml")
    described = meta(link.parent)
    assert (described["source_type"], described["tags"]) == (
        "DATASET",
        {"mlflow.data.context": "train"},
    )
    assert meta(root / "0" / "datasets" / str(described["source_id"]))["name"] == "iris"
