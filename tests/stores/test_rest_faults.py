"""What servers and proxies answer on a bad day: nothing is lost, doubled or shown to others."""

from __future__ import annotations

import contextlib
import logging
import socket
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core_client import fluent
from core_client import http as http_client
from core_client.client import Client
from core_client.entities import Metric
from core_client.exceptions import MlflowException, StoreUnavailable
from core_client.settings import home
from tests.fake_server import FakeServer, Handler, serving

POINTS = 2500


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    monkeypatch.setattr(http_client, "PAUSE", 0.005)
    with serving() as one:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", one.url)
        yield one


def trouble(status: int) -> Callable[[Handler, bytes], None]:
    return lambda handler, _: handler.say(status, b"<html>upstream is down</html>", Retry_After="0")


def busy(handler: Handler, _: bytes) -> None:
    handler.say(429, b'{"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "slower"}')


def garbage(handler: Handler, _: bytes) -> None:
    handler.say(200, b"<html>please log in to this hotel's network</html>")


def not_text(handler: Handler, _: bytes) -> None:
    handler.say(200, b'{"run": "\xff\xfe')


def half_a_body(handler: Handler, data: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(data) + 10))
    handler.end_headers()
    handler.wfile.write(data)
    handler.close_connection = True


def reset(handler: Handler, _: bytes) -> None:
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True


FAULTS = [trouble(500), trouble(503), busy, garbage, not_text, half_a_body, reset]
NAMES = ["500", "503", "429", "garbage", "not_text", "half_a_body", "reset"]


def record() -> None:
    with fluent.start_run():
        fluent.log_params({f"p{n}": n for n in range(250)})
        for step in range(POINTS):
            fluent.log_metric("m", step, step=step)


def send(patience: float = 20) -> None:
    """Until the server has taken everything."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return fluent.flush_async_logging()
        except MlflowException:
            assert time.monotonic() < deadline


def assert_complete(server: FakeServer) -> None:
    [run] = server.active()
    assert run["points"] == {("m", step) for step in range(POINTS)}
    assert run["params"] == {f"p{n}": str(n) for n in range(250)}
    assert run["status"] == "FINISHED"


@pytest.mark.parametrize("times", [1, 4, 12])
@pytest.mark.parametrize("fault", FAULTS, ids=NAMES)
def test_everything_arrives_once(
    server: FakeServer, fault: Callable[[Handler, bytes], None], times: int
) -> None:
    """The fault meets the creation of the run, which the server carries out all the same."""
    server.faults = [fault] * times
    record()
    send()
    assert server.faults == []
    assert len(server.runs) == 1, "the run was looked for before it was asked for once more"
    assert_complete(server)
    assert not list(home().rglob("*.refused"))


@pytest.mark.parametrize("fault", FAULTS, ids=NAMES)
def test_a_fault_amid_the_batches_doubles_nothing(
    server: FakeServer, fault: Callable[[Handler, bytes], None]
) -> None:
    with fluent.start_run() as run:
        assert run.run_id == "server0"
        server.faults = [fault, fault]
        fluent.log_params({f"p{n}": n for n in range(250)})
        for step in range(POINTS):
            fluent.log_metric("m", step, step=step)
        send()
    send()
    assert_complete(server)


def test_a_creation_that_was_carried_out_late_leaves_one_run(server: FakeServer) -> None:
    """Nobody finds the run when it is looked for, but it is there in the end."""

    def hidden(handler: Handler, _: bytes) -> None:
        handler.say(200, b'{"runs": []}')

    server.faults = [reset, hidden]
    record()
    send()
    assert len(server.runs) == 2
    assert_complete(server)


@pytest.mark.parametrize("requests", range(8))
@pytest.mark.parametrize("fault", [trouble(500), garbage, reset], ids=["500", "garbage", "reset"])
def test_a_model_arrives_once(
    server: FakeServer,
    tmp_path: Path,
    fault: Callable[[Handler, bytes], None],
    requests: int,
) -> None:
    """The fault meets one of the requests of which a model consists."""
    server.models_at = str(tmp_path / "models")
    with fluent.start_run() as run:
        fluent.log_param("alpha", 1)
        fluent.log_metric("loss", 0.5, step=3)
        send()
        server.faults = [*[None] * requests, fault, fault]
        with run.new_model("model", step=3).folder() as folder:
            (folder / "MLmodel").write_text("flavors: {}\n")
        send()
    send()
    for _ in range(3):  # whatever is left of the faults meets the files
        with contextlib.suppress(MlflowException):
            Client().list_artifacts(run.run_id)
    [model] = server.models
    assert server.runs["server0"]["outputs"] == [{"model_id": "m-server0", "step": 3}]
    assert model["data"]["params"] == [{"key": "alpha", "value": "1"}]
    assert {(one["key"], one["step"]) for one in model["data"]["metrics"]} == {("loss", 3)}
    assert model["info"]["status"] == "LOGGED_MODEL_READY"
    text = (tmp_path / "models" / "artifacts" / "MLmodel").read_text()
    assert text == "flavors: {}\nmodel_id: m-server0\n"
    assert not list(home().rglob("*.refused"))


def test_a_server_without_models_gets_folders_of_runs(server: FakeServer, tmp_path: Path) -> None:
    server.artifacts_at = str(tmp_path / "run")
    with fluent.start_run() as run:
        with run.new_model("model").folder() as folder:
            (folder / "MLmodel").write_text("flavors: {}\n")
        fluent.log_metric("m", 0.5, model_id="m-any")
    send()
    assert Client().artifacts(run.run_id).read("model/MLmodel") == b"flavors: {}\n"
    assert server.models == []
    assert server.runs["server0"]["points"] == {("m", 0)}
    assert not list(home().rglob("*.refused"))


def test_one_outage_is_one_warning(server: FakeServer, caplog: pytest.LogCaptureFixture) -> None:
    server.faults = [trouble(500), garbage, reset, trouble(503), busy] * 2
    record()
    send()
    assert len([one for one in caplog.records if one.levelno >= logging.WARNING]) == 1


def test_a_slow_server_slows_nobody(server: FakeServer) -> None:
    def slow(handler: Handler, data: bytes) -> None:
        time.sleep(0.3)  # the server is the slow one
        handler.say(200, data)

    fluent.start_run()
    server.faults = [slow] * 4
    began = time.perf_counter()
    for step in range(POINTS):
        fluent.log_metric("m", step, step=step)
    assert time.perf_counter() - began < 0.2
    fluent.log_params({f"p{n}": n for n in range(250)})
    fluent.end_run()
    send()
    assert_complete(server)


@pytest.mark.parametrize("begins", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"])
def test_a_server_that_trickles_is_given_up(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch, begins: bytes
) -> None:
    """In the body of its answer, or already in the head: a header line without an end."""

    def trickle(handler: Handler, _: bytes) -> None:
        handler.wfile.write(begins or b"HTTP/1.1 200 OK\r\nX-Long: ")
        for _ in range(1000):
            handler.wfile.write(b" ")
            time.sleep(0.02)  # the server hands out byte by byte

    monkeypatch.setattr("core_client.stores.rest.api.READ_TIME", 0.3)
    server.faults = [trickle]
    began = time.perf_counter()
    with pytest.raises(StoreUnavailable, match="in time"):
        Client().get_run("r")
    assert time.perf_counter() - began < 2


def test_what_is_not_mlflow_is_said_so(server: FakeServer) -> None:
    server.faults = [garbage]
    with pytest.raises(StoreUnavailable, match="does not answer as an MLflow server does"):
        Client().get_run("r")
    server.faults = [lambda handler, _: handler.say(404, b"<html>not found</html>")]
    with pytest.raises(StoreUnavailable, match=r"404 Not Found.*Check the address"):
        Client().get_run("r")


def test_an_error_has_mlflows_code_and_message(server: FakeServer) -> None:
    body = b'{"error_code": "PERMISSION_DENIED", "message": "not for you", "new": 1}'
    server.faults = [lambda handler, _: handler.say(403, body)]
    with pytest.raises(MlflowException, match="not for you") as caught:
        Client().get_run("r")
    assert caught.value.error_code == "PERMISSION_DENIED"


def test_credentials_do_not_follow_a_redirect(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "secret-token")
    with serving() as other:
        for status in (301, 302, 307, 308):
            server.faults = [
                lambda handler, _, status=status: handler.say(
                    status, b"", Location=f"http://user:x@127.0.0.1:{other.server_port}/"
                )
            ]
            with pytest.raises(StoreUnavailable, match=f"127.0.0.1:{other.server_port}") as caught:
                Client().get_run("r")
            assert "user" not in str(caught.value)
        assert other.seen == []
    assert server.seen[0][1]["Authorization"] == "Bearer secret-token"


def test_bodies_are_zipped_for_servers_that_say_so(server: FakeServer) -> None:
    server.headers = {"Accept-Encoding": "gzip"}
    record()
    send()
    assert server.zipped >= 3
    assert_complete(server)


@pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="needs Linux")
def test_no_answer_waits_for_a_delayed_acknowledgement(server: FakeServer) -> None:
    """The server sends head and body apart, as most do: without care, that takes 40 ms."""
    client, run = Client(), fluent.start_run()
    client.get_run(run.run_id)
    began = time.perf_counter()
    for _ in range(25):
        client.get_run(run.run_id)
    assert time.perf_counter() - began < 25 * 0.02
    assert len({headers["Client"] for _, headers in server.seen[-20:]}) == 1


def test_batches_are_as_large_as_the_limits_allow(server: FakeServer) -> None:
    with fluent.start_run():
        fluent.flush_async_logging()
        before = len(server.seen)
        Client().log_batch(
            fluent.active_run().run_id, [Metric("m", step, 1, step) for step in range(POINTS)]
        )
        fluent.flush_async_logging()
        batches = [path for path, _ in server.seen[before:] if path.endswith("log-batch")]
        assert len(batches) == 3


def test_wrong_credentials_keep_everything(
    server: FakeServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "secret-token")

    def who_are_you(handler: Handler, _: bytes) -> None:
        handler.server.runs.clear()  # nothing is done for a stranger
        handler.say(401, b"who are you?")

    server.faults = [who_are_you] * 2
    record()
    assert "MLFLOW_TRACKING_TOKEN" in caplog.text
    assert "secret-token" not in caplog.text
    send()
    assert_complete(server)


def test_no_password_is_shown_or_kept(
    server: FakeServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = server.url.replace("//", "//mia:hunter%402@")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    server.faults = [trouble(500)] * 20
    with fluent.start_run():
        with pytest.raises(MlflowException) as caught:
            fluent.flush_async_logging()
        kept = b"".join(path.read_bytes() for path in home().rglob("*") if path.is_file())
    assert "hunter" not in caplog.text + str(caught.value)
    assert "mia:***@" in str(caught.value)
    assert b"hunter" not in kept
    server.faults = []
    send()
