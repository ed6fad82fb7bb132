"""What only a database server can do or suffer: races, crashes, wrong passwords, other spellings."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from core_client.client import Client
from core_client.events import Event, ExperimentCreated, Metrics, Params, RunStarted, Tags
from core_client.exceptions import MlflowException, StoreUnavailable
from core_client.move import move
from core_client.spool import Spool, folder_for
from core_client.stores import open_store
from core_client.stores.base import Refused, Store
from core_client.stores.sql.dialects import database_url
from core_client.sync import sync
from integration_tests.databases.servers import IN_URI, PASSWORD, START, Server
from tests.core_client.test_move import filled, told
from tests.store_contract import RUN, run_id, started


@pytest.fixture
def uri(server: Server) -> str:
    return server.new_database()


@pytest.fixture
def store(uri: str) -> Iterator[Store]:
    with closing(open_store(uri)) as store:
        yield store


def execute(uri: str, statement: str) -> None:
    engine = create_engine(database_url(uri))
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def write_runs(uri: str, number: int, barrier: object) -> None:
    barrier.wait(START)  # type: ignore[attr-defined]
    with closing(open_store(uri)) as store:
        run = run_id(number)
        store.apply([RunStarted(run, "", "shared", "", "mia", number, "", {})])
        for step in range(20):
            store.apply([Metrics(run, step, step, {"loss": float(step)})])
            shared = Metrics(run_id(99), step, step, {f"m{number}": 1.0})
            store.apply([started(run_id(99)), shared, Tags(run_id(99), {"last": str(number)})])


def test_processes_make_and_write_one_database_at_once(uri: str) -> None:
    count = 4
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(count)
    workers = [
        context.Process(target=write_runs, args=(uri, number, barrier), daemon=True)
        for number in range(count)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(START)
    assert [worker.exitcode for worker in workers] == [0] * count
    with closing(open_store(uri)) as store:
        shared = store.get_experiment_by_name("shared")
        assert shared is not None
        found = store.search_runs([shared.experiment_id])
        assert [run.info.run_id for run in found] == [run_id(n) for n in reversed(range(count))]
        for number in range(count):
            assert len(store.metric_history(run_id(number), "loss")) == 20
            assert len(store.metric_history(run_id(99), f"m{number}")) == 20


def test_a_crash_in_the_middle_loses_nothing_and_doubles_nothing(server: Server, uri: str) -> None:
    client = Client(uri)
    run = client.writer(client.create_run("0").info.run_id)
    halfway, back = threading.Event(), threading.Event()

    def train() -> None:
        for step in range(4000):
            if step == 2000:
                halfway.set()
            run.log_metric("loss", float(step), step=step)
        back.wait()
        run.log_metric("loss", -1.0, step=4000)

    training = threading.Thread(target=train, daemon=True)
    training.start()
    assert halfway.wait(START)
    server.crash()
    server.start()
    back.set()
    training.join(START)
    with closing(open_store(uri)):
        history = client.get_metric_history(run.run_id, "loss")
    assert [point.step for point in history] == list(range(4001))


def test_keys_that_differ_in_case_only_are_different(store: Store) -> None:
    store.apply(
        [
            started(),
            Metrics(RUN, 1, 1, {"loss": 1.0, "Loss": 2.0}),
            Params(RUN, {"depth": "1", "Depth": "2"}),
            Tags(RUN, {"team": "1", "Team": "2"}),
        ]
    )
    data = store.get_run(RUN).data
    assert data.metrics == {"loss": 1.0, "Loss": 2.0}
    assert data.params == {"depth": "1", "Depth": "2"}
    assert (data.tags["team"], data.tags["Team"]) == ("1", "2")
    assert [point.value for point in store.metric_history(RUN, "Loss")] == [2.0]
    assert store.search_runs(["0"], "params.Depth = '1'") == []


def test_long_experiment_tags_and_descriptions_of_data_are_kept(store: Store) -> None:
    store.apply([ExperimentCreated("trees", "", {"note": "é" * 20000}, 5)])
    trees = store.get_experiment_by_name("trees")
    assert trees is not None
    assert trees.tags == {"note": "é" * 20000}


def test_what_a_shorter_column_does_not_take_is_refused_alone(uri: str, store: Store) -> None:
    execute(uri, "DROP TABLE params")
    execute(
        uri,
        "CREATE TABLE params (`key` VARCHAR(250), value VARCHAR(500), run_uuid VARCHAR(32),"
        " PRIMARY KEY (`key`, run_uuid))".replace("`", "" if "postgresql" in uri else "`"),
    )
    batch: list[Event] = [started(), Params(RUN, {"long": "x" * 501}), Params(RUN, {"a": "b"})]
    with pytest.raises(Refused, match="too long") as caught:
        store.apply(batch)
    assert [event for event, _ in caught.value.reasons] == [batch[1]]
    assert store.get_run(RUN).data.params == {"a": "b"}


def test_a_wrong_password_is_named_but_not_shown(uri: str) -> None:
    with pytest.raises(StoreUnavailable, match="check user and password") as caught:
        open_store(uri.replace(IN_URI, "wr0ng"))
    assert "wr0ng" not in str(caught.value)
    assert "mia:***@" in str(caught.value)


def test_a_database_that_is_not_there_is_named(uri: str) -> None:
    with pytest.raises(StoreUnavailable, match="create") as caught:
        open_store(uri.replace("/runs", "/nowhere"))
    assert "nowhere" in str(caught.value)


@pytest.mark.parametrize("chosen", ["2", "many"])
def test_the_size_of_the_pool_is_the_users(
    uri: str, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_SQLALCHEMYSTORE_POOL_SIZE", chosen)
    monkeypatch.setenv("MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW", "0")
    if chosen == "many":
        with pytest.raises(MlflowException, match="POOL_SIZE must be a whole number, not 'many'"):
            open_store(uri)
        return
    with closing(open_store(uri)) as store:
        store.apply([started()])
        threads = [threading.Thread(target=store.get_run, args=(RUN,)) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert store.get_run(RUN).info.run_id == RUN


@pytest.mark.parametrize("driver", ["psycopg2", "psycopg", "pymysql", "mysqldb"])
def test_the_driver_of_a_uri_does_not_matter(uri: str, driver: str) -> None:
    kind, rest = uri.split("://")
    if kind.startswith("postgres") != driver.startswith("psycopg"):
        pytest.skip("the other database's driver")
    with closing(open_store(f"{kind}+{driver}://{rest}")) as store:
        assert store.get_experiment("0").name == "Default"


def test_the_password_stays_out_of_the_spool_and_a_later_sync_has_it_from_the_uri_in_use(
    server: Server, uri: str, own_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=record_and_die, args=(uri,))
    process.start()
    process.join(START)
    kept = b"".join(path.read_bytes() for path in folder_for(uri).iterdir())
    assert b"mia:***@" in kept
    assert PASSWORD.encode() not in kept
    assert IN_URI.encode() not in kept
    (report,) = sync()
    assert "MLFLOW_TRACKING_URI" in report.problem
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    (report,) = sync()
    assert (report.problem, report.killed) == ("", 1)
    (run,) = Client(uri).search_runs(["0"])
    assert run.data.metrics == {"loss": 0.5}


def test_files_are_moved_into_a_database_and_back(uri: str, own_place: Path) -> None:
    before = told(filled("mlruns"))
    assert [report.problem for report in move("mlruns", uri)] == [""] * 4
    assert told(Client(uri)) == before
    assert [report.problem for report in move(uri, "back/mlruns")] == [""] * 4
    assert told(Client("back/mlruns")) == before


def record_and_die(uri: str) -> None:
    own = Spool(uri, lambda: None)
    own.append_events(started(), Metrics(RUN, 1, 1, {"loss": 0.5}))
    os._exit(9)
