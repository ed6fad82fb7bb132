"""S3, on moto's server."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import trustme

from core_client import destination, fluent
from core_client.artifacts import open_artifacts
from core_client.exceptions import MlflowException, StoreUnavailable
from core_client.settings import home
from integration_tests.artifacts.conftest import Process
from tests.artifact_contract import RemoteArtifactContract, script, staged


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The address of a server with these answers."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def bucket(address: str, name: str) -> str:
    client(address).create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    return name


class TestS3(RemoteArtifactContract):
    @pytest.fixture
    def place(self, s3: str, fresh_name: Callable[[], str]) -> str:
        return f"s3://{bucket(s3, fresh_name())}/some/folder"


@pytest.fixture
def place(s3: str, fresh_name: Callable[[], str]) -> str:
    return f"s3://{bucket(s3, fresh_name())}/folder"


def client(address: str) -> Any:
    return botocore.session.get_session().create_client("s3", endpoint_url=address)


def parts_of(place: str) -> tuple[str, str]:
    name, _, folder = place.removeprefix("s3://").partition("/")
    return name, folder


@pytest.mark.parametrize("key", ["../../escaped.txt", "%2e%2e/escaped.txt", "a\\..\\b", ".."])
def test_a_hostile_listing_leads_nowhere(place: str, s3: str, key: str, tmp_path: Path) -> None:
    """A bucket may hold any key, put there by anybody."""
    name, folder = parts_of(place)
    client(s3).put_object(Bucket=name, Key=f"{folder}/{key}", Body=b"evil")
    client(s3).put_object(Bucket=name, Key=f"{folder}/good.txt", Body=b"good")
    artifacts = open_artifacts(place)
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for attempt in (artifacts.list, artifacts.local, artifacts.delete):
        with pytest.raises(MlflowException, match=r"nothing of it is read|is refused"):
            attempt()
    with pytest.raises(MlflowException, match=r"nothing of it is read|is refused"):
        artifacts.download(dst_path=tmp_path / "in" / "deep")
    assert list((tmp_path / "in").rglob("*")) == [tmp_path / "in" / "deep"]
    assert "good.txt" in [one["Key"].rpartition("/")[2] for one in contents(s3, name)]


def contents(address: str, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client(address).list_objects_v2(Bucket=name).get("Contents", [])
    return found


def test_nothing_beside_the_files_is_in_the_bucket(place: str, s3: str) -> None:
    experiment = fluent.create_experiment("e", artifact_location=place)
    with fluent.start_run(experiment_id=experiment) as run:
        fluent.log_text("a", "deep/a.txt")
        assert run.artifacts.has("deep/a.txt")
    name, folder = parts_of(place)
    keys = [one["Key"] for one in contents(s3, name)]
    assert keys == [f"{folder}/{run.run_id}/artifacts/deep/a.txt"]


def test_extra_arguments_go_with_every_upload(
    place: str, s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    extra = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "1234", "Metadata": {"team": "x"}}
    monkeypatch.setenv("MLFLOW_S3_UPLOAD_EXTRA_ARGS", json.dumps(extra))
    open_artifacts(place).write(b"x", "small.txt")
    open_artifacts(place).write(b"x" * 120_000_000, "in parts.bin")
    name, folder = parts_of(place)
    for file in ("small.txt", "in parts.bin"):
        head = client(s3).head_object(Bucket=name, Key=f"{folder}/{file}")
        assert head["ServerSideEncryption"] == "aws:kms"
        assert head["SSEKMSKeyId"].endswith("1234")
        assert head["Metadata"] == {"team": "x"}


def test_a_query_in_the_uri_means_nothing(place: str) -> None:
    open_artifacts(f"{place}?versionId=1#x").write(b"x", "a.txt")
    assert open_artifacts(place).read("a.txt") == b"x"


@pytest.mark.parametrize("folder", ["../other", "a/%2e%2e/%2e%2e/b", "a\\..\\b"])
def test_no_root_leads_elsewhere(s3: str, folder: str) -> None:
    with pytest.raises(MlflowException, match="is refused"):
        open_artifacts(f"s3://bucket/{folder}")


def refusal(uri: str) -> str:
    with pytest.raises(MlflowException) as caught:
        open_artifacts(uri).list()
    return str(caught.value)


def test_a_bucket_that_is_not_there(s3: str) -> None:
    assert "there is no 'nowhere'; create it first" in refusal("s3://nowhere/x")
    with pytest.raises(MlflowException, match="there is no 'nowhere'; create it first"):
        open_artifacts("s3://nowhere/x").write(b"x", "a.txt")


def test_no_credentials(place: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    said = refusal(place)
    assert "does not accept these credentials" in said
    assert "AWS_ACCESS_KEY_ID" in said


class Answer(BaseHTTPRequestHandler):
    """S3 as it answers when something is wrong."""

    protocol_version = "HTTP/1.1"
    status, code, message = 400, "", ""

    def do_GET(self) -> None:
        body = f"<Error><Code>{self.code}</Code><Message>{self.message}</Message></Error>".encode()
        self.send_response(self.status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_PUT = do_HEAD = do_POST = do_GET

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (403, "InvalidAccessKeyId", "does not accept these credentials"),
        (403, "SignatureDoesNotMatch", "does not accept these credentials"),
        (403, "ExpiredToken", "does not accept these credentials"),
        (400, "AuthorizationHeaderMalformed", "lies in another region than 'eu-central-1'"),
    ],
)
def test_what_s3_refuses(
    s3: str, status: int, code: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = type("Handler", (Answer,), {"status": status, "code": code, "message": "no"})
    with serving(handler) as address:
        monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", address)
        assert said in refusal("s3://bucket/x")


def test_a_private_authority(s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(
        str(tmp_path / "own.pem")
    )
    own = ["-c", str(tmp_path / "own.pem"), "-k", str(tmp_path / "own.pem")]
    server = Process(
        [sys.executable, "-m", "moto.server", "-p", "0", "-s", *own], r"https://127\.0\.0\.1:(\d+)"
    )
    try:
        address = f"https://localhost:{server.match[1]}"
        monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", address)
        with pytest.raises(
            StoreUnavailable, match=r"check of its certificate .* Set AWS_CA_BUNDLE"
        ):
            open_artifacts("s3://kept/folder").list()
        monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "ca.pem"))
        bucket(address, "kept")
        open_artifacts("s3://kept/folder").write(b"checked", "a.txt")
        monkeypatch.delenv("AWS_CA_BUNDLE")
        monkeypatch.setenv("MLFLOW_S3_IGNORE_TLS", "true")
        assert open_artifacts("s3://kept/folder").read("a.txt") == b"checked"
    finally:
        server.stop()


def test_both_ways_to_check_a_certificate(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_S3_IGNORE_TLS", "true")
    monkeypatch.setenv("AWS_CA_BUNDLE", "/some/ca.pem")
    assert "MLFLOW_S3_IGNORE_TLS and AWS_CA_BUNDLE are both set" in refusal(place)


def test_extra_arguments_that_are_none(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_S3_UPLOAD_EXTRA_ARGS", "ServerSideEncryption=AES256")
    assert "MLFLOW_S3_UPLOAD_EXTRA_ARGS" in refusal(place)
    assert "JSON object" in refusal(place)


def test_a_store_that_is_away_gets_its_files_later(
    place: str, s3: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    experiment = fluent.create_experiment("e", artifact_location=place)
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", "http://127.0.0.1:1")
    with fluent.start_run(experiment_id=experiment) as run:
        fluent.log_text("kept", "a.txt")
        fluent.log_metric("m", 1)
        assert run.data.metrics == {"m": 1}
        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            run.artifacts.list()
    assert len(staged()) == 1
    (warning,) = [one for one in caplog.messages if "no file reaches" in one]
    assert "autolog sync" in warning
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", s3)
    assert run.artifacts.read("a.txt") == b"kept"
    assert staged() == []


KILLED = """
import os, signal, sys, threading
from core_client import fluent
from core_client.artifacts.upload import Uploads
Uploads.apply = lambda self, batch: threading.Event().wait()  # nothing is sent before the end comes
with fluent.start_run(experiment_id=sys.argv[1]) as run:
    for number in range(5):
        fluent.log_text(f"text {number}", f"texts/{number}.txt")
    print(run.run_id, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
# A run that logs no file, and lasts until nothing is left of others.
STARTS = """
import pathlib, sys
from core_client import fluent
from core_client.settings import home
with fluent.start_run(experiment_id=sys.argv[1]) as run:
    fluent.log_metric("m", 1)
    while list((home() / "spool").glob("*/files/*.events")):
        pass
"""


def test_the_next_start_sends_what_a_killed_process_left(place: str) -> None:
    experiment = fluent.create_experiment("e", artifact_location=place)
    destination.close_all()
    run_id = script(KILLED, experiment).stdout.strip()
    left = len(staged())
    assert left > 0
    assert script(STARTS, experiment).stderr == ""
    assert staged() == []
    assert len(open_artifacts(f"{place}/{run_id}/artifacts").list("texts")) == 5


def test_one_store_that_is_away_holds_up_no_other(place: str, s3: str) -> None:
    away = fluent.create_experiment("away", artifact_location="s3://nowhere/x")
    here = fluent.create_experiment("here", artifact_location=place)
    with fluent.start_run(experiment_id=away):
        for number in range(3):
            fluent.log_text("waits", f"{number}.txt")
    with fluent.start_run(experiment_id=here) as run:
        fluent.log_text("arrives", "a.txt")
    with pytest.raises(MlflowException, match="there is no 'nowhere'"):
        run.artifacts.list()
    assert open_artifacts(run.info.artifact_uri).read("a.txt") == b"arrives"
    bucket(s3, "nowhere")
    assert len(run.artifacts.list()) == 1


class Choosy(Answer):
    """Takes every key but one that it calls too long."""

    code = "KeyTooLongError"

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if "never" in self.path:
            self.do_GET()
        else:
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()


def test_what_is_refused_for_good_is_set_aside(
    s3: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = fluent.create_experiment("e", artifact_location="s3://bucket/x")
    with serving(Choosy) as address, fluent.start_run(experiment_id=experiment) as run:
        monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", address)
        fluent.log_text("refused", "never.txt")
        fluent.log_text("arrives", "a.txt")
        destination.close_all()
    (aside,) = (home() / "spool").rglob("*.refused")
    assert run.run_id in aside.read_text()
    assert [path.read_text() for path in staged()] == ["refused"]
    assert "does not take this file" in caplog.text
    assert str(aside) in caplog.text
