"""One database server, two programs: ours and MLflow's read and write each other's runs."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient

from core_client import fluent
from core_client.events import (
    ExperimentCreated,
    ExperimentDeleted,
    ExperimentTagged,
    Metrics,
    Params,
    Tags,
)
from core_client.stores import open_store
from core_client.stores.base import Refused
from core_client.stores.sql.dialects import database_url
from core_client.stores.sql.schema import REVISION
from integration_tests.databases.servers import Server
from integration_tests.mlflow.test_sql_store import RUN, both_see_the_same, story
from integration_tests.servers.mlflow_server import MlflowServer
from tests.command_line import COMMAND
from tests.project import ROOT
from tests.store_contract import started


@pytest.fixture
def uri(server: Server) -> str:
    return server.new_database()


def theirs(uri: str) -> str:
    """The same database with a driver that is installed."""
    return database_url(uri).render_as_string(hide_password=False)


def test_our_database_is_upgraded_by_mlflow_and_goes_on(uri: str) -> None:
    with closing(open_store(uri)) as store:
        store.apply([*story(), ExperimentCreated("trees", "", {"a": "b"}, 5)])
        # In a process of its own, for MLflow leaves its connections open.
        done = subprocess.run(
            [*COMMAND, "db", "upgrade", "--tracking-uri", uri, "--json"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        upgraded = json.loads(done.stdout)
        assert upgraded["before"] == REVISION != upgraded["after"]
        client = MlflowClient(theirs(uri))
        both_see_the_same(store, client, RUN)
        other = "b" * 32
        store.apply(story(other))
        both_see_the_same(store, client, other)
        client.log_metric(other, "loss", 0.125, step=99)
        client.set_tag(other, "team", "red")
        both_see_the_same(store, client, other)
        trees = client.get_experiment_by_name("trees")
        assert trees is not None
        assert trees.tags == {"a": "b"}
        store.apply([ExperimentDeleted(trees.experiment_id, 9)])
        assert client.get_experiment(trees.experiment_id).lifecycle_stage == "deleted"


def test_a_database_of_mlflow_is_used_as_it_is(uri: str) -> None:
    client = MlflowClient(theirs(uri))
    experiment = client.create_experiment("trees", tags={"a": "b"})
    run_id = client.create_run(experiment, run_name="theirs").info.run_id
    client.log_param(run_id, "model", "tree")
    for step, value in enumerate((1.0, math.nan, math.inf, -math.inf, 0.25)):
        client.log_metric(run_id, "loss", value, timestamp=step, step=5 - step)
    with closing(open_store(uri)) as store:
        both_see_the_same(store, client, run_id)
        store.apply([*story(RUN, experiment), ExperimentCreated("ours", "", {"c": "d"}, 5)])
        both_see_the_same(store, client, RUN)
        ours = client.get_experiment_by_name("ours")
        assert ours is not None
        assert ours.tags == {"c": "d"}


def test_keys_that_mlflows_tables_take_for_one_another_are_told_and_harm_no_other(
    mariadb: Server,
) -> None:
    uri = mariadb.new_database()
    MlflowClient(theirs(uri)).search_experiments()  # makes the tables, which do not know of case
    with closing(open_store(uri)) as store:
        first = [
            started(),
            Params(RUN, {"depth": "1", "Depth": "2", "other": "x"}),
            Tags(RUN, {"team": "1", "Team": "2", "other": "x"}),
            Metrics(RUN, 1, 1, {"loss": 1.0, "Loss": 2.0, "other": 3.0}),
        ]
        with pytest.raises(Refused, match="another key that differs in case") as caught:
            store.apply(first)
        lost = [Metrics(RUN, 1, 1, {"Loss": 2.0}), Params(RUN, {"Depth": "2"})]
        assert [one for one, _ in caught.value.reasons] == [*lost, Tags(RUN, {"Team": "2"})]
        data = store.get_run(RUN).data
        assert data.params == {"depth": "1", "other": "x"}
        assert data.metrics == {"loss": 1.0, "other": 3.0}
        assert (data.tags["team"], data.tags["other"]) == ("1", "x")

        second = [
            Tags(RUN, {"TEAM": "3", "last": "x"}),
            Metrics(RUN, 2, 2, {"LOSS": math.nan, "last": 3.0}),
        ]
        with pytest.raises(Refused) as caught:
            store.apply(second)
        assert [one for one, _ in caught.value.reasons] == [
            Metrics(RUN, 2, 2, {"LOSS": "nan"}),
            Tags(RUN, {"TEAM": "3"}),
        ]
        data = store.get_run(RUN).data
        assert data.metrics == {"loss": 1.0, "other": 3.0, "last": 3.0}
        assert (data.tags["team"], data.tags["last"]) == ("1", "x")

        store.apply([ExperimentCreated("trees", "", {"team": "1"}, 5)])
        trees = store.get_experiment_by_name("trees")
        assert trees is not None
        with pytest.raises(Refused, match="another key that differs in case"):
            store.apply([ExperimentTagged(trees.experiment_id, {"Team": "2"})])
        assert store.get_experiment(trees.experiment_id).tags == {"team": "1"}


def test_the_same_through_a_server(
    mariadb: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = MlflowServer(sys.executable, tmp_path, theirs(mariadb.new_database()))
    server.start()
    try:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
        with fluent.start_run() as run:
            fluent.log_param("depth", 1)
            fluent.log_metric("loss", 1.0)
            fluent.set_tag("team", 1)
            fluent.flush_async_logging()
            fluent.log_params({"Depth": 2, "more": 2})
            fluent.log_metrics({"Loss": 2.0, "other": 2.0}, step=1)
            fluent.flush_async_logging()
            fluent.set_tag("Team", 2)
            fluent.log_metric("last", 3.0)
            assert run.data.metrics == {"loss": 1.0, "other": 2.0, "last": 3.0}
            assert run.data.params == {"depth": "1", "more": "2"}
            assert run.data.tags["team"] == "1"
        for key in ("Depth", "Loss", "Team"):
            assert f"'{key}' of run " in caplog.text
        assert caplog.text.count("another key that differs in case") == 3
    finally:
        server.kill()
