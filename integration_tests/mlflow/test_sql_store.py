"""One database, two programs: ours and MLflow's read and write each other's runs."""

from __future__ import annotations

import math
import random
import re
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from mlflow import MlflowClient
from mlflow.entities import Dataset as MlflowDataset
from mlflow.entities import DatasetInput as MlflowDatasetInput
from mlflow.entities import InputTag as MlflowInputTag
from mlflow.exceptions import MlflowException as TheirException
from mlflow.store.db.utils import _get_alembic_config
from mlflow.store.tracking.dbmodels.initial_models import Base as InitialBase
from sqlalchemy import create_engine

from core_client.entities import Dataset, DatasetInput, InputTag, RunStatus, ViewType
from core_client.events import (
    Event,
    ExperimentCreated,
    ExperimentDeleted,
    Inputs,
    Metrics,
    Params,
    RunDeleted,
    RunEnded,
    RunRenamed,
    RunStarted,
    Tags,
)
from core_client.stores import open_store
from core_client.stores.base import Store
from core_client.stores.sql.schema import REVISION

RUN = "a" * 32


@pytest.fixture
def uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    return f"sqlite:///{tmp_path}/mlflow.db"


@pytest.fixture
def store(uri: str) -> Iterator[Store]:
    store = open_store(uri)
    yield store
    store.close()


def revision(uri: str) -> str:
    with closing(sqlite3.connect(uri.removeprefix("sqlite:///"))) as connection:
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def tables(uri: str) -> dict[str, list[str]]:
    """Each table and index with all words of its definition; their order is free."""
    with closing(sqlite3.connect(uri.removeprefix("sqlite:///"))) as connection:
        found = connection.execute("SELECT name, sql FROM sqlite_master").fetchall()
    return {name: sorted(re.findall(r"\w+", (sql or "").lower())) for name, sql in found}


def test_our_tables_are_those_of_mlflow_at_that_revision(
    store: Store, uri: str, tmp_path: Path
) -> None:
    theirs = f"sqlite:///{tmp_path}/theirs.db"
    engine = create_engine(theirs)
    InitialBase.metadata.create_all(engine)
    config = _get_alembic_config(theirs)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, REVISION)
    engine.dispose()
    assert tables(uri) == tables(theirs)


def story(run: str = RUN, experiment: str = "0") -> list[Event]:
    iris = Dataset("iris", "d1", "code", '{"tags": {}}', '{"a": 1}', '{"rows": 3}')
    return [
        RunStarted(run, experiment, "", "kind-owl-7", "mia", 1000, "", {"team": "blue"}),
        Params(run, {"model": "tree", "long": "x" * 6000}),
        *(Metrics(run, 2000 + step, step, {"loss": 1 / (step + 1)}) for step in range(5)),
        Metrics(run, 1, -3, {"odd": "nan", "up": "inf", "down": "-inf"}),
        Inputs(run, [DatasetInput(iris, [InputTag("mlflow.data.context", "train")])]),
        Tags(run, {"mlflow.note.content": "y" * 8000}),
        RunRenamed(run, "renamed"),
        RunEnded(run, RunStatus.FINISHED, 5000),
    ]


def both_see_the_same(store: Store, client: MlflowClient, run_id: str) -> None:
    ours, theirs = store.get_run(run_id), client.get_run(run_id)
    for name in (
        *("run_id", "experiment_id", "run_name", "user_id", "status"),
        *("start_time", "end_time", "lifecycle_stage", "artifact_uri"),
    ):
        assert getattr(ours.info, name) == getattr(theirs.info, name)
    assert ours.data.params == theirs.data.params
    assert ours.data.tags == theirs.data.tags
    assert ours.data.metrics.keys() == theirs.data.metrics.keys()
    for key, value in theirs.data.metrics.items():
        assert ours.data.metrics[key] == pytest.approx(as_ours(value), nan_ok=True)
        history = [(p.timestamp, p.step, str(p.value)) for p in store.metric_history(run_id, key)]
        assert history == [
            (p.timestamp, p.step, str(as_ours(p.value)))
            for p in sorted(
                client.get_metric_history(run_id, key),
                key=lambda p: (p.timestamp, p.step, p.value),
            )
        ]
    assert [
        (item.dataset.name, item.dataset.profile, {tag.key: tag.value for tag in item.tags})
        for item in ours.inputs.dataset_inputs
    ] == [
        (item.dataset.name, item.dataset.profile, {tag.key: tag.value for tag in item.tags})
        for item in theirs.inputs.dataset_inputs
    ]


def as_ours(value: float) -> float:
    """MLflow reads an infinity as the largest float."""
    return math.copysign(math.inf, value) if abs(value) == 1.7976931348623157e308 else value


def test_mlflow_opens_our_database_and_sees_all(store: Store, uri: str) -> None:
    store.apply([*story(), ExperimentCreated("trees", "", {"a": "b"}, 5)])
    assert revision(uri) == REVISION
    client = MlflowClient(uri)
    both_see_the_same(store, client, RUN)
    for experiment in client.search_experiments():
        ours = store.get_experiment(experiment.experiment_id)
        assert (ours.name, ours.tags) == (experiment.name, experiment.tags)
        assert ours.artifact_location == experiment.artifact_location
    assert revision(uri) != REVISION  # it has upgraded the tables by itself
    # The store that was open all the time, and one opened now, go on with the upgraded tables.
    other, third = "b" * 32, "c" * 32
    store.apply([*story(other), ExperimentCreated("more trees", "", {"a": "b"}, 6)])
    again = open_store(uri)
    again.apply([*story(third), RunDeleted(third, 7)])
    both_see_the_same(again, client, other)
    both_see_the_same(store, client, third)
    again.close()
    assert client.get_experiment_by_name("more trees").tags == {"a": "b"}
    client.log_metric(other, "loss", 0.125, step=99)
    client.set_tag(other, "team", "red")
    both_see_the_same(store, client, other)
    assert store.get_run(other).data.metrics["loss"] == 0.125


def test_a_run_goes_on_while_mlflow_upgrades_the_tables(store: Store, uri: str) -> None:
    store.apply(story())
    upgraded = threading.Event()

    def train() -> int:
        step = 0
        while not upgraded.is_set() or step < 300:
            values = {"live": float(step)}
            store.apply([Metrics(RUN, step, step, values), Tags(RUN, {f"tag {step}": "x"})])
            step += 1
        return step

    with ThreadPoolExecutor(1) as thread:
        training = thread.submit(train)
        client = MlflowClient(uri)
        client.search_experiments()
        upgraded.set()
        steps = training.result()
    assert revision(uri) != REVISION
    assert [p.step for p in store.metric_history(RUN, "live")] == list(range(steps))
    assert sum(key.startswith("tag ") for key in store.get_run(RUN).data.tags) == steps
    both_see_the_same(store, client, RUN)


def test_we_open_the_database_of_mlflow_and_see_all(uri: str) -> None:
    client = MlflowClient(uri)
    experiment = client.create_experiment("trees", tags={"a": "b"})
    run_id = client.create_run(experiment, run_name="theirs").info.run_id
    client.log_param(run_id, "model", "tree")
    for step, value in enumerate((1.0, math.nan, math.inf, -math.inf, 0.25)):
        client.log_metric(run_id, "loss", value, timestamp=step, step=5 - step)
    dataset = MlflowDataset("iris", "d1", "code", "{}", '{"a": 1}', '{"rows": 3}')
    tag = MlflowInputTag("mlflow.data.context", "eval")
    client.log_inputs(run_id, [MlflowDatasetInput(dataset, [tag])])
    client.set_terminated(run_id, "FAILED")
    store = open_store(uri)
    both_see_the_same(store, client, run_id)
    assert store.get_run(run_id).data.metrics["loss"] == 1.0
    # What we write beside it is there for MLflow at once.
    store.apply([*story(RUN, experiment), ExperimentCreated("ours", "", {"c": "d"}, 5)])
    both_see_the_same(store, client, RUN)
    ours = client.get_experiment_by_name("ours")
    assert ours.tags == {"c": "d"}
    store.apply([ExperimentDeleted(experiment, 9)])
    assert client.get_run(RUN).info.lifecycle_stage == "deleted"
    client.restore_experiment(experiment)
    both_see_the_same(store, client, run_id)
    store.close()


def test_two_programs_refuse_alike(store: Store, uri: str) -> None:
    store.apply([*story(), RunDeleted(RUN, 1)])
    client = MlflowClient(uri)
    with pytest.raises(TheirException, match="must be in the 'active' state"):
        client.log_metric(RUN, "loss", 1.0)


# Search: the same question, put to both, has the same answer.

KEYS = ("loss", "acc", "a/b c")
WORDS = ("tree", "Tree", "forest", "50%", "a_b", "x y", "")
NUMBERS = ("0", "0.5", "-1", "1e3", ".25", "3")


def fill(store: Store, seed: random.Random) -> None:
    events: list[Event] = [ExperimentCreated(f"e{n}", "", {"n": str(n)}, n) for n in range(4)]
    for number in range(60):
        run = f"{number:032x}"
        name = seed.choice(("owl", "Owl 2", "fox"))
        events.append(
            RunStarted(run, str(seed.randrange(3)), "", name, "mia", seed.randrange(9), "", {})
        )
        for key in seed.sample(KEYS, seed.randrange(4)):
            value = seed.choice([0.0, 0.5, -1.0, 3.0, 1000.0, "nan", "inf", "-inf"])
            events.append(Metrics(run, 1, 1, {key: value}))
        for key in seed.sample(KEYS, seed.randrange(4)):
            events.append(Params(run, {key: seed.choice(WORDS)}))
        for key in seed.sample(KEYS, seed.randrange(4)):
            events.append(Tags(run, {key: seed.choice(WORDS)}))
        for name in seed.sample(("iris", "Boston"), seed.randrange(3)):
            context = InputTag("mlflow.data.context", seed.choice(("train", "eval")))
            events.append(
                Inputs(run, [DatasetInput(Dataset(name, name[:2], "code", "{}"), [context])])
            )
        if seed.random() < 0.7:
            events.append(RunEnded(run, seed.choice(RunStatus.TERMINATED), seed.randrange(20)))
        if seed.random() < 0.2:
            events.append(RunDeleted(run, 30))
    store.apply(events)


def quoted(seed: random.Random, key: str) -> str:
    return seed.choice((f"`{key}`", f'"{key}"')) if " " in key or seed.random() < 0.3 else key


def text(seed: random.Random, value: str) -> str:
    return seed.choice((f"'{value}'", f'"{value}"' if value else "''"))


def condition(seed: random.Random) -> str:
    numeric = ("=", "!=", "<", "<=", ">", ">=")
    textual = ("=", "!=", "LIKE", "ILIKE", "like", "iLike")
    pattern = seed.choice((*WORDS, "%ee", "t%", "_ree", "%", "50\\%", "A\\_b"))
    key = quoted(seed, seed.choice(KEYS))
    match seed.randrange(8):
        case 0:
            kind = seed.choice(("metrics", "metric", "`metrics`"))
            return f"{kind}.{key} {seed.choice(numeric)} {seed.choice(NUMBERS)}"
        case 1 | 2:
            kind = seed.choice(("params", "param", "parameters", "parameter", "tags", "tag"))
            return f"{kind}.{key} {seed.choice(textual)} {text(seed, pattern)}"
        case 3:
            kind = seed.choice(("params", "tags"))
            return f"{kind}.{key} {seed.choice(('IS NULL', 'is not null', 'Is Null'))}"
        case 4:
            name = seed.choice(("start_time", "end_time", "attributes.created", "attr.end_time"))
            return f"{name}{seed.choice(numeric)}{seed.randrange(10)}"
        case 5:
            name = seed.choice(("status", "run_name", "attribute.user_id", "run.`run name`"))
            value = seed.choice(("FINISHED", "owl", "Owl%", "mia", "FAILED"))
            return f"{name} {seed.choice(textual)} {text(seed, value)}"
        case 6:
            ids = ", ".join(f"'{seed.randrange(60):032x}'" for _ in range(seed.randrange(1, 30)))
            return f"run_id {seed.choice(('IN', 'not in'))} ({ids})"
        case _:
            name = seed.choice(("name", "digest", "context"))
            value = seed.choice(("iris", "Boston", "ir", "train", "BO%", "eval"))
            if seed.random() < 0.3:
                return f"dataset.{name} {seed.choice(('IN', 'NOT IN'))} ('{value}', 'x')"
            return f"datasets.{name} {seed.choice(textual)} {text(seed, value)}"


def order(seed: random.Random) -> str:
    key = quoted(seed, seed.choice(KEYS))
    columns = ("start_time", "end_time", "run_name", "status", "attributes.run_id", "created")
    name = seed.choice((f"metrics.{key}", f"params.{key}", f"tags.{key}", *columns))
    return name + seed.choice(("", " ASC", " DESC", " desc"))


def ask(search: Any, *args: Any, **kwargs: Any) -> list[str] | str:
    try:
        return [run.info.run_id for run in search(*args, **kwargs)]
    except Exception as error:  # noqa: BLE001 - that both refuse is an answer too
        return f"refused: {error}"


@pytest.mark.parametrize("number", range(4))
def test_random_searches_have_the_answers_of_mlflow(store: Store, uri: str, number: int) -> None:
    seed = random.Random(number)
    fill(store, seed)
    client = MlflowClient(uri)
    client.search_experiments()
    found = 0
    for _ in range(150):
        question = seed.choice((" AND ", " and ")).join(
            condition(seed) for _ in range(seed.choice((0, 1, 1, 1, 2, 3)))
        )
        orders = [order(seed) for _ in range(seed.randrange(3))]
        view = seed.choice((ViewType.ACTIVE_ONLY, ViewType.ALL, ViewType.DELETED_ONLY))
        where = seed.sample(["0", "1", "2"], seed.randrange(1, 4))
        theirs = ask(client.search_runs, where, question, view, 500, orders)
        ours = ask(store.search_runs, where, question, view, 500, orders)
        if isinstance(theirs, str):
            assert isinstance(ours, str), (question, orders, theirs)
            continue
        assert ours == theirs, (question, orders)
        found += len(theirs)
    assert found > 500


def test_experiment_searches_have_the_answers_of_mlflow(store: Store, uri: str) -> None:
    fill(store, random.Random(7))
    client = MlflowClient(uri)
    for question in (
        *("", "name = 'e1'", "name LIKE 'e%'", "name ILIKE 'E_'", "name != 'e2'"),
        *("creation_time > 1", "last_update_time <= 2 and tags.n != '1'", "tag.n IS NULL"),
        *("tags.`n` is not null AND name LIKE '%1'", "experiment_id IN ('1', '3')"),
        *("experiment_id != '2'", "attribute.name = 'Default'"),
    ):
        for orders in ([], ["name"], ["name DESC"], ["creation_time", "name"], ["experiment_id"]):
            theirs = client.search_experiments(1, 100, question, orders)
            ours = store.search_experiments(1, 100, question, orders)
            assert [e.name for e in ours] == [e.name for e in theirs], (question, orders)
