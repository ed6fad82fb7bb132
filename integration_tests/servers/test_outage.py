"""A server that is away, dies, hangs and comes back: no training waits, nothing is lost or doubled."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import autolog
from core_client import destination, fluent
from core_client.client import Client
from core_client.entities import ViewType
from core_client.settings import home
from integration_tests.servers.conftest import python
from integration_tests.servers.mlflow_server import MlflowServer
from tests.project import ROOT

PATIENCE = 0.2  # seconds that a missing server may cost a training call
POINTS = 3000


@pytest.fixture(scope="module")
def one_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    server = MlflowServer(python("3.17.2"), tmp_path_factory.mktemp("server"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def server(one_server: MlflowServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[MlflowServer]:
    if not one_server.running:
        one_server.start()
    one_server.wipe()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", one_server.url)
    # The address is that of the test before, the spool is not.
    monkeypatch.setattr(destination, "_destinations", {})
    monkeypatch.setattr(fluent.active, "_clients", {})
    yield one_server
    one_server.go_on()


def slowest(calls: int) -> float:
    """Log so many points; the seconds of the slowest call."""
    worst = 0.0
    for step in range(calls):
        began = time.perf_counter()
        fluent.log_metric("m", step * 0.5, step=step)
        worst = max(worst, time.perf_counter() - began)
    return worst


def assert_all_there_once(server: MlflowServer, points: int = POINTS) -> None:
    """On the server there is one run, finished, with every point once."""
    client = Client(server.url)
    [run] = client.search_runs(["0"], run_view_type=ViewType.ACTIVE_ONLY)
    assert run.info.status == "FINISHED"
    history = client.get_metric_history(run.info.run_id, "m")
    assert [(point.step, point.value) for point in history] == [(s, s / 2) for s in range(points)]


def script(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_run_has_the_servers_own_id(server: MlflowServer) -> None:
    with fluent.start_run(run_name="mine") as run:
        fluent.log_param("p", 1)
        with fluent.start_run(nested=True) as inner:
            pass
    [stored] = Client().search_runs(["0"], "params.p = '1'")
    assert run.run_id == run.info.run_id == stored.info.run_id
    assert run.info.artifact_uri == stored.info.artifact_uri
    assert fluent.get_parent_run(inner.run_id).info.run_id == run.run_id


def test_an_experiment_that_is_not_there_is_one_clear_error(server: MlflowServer) -> None:
    with pytest.raises(Exception, match="did not take the run"):
        fluent.start_run(experiment_id="77")


def test_a_server_that_is_away_is_waited_for(
    server: MlflowServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.kill()
    fluent.set_experiment("later")
    assert slowest(POINTS) < PATIENCE
    fluent.log_param("p", "kept")
    run = fluent.active_run()
    with fluent.start_run(nested=True):
        fluent.log_metric("inner", 1)
    fluent.end_run()
    assert run.info.run_id == run.run_id
    assert caplog.text.count("Recording goes on") == 1
    assert "cannot be connected to" in caplog.text
    server.start()
    found = fluent.search_runs(experiment_names=["later"], output_format="list")
    [outer] = [one for one in found if one.data.params == {"p": "kept"}]
    [inner] = [one for one in found if one.data.metrics == {"inner": 1}]
    assert inner.data.tags["mlflow.parentRunId"] == outer.info.run_id != run.run_id
    # Both ids are recorded: that which it had meanwhile still stands for the run.
    assert server.tags(outer.info.run_id)["autolog.local_run_id"] == run.run_id
    assert fluent.get_run(run.run_id).info == outer.info
    with fluent.start_run(run.run_id):
        fluent.log_metric("m", 0, step=POINTS)
    assert len(Client().get_metric_history(run.run_id, "m")) == POINTS + 1
    assert fluent.get_run(outer.info.run_id).info.status == "FINISHED"


def test_a_model_waits_for_the_server_as_well(server: MlflowServer) -> None:
    server.kill()
    model = LogisticRegression(C=0.5).fit([[0.0], [1.0]], [0, 1])
    with fluent.start_run() as run:
        fluent.log_param("depth", 3)
        # A name that MLflow refuses; it gets another one.
        kept = autolog.sklearn.log_model(model, name="trees/best.1", model_type="tree", step=4)
        fluent.log_metric("score", 0.5, step=4, model_id=kept.model_id)
    server.start()
    fluent.flush_async_logging()
    found = fluent.get_logged_model(kept.model_id)  # the id that it had meanwhile
    assert (found.name, found.path, found.model_type) == ("trees-best-1", "trees/best.1", "tree")
    assert (found.params, found.metrics[0].value) == ({"depth": "3"}, 0.5)
    stored = fluent.get_run(run.run_id)
    assert stored.info.run_id == found.source_run_id != run.run_id
    assert [(one.model_id, one.step) for one in stored.outputs.model_outputs] == [
        (found.model_id, 4)
    ]
    for uri in (kept.model_uri, f"models:/{kept.model_id}", found.model_uri):
        assert autolog.sklearn.load_model(uri).C == 0.5
    assert fluent.get_logged_model(found.model_id).status == "READY"
    code = f"""
import mlflow
mlflow.set_tracking_uri("{server.url}")
[found] = mlflow.search_logged_models(["0"], filter_string="metrics.score = 0.5",
                                      output_format="list")
uris = found.model_uri, "runs:/{stored.info.run_id}/trees-best-1"
print([mlflow.sklearn.load_model(uri).C for uri in uris])
"""
    done = subprocess.run(
        [server.python, "-W", "ignore", "-c", code], capture_output=True, text=True
    )
    assert done.stdout == "[0.5, 0.5]\n", done.stderr


def test_a_fit_takes_no_longer_when_the_server_is_away(server: MlflowServer) -> None:
    rows = np.random.default_rng(1).normal(size=(3000, 20))
    model, wanted = LogisticRegression(), rows[:, 0] > 0

    def seconds() -> float:
        began = time.perf_counter()
        model.fit(rows, wanted)
        return time.perf_counter() - began

    autolog.sklearn.autolog(log_models=False, log_datasets=False)
    seconds()
    with_server = min(seconds() for _ in range(3))
    fluent.flush_async_logging()
    server.pause()
    hanging = min(seconds() for _ in range(2))
    server.kill()
    away = min(seconds() for _ in range(3))
    server.start()
    assert hanging < with_server + PATIENCE
    assert away < with_server + PATIENCE
    fluent.flush_async_logging()
    assert len(Client().search_runs(["0"])) == 9


@pytest.mark.parametrize("moment", ["before", "amid"])
def test_a_server_that_hangs_gets_everything_once(
    server: MlflowServer, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if moment == "before":
        server.pause()
        began = time.perf_counter()
        fluent.start_run()
        assert time.perf_counter() - began < destination.START_WAIT + PATIENCE
    else:
        fluent.start_run()
        fluent.flush_async_logging()
        server.pause()
    assert slowest(POINTS) < PATIENCE
    fluent.end_run()
    server.go_on()
    fluent.flush_async_logging()
    assert_all_there_once(server)


def test_a_server_killed_amid_writing_gets_everything_once(server: MlflowServer) -> None:
    with fluent.start_run():
        assert slowest(POINTS // 2) < PATIENCE
        server.kill()
        worst = 0.0
        for step in range(POINTS // 2, POINTS):
            began = time.perf_counter()
            fluent.log_metric("m", step * 0.5, step=step)
            worst = max(worst, time.perf_counter() - began)
        assert worst < PATIENCE
    server.start()
    fluent.flush_async_logging()
    assert_all_there_once(server)


# A limit for files stands in for the full disk: the same short write.
FULL = """
import json, resource, time
import numpy as np
from sklearn.linear_model import LogisticRegression
import autolog
from autolog.exceptions import MlflowException
rows = np.random.default_rng(1).normal(size=(300, 4))
wanted = rows[:, 0] > 0
def fitted():
    return LogisticRegression().fit(rows, wanted).coef_.tolist()
expected = fitted()
autolog.sklearn.autolog(log_models=False)
kept, refused, slowest = [], "", 0.0
with autolog.start_run() as run:
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))
    for step in range(2000):
        began = time.perf_counter()
        try:
            autolog.log_metric("m", step * 0.5, step=step)
            kept.append(step)
        except MlflowException as error:
            refused = str(error)
        slowest = max(slowest, time.perf_counter() - began)
    same = fitted() == expected
    print(json.dumps([kept, refused, slowest, same]), flush=True)
    input()
"""


def test_a_full_disk_harms_no_training_and_nothing_that_was_kept(server: MlflowServer) -> None:
    server.pause()  # what it has taken is deleted, which makes room
    with subprocess.Popen(
        [sys.executable, "-c", FULL],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        kept, refused, slowest, same = json.loads(process.stdout.readline())
        server.go_on()
        _, said = process.communicate("\n", timeout=60)
    assert process.returncode == 0, said
    assert same, "the fit gave what it gives without us"
    assert slowest < PATIENCE
    assert 0 < len(kept) < 2000
    for text in (refused, said):
        assert "Make room there" in text
        assert str(home()) in text
    [run] = Client(server.url).search_runs(["0"])
    assert run.info.status == "FINISHED"
    history = Client(server.url).get_metric_history(run.info.run_id, "m")
    assert [(point.step, point.value) for point in history] == [(step, step / 2) for step in kept]


def test_a_script_says_what_it_keeps_and_the_next_one_sends_it(server: MlflowServer) -> None:
    server.kill()
    code = f"""
from core_client import fluent
with fluent.start_run():
    for step in range({POINTS}):
        fluent.log_metric("m", step * 0.5, step=step)
"""
    began = time.perf_counter()
    done = script(code)
    assert time.perf_counter() - began < destination.EXIT_WAIT + 10
    assert done.returncode == 0
    last = done.stderr.strip().splitlines()[-1]
    assert "not everything has reached" in last
    assert "autolog sync" in last
    assert str(home()) in last
    server.start()
    assert_all_there_once(server)
    assert list((home() / "spool").rglob("*.events")) == []


def test_offline_keeps_everything_until_it_is_sent(
    server: MlflowServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AUTOLOG_MODE", "offline")
    done = script(
        "from core_client import fluent\n"
        "fluent.set_experiment('trip')\n"
        "with fluent.start_run():\n"
        "    fluent.log_metric('m', 1)\n"
    )
    assert "AUTOLOG_MODE=offline" in done.stderr
    monkeypatch.delenv("AUTOLOG_MODE")
    assert Client(server.url).get_experiment_by_name("trip") is not None
    [run] = fluent.search_runs(experiment_names=["trip"], output_format="list")
    assert run.data.metrics == {"m": 1}


def test_disabled_leaves_nothing(server: MlflowServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOLOG_MODE", "disabled")
    done = script(
        "from core_client import fluent\n"
        "from core_client.settings import scratch\n"
        "with fluent.start_run():\n"
        "    fluent.log_metric('m', 1)\n"
        "    fluent.log_text('x', 'a.txt')\n"
        "print(scratch())\n"
    )
    assert done.stderr == ""
    assert not Path(done.stdout.strip()).exists()
    monkeypatch.delenv("AUTOLOG_MODE")
    assert Client(server.url).search_runs(["0"]) == []
    assert list(Path().iterdir()) == []
    assert not list(home().rglob("*.events"))
