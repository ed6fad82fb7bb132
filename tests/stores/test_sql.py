"""The SQL store: the contract, and what only a database can do or suffer."""

from __future__ import annotations

import multiprocessing
import os
import random
import resource
import signal
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from core_client.events import Event, Metrics, Params, RunStarted
from core_client.exceptions import MlflowException, StoreUnavailable
from core_client.stores import open_store
from core_client.stores.base import Store
from core_client.stores.sql.schema import REVISION
from tests.store_contract import RUN, StoreContract, run_id, started


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "mlflow.db"


@pytest.fixture
def opened(path: Path) -> Iterator[Store]:
    store = open_store(f"sqlite:///{path}")
    yield store
    store.close()


class TestSqlStore(StoreContract):
    @pytest.fixture
    def store(self, opened: Store) -> Store:
        return opened


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


# The file


def test_many_points_are_inserted_together_and_each_once(path: Path, opened: Store) -> None:
    points = [Metrics(RUN, 1000 + step, step, {"a": step / 2, "b": 1.0}) for step in range(130)]
    opened.apply([started(), *points, *points[:63]])  # hundreds of rows, tens, and six more
    opened.apply([points[7], Metrics(RUN, 2000, 130, {"a": 65.0})])
    found = [(one.step, one.value) for one in opened.metric_history(RUN, "a")]
    assert found == [(step, step / 2) for step in range(131)]
    assert len(opened.metric_history(RUN, "b")) == 130


def test_what_was_written_is_there_when_opened_again(path: Path) -> None:
    for number in range(3):
        with closing(open_store(f"sqlite:///{path}")) as store:
            store.apply([started(run_id(number))])
            assert len(store.search_runs(["0"])) == number + 1


def test_a_new_database_is_of_mlflow_2_4_and_open_to_readers(path: Path, opened: Store) -> None:
    assert rows(path, "SELECT version_num FROM alembic_version") == [(REVISION,)]
    assert rows(path, "PRAGMA journal_mode") == [("wal",)]
    [(location,)] = rows(path, "SELECT artifact_location FROM experiments WHERE experiment_id = 0")
    assert location == str(path.parent / "mlruns" / "0")
    assert opened.get_experiment("0").artifact_location == location


@pytest.mark.parametrize("name", ["a b/ü.db", "deep/er/x.db", "x"])
def test_any_path_will_do(tmp_path: Path, name: str) -> None:
    with closing(open_store(f"sqlite:///{tmp_path}/{name}")) as store:
        store.apply([started()])
    assert (tmp_path / name).is_file()


def test_infinity_and_nan_lie_in_the_file_as_mlflow_writes_them(path: Path, opened: Store) -> None:
    values: dict[str, float | str] = {"up": "inf", "down": "-inf", "odd": "nan"}
    opened.apply([started(), Metrics(RUN, 1, 0, values)])
    found = rows(path, "SELECT key, value, is_nan FROM metrics UNION ALL "
                       "SELECT key, value, is_nan FROM latest_metrics")  # fmt: skip
    largest = 1.7976931348623157e308
    assert sorted(found) == sorted(2 * [("up", largest, 0), ("down", -largest, 0), ("odd", 0.0, 1)])


# Many processes


def write_runs(uri: str, number: int, barrier: object) -> None:
    barrier.wait()  # type: ignore[attr-defined]
    store = open_store(uri)
    run = run_id(number)
    store.apply([RunStarted(run, "", "shared", "", "mia", number, "", {})])
    for step in range(30):
        store.apply([Metrics(run, step, step, {"loss": float(step)})])
    store.close()


def test_processes_create_and_write_one_database_at_once(path: Path) -> None:
    uri, count = f"sqlite:///{path}", 5
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(count)
    workers = [
        context.Process(target=write_runs, args=(uri, number, barrier)) for number in range(count)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * count
    with closing(open_store(uri)) as store:
        shared = store.get_experiment_by_name("shared")
        assert shared is not None
        found = store.search_runs([shared.experiment_id])
        assert [run.info.run_id for run in found] == [run_id(n) for n in reversed(range(count))]
        for run in found:
            assert run.data.metrics == {"loss": 29.0}
            assert len(store.metric_history(run.info.run_id, "loss")) == 30


def write_for_ever(uri: str) -> None:
    store = open_store(uri)
    store.apply([started()])
    for step in range(10**9):
        store.apply([Metrics(RUN, step, step, {f"m{key}": float(step) for key in range(200)})])


def test_a_killed_writer_leaves_whole_batches_only(path: Path) -> None:
    uri = f"sqlite:///{path}"
    context = multiprocessing.get_context("spawn")
    pause = random.Random(1)
    open_store(uri).close()
    for _ in range(4):
        written = rows(path, "SELECT max(step) FROM metrics")
        worker = context.Process(target=write_for_ever, args=(uri,))
        worker.start()
        while rows(path, "SELECT max(step) FROM metrics") == written:
            time.sleep(0.01)  # until it writes
        # The kill comes at any moment of its writing.
        time.sleep(0.2 + pause.random() / 5)
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
        worker.join()
        with closing(open_store(uri)) as store:
            latest = store.get_run(RUN).data.metrics
            assert len(set(latest.values())) == 1
        assert {n for (n,) in rows(path, "SELECT count(*) FROM metrics GROUP BY step")} == {200}


def write_points(store: Store, key: str, count: int) -> None:
    for step in range(count):
        store.apply([Metrics(RUN, step, step, {key: 1.0})])


@pytest.mark.parametrize("own", [True, False], ids=["own store", "inherited store"])
def test_a_forked_child_writes_while_its_parent_closes(path: Path, own: bool) -> None:
    uri = f"sqlite:///{path}"
    store = open_store(uri)
    store.apply([started()])

    def work() -> None:
        write_points(open_store(uri) if own else store, "child", 300)

    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    while not store.metric_history(RUN, "child"):
        time.sleep(0.001)
    store.close()
    with closing(open_store(uri)) as store:
        write_points(store, "parent", 5)
        child.join()
        assert child.exitcode == 0
        assert len(store.metric_history(RUN, "child")) == 300
        assert len(store.metric_history(RUN, "parent")) == 5
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]


def test_forks_amid_writing_threads_lose_nothing(path: Path, opened: Store) -> None:
    opened.apply([started()])
    context = multiprocessing.get_context("fork")
    with ThreadPoolExecutor(3) as threads:
        writers = [threads.submit(write_points, opened, f"thread{n}", 200) for n in range(3)]
        children = [
            context.Process(target=write_points, args=(opened, f"child{n}", 5)) for n in range(10)
        ]
        for child in children:
            child.start()
        for child in children:
            child.join()
        for writer in writers:
            writer.result()
    assert [child.exitcode for child in children] == [0] * 10
    for key, count in [*((f"thread{n}", 200) for n in range(3)), ("child0", 5), ("child9", 5)]:
        assert len(opened.metric_history(RUN, key)) == count
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]


# What goes wrong


def refused(uri: str) -> str:
    with pytest.raises(StoreUnavailable) as caught:
        open_store(uri)
    assert "sqlite:///" in str(caught.value)
    return str(caught.value)


def test_a_file_that_is_no_database_is_left_alone(path: Path) -> None:
    path.write_bytes(b"not a database, but someone's diary" * 100)
    before = path.read_bytes()
    assert "is no SQLite database" in refused(f"sqlite:///{path}")
    assert path.read_bytes() == before


def test_a_damaged_database_is_called_damaged(path: Path) -> None:
    with closing(open_store(f"sqlite:///{path}")) as store:
        store.apply([started(run_id(n)) for n in range(500)])
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(os.urandom(path.stat().st_size - 8192))

    def look() -> None:
        with closing(open_store(f"sqlite:///{path}")) as store:
            store.search_runs(["0"])

    with pytest.raises(StoreUnavailable, match=r"damaged; restore a copy"):
        look()


def test_an_empty_file_becomes_a_database(path: Path) -> None:
    path.touch()
    with closing(open_store(f"sqlite:///{path}")) as store:
        assert store.get_experiment("0").name == "Default"


def test_the_tables_of_another_program_are_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE addresses (name TEXT)")
    message = refused(f"sqlite:///{path}")
    assert "lacks experiments, runs, metrics" in message
    assert rows(path, "SELECT name FROM sqlite_master") == [("addresses",)]


def test_an_old_mlflow_is_told_to_upgrade(path: Path, opened: Store) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("ALTER TABLE runs DROP COLUMN deleted_time")
        connection.execute("DROP TABLE input_tags")
    message = refused(f"sqlite:///{path}")
    assert "runs.deleted_time, input_tags" in message
    assert "mlflow db upgrade" in message


def test_a_newer_mlflow_is_used_as_long_as_our_columns_are_there(path: Path, opened: Store) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'from2030'")
        connection.execute("ALTER TABLE runs ADD COLUMN mood TEXT NOT NULL DEFAULT 'fine'")
        connection.execute("CREATE TABLE dreams (run_uuid TEXT)")
        connection.commit()
    with closing(open_store(f"sqlite:///{path}")) as store:
        store.apply([started(), Params(RUN, {"a": "b"})])
        assert store.get_run(RUN).data.params == {"a": "b"}


def test_a_newer_column_that_we_cannot_fill_loses_nothing(path: Path, opened: Store) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE tags")
        connection.execute(
            "CREATE TABLE tags (key TEXT, value TEXT, run_uuid TEXT, "
            "mood TEXT CHECK (mood IS NOT NULL))"
        )
    with pytest.raises(StoreUnavailable, match="mood"):
        opened.apply([started(), Params(RUN, {"a": "b"})])
    assert opened.search_runs(["0"]) == []


def test_a_locked_database_is_waited_for_and_then_named(path: Path) -> None:
    with (
        closing(open_store(f"sqlite:///{path}?timeout=0.2")) as store,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        with pytest.raises(StoreUnavailable, match="locked") as caught:
            store.apply([started()])
        assert time.monotonic() - began >= 0.2
        assert str(path) in str(caught.value)
        assert store.search_runs(["0"]) == []  # readers are not locked out
        other.execute("ROLLBACK")
        store.apply([started()])
        assert len(store.search_runs(["0"])) == 1


def test_a_read_only_database_can_be_read(path: Path, opened: Store) -> None:
    opened.apply([started()])
    with closing(open_store(f"sqlite:///file:{path}?mode=ro&uri=true")) as store:
        assert store.get_run(RUN).info.user_id == "mia"
        with pytest.raises(StoreUnavailable, match="read-only") as caught:
            store.apply([Params(RUN, {"a": "b"})])
        assert str(path) in str(caught.value)


@pytest.mark.parametrize("place", ["/proc/mlflow.db", "/proc/nowhere/mlflow.db"])
def test_a_folder_that_cannot_be_written_is_named(place: str) -> None:
    message = refused(f"sqlite:///{place}")
    assert f"the right to write '{place}' and its folder" in message


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    assert str(tmp_path) in refused(f"sqlite:///{tmp_path}")


def test_a_full_disk_takes_a_batch_wholly_or_not_at_all(path: Path, opened: Store) -> None:
    opened.apply([started(), Params(RUN, {"before": "x"})])
    batch: list[Event] = [
        Metrics(RUN, step, step, {f"m{key}": 0.5 for key in range(100)}) for step in range(200)
    ]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, hard))
    try:
        with pytest.raises(StoreUnavailable, match="free some space") as caught:
            opened.apply([*batch, Params(RUN, {"after": "x"})])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert str(path) in str(caught.value)
    run = opened.get_run(RUN)
    assert (run.data.metrics, run.data.params) == ({}, {"before": "x"})
    opened.apply([*batch, Params(RUN, {"after": "x"})])
    assert len(opened.get_run(RUN).data.metrics) == 100
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]


@pytest.mark.parametrize(
    "uri",
    ["sqlite://", "sqlite:///:memory:", "sqlite://mia:secret@host/x.db", "sqlite:relative.db"],
)  # fmt: skip
def test_what_names_no_file_is_refused_without_its_password(uri: str) -> None:
    with pytest.raises(MlflowException) as caught:
        open_store(uri)
    assert caught.value.error_code == "INVALID_PARAMETER_VALUE"
    assert "sqlite:///path/to.db" in str(caught.value)
    assert "secret" not in str(caught.value)
