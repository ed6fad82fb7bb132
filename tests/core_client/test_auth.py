"""Credentials: where they come from, what contradicts what, and what a TLS server is asked for."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from core_client import auth, fluent
from core_client.client import Client
from core_client.exceptions import MlflowException, StoreUnavailable
from core_client.stores import open_store
from tests.fake_server import FakeServer, serving

URI = "https://server:5000/ml"


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("uri", "env", "expected"),
    [
        (URI, {}, ""),
        (URI, {"TOKEN": " abc\n"}, "Bearer abc"),
        (URI, {"USERNAME": "mia", "PASSWORD": "p:w ä"}, basic("mia", "p:w ä")),
        (URI, {"USERNAME": "mia", "PASSWORD": "pw", "TOKEN": "abc"}, basic("mia", "pw")),
        ("https://bo:p%40w@server:5000/ml", {"TOKEN": "abc"}, basic("bo", "p@w")),
        (
            "https://bo:x@server:5000/ml",
            {"USERNAME": "mia", "PASSWORD": "pw"},
            basic("bo", "x"),
        ),
    ],
)
def test_what_comes_first(
    uri: str, env: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(f"MLFLOW_TRACKING_{name}", value)
    assert auth.server(uri) == auth.Server(URI, expected)


@pytest.mark.parametrize(
    ("env", "parts"),
    [
        ({"USERNAME": "mia"}, ["USERNAME is set", "PASSWORD is not"]),
        ({"PASSWORD": "pw"}, ["PASSWORD is set", "USERNAME is not"]),
        ({"TOKEN": "a\nb"}, ["MLFLOW_TRACKING_TOKEN", "printable"]),
        ({"USERNAME": "a:b", "PASSWORD": "pw"}, ["':'"]),
    ],
)
def test_half_credentials_are_an_error(
    env: dict[str, str], parts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(f"MLFLOW_TRACKING_{name}", value)
    with pytest.raises(MlflowException) as caught:
        auth.server(URI)
    assert [part for part in parts if part not in str(caught.value)] == []


@pytest.mark.parametrize(
    "uri",
    ["https://", "https://u:secret@", "http://host:port", "https://u:sec/ret@host", "http://a b",
     "http://host/x?y=secret", "http://host/#secret", "http://[::1"],
)  # fmt: skip
def test_a_malformed_uri_is_one_clear_error(uri: str) -> None:
    with pytest.raises(MlflowException, match="malformed") as caught:
        Client(uri)
    assert "secret" not in str(caught.value)


def test_contradicting_tls_settings_are_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "ca.pem").touch()
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("MLFLOW_TRACKING_INSECURE_TLS", "true")
    with pytest.raises(MlflowException, match=r"INSECURE_TLS=true and .* are both set"):
        Client("https://localhost:1").get_run("r")
    monkeypatch.setenv("MLFLOW_TRACKING_INSECURE_TLS", "false")
    monkeypatch.setenv("MLFLOW_TRACKING_CLIENT_CERT_PATH", "nowhere.pem")
    with pytest.raises(MlflowException, match=r"CLIENT_CERT_PATH names 'nowhere.pem'"):
        Client("https://localhost:1").get_run("r")


def test_databricks_profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "databrickscfg"
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(path))
    monkeypatch.delenv("DATABRICKS_HOST", raising=False)
    monkeypatch.delenv("DATABRICKS_TOKEN", raising=False)
    with pytest.raises(MlflowException, match="DATABRICKS_HOST and DATABRICKS_TOKEN"):
        auth.server("databricks")
    path.write_text(
        "[DEFAULT]\nhost = https://one.net/\ntoken = t1\n"
        "[work]\nhost = two.net\ntoken = t2\n"
        "[open]\nhost = http://three.net\ntoken = t3\n"
    )
    assert auth.server("databricks") == auth.Server("https://one.net", "Bearer t1")
    assert auth.server("databricks://work") == auth.Server("https://two.net", "Bearer t2")
    with pytest.raises(MlflowException, match="profile 'none'"):
        auth.server("databricks://none")
    with pytest.raises(MlflowException, match="https://"):
        auth.server("databricks://open")
    monkeypatch.setenv("DATABRICKS_HOST", "https://env.net")
    monkeypatch.setenv("DATABRICKS_TOKEN", "t4")
    assert auth.server("databricks") == auth.Server("https://env.net", "Bearer t4")
    assert auth.server("databricks://work").authorization == "Bearer t2"
    path.write_text("[DEFAULT\ntoken = t1secret\n")
    with pytest.raises(MlflowException) as caught:
        auth.server("databricks://work")
    assert "t1secret" not in str(caught.value)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_path(authority: trustme.CA, tmp_path: Path) -> str:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return str(tmp_path / "ca.pem")


@pytest.fixture(params=["server certificate", "both certificates"])
def server(
    authority: trustme.CA, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FakeServer]:
    """A TLS server of a private authority; it may ask for a certificate of ours."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    if request.param == "both certificates":
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    with serving(context) as one:
        one.asks = request.param == "both certificates"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", one.url)
        yield one


def test_a_private_authority_and_a_certificate_of_ours(
    server: FakeServer,
    authority: trustme.CA,
    ca_path: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", ca_path)
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "abc")
    authority.issue_cert("mia@home").private_key_and_cert_chain_pem.write_to_path(
        str(tmp_path / "mine.pem")
    )
    if server.asks:
        monkeypatch.setenv("MLFLOW_TRACKING_CLIENT_CERT_PATH", str(tmp_path / "mine.pem"))
    with fluent.start_run() as run:
        fluent.log_metric("m", 1)
    fluent.flush_async_logging()
    assert run.run_id == "server0"
    assert {sent["Authorization"] for _, sent in server.seen} == {"Bearer abc"}
    assert server.runs["server0"]["points"] == {("m", 0)}


def test_an_unknown_authority_is_refused(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "abc")
    with pytest.raises(StoreUnavailable, match="MLFLOW_TRACKING_SERVER_CERT_PATH"):
        Client().get_run("r")
    assert server.seen == []


@pytest.mark.parametrize("server", ["server certificate"], indirect=True)
def test_whom_all_programs_trust_is_trusted_unless_told_otherwise(
    server: FakeServer, ca_path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", ca_path)
    with fluent.start_run() as run:
        pass
    assert run.run_id == "server0"
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(tmp_path / "other.pem"))
    with pytest.raises(StoreUnavailable, match="certificate"):
        open_store(server.url).get_run("r")
    monkeypatch.delenv("MLFLOW_TRACKING_SERVER_CERT_PATH")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "nowhere.pem")
    with pytest.raises(MlflowException, match=r"REQUESTS_CA_BUNDLE names 'nowhere.pem'"):
        open_store(server.url)


@pytest.mark.parametrize("server", ["both certificates"], indirect=True)
def test_a_certificate_of_ours_that_lacks_is_said_so(
    server: FakeServer, ca_path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", ca_path)
    with pytest.raises(StoreUnavailable, match="MLFLOW_TRACKING_CLIENT_CERT_PATH"):
        Client().get_run("r")


@pytest.mark.parametrize("server", ["server certificate"], indirect=True)
def test_a_server_may_be_trusted_unchecked(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ordered as it is, it is not warned of: warnings are errors in these tests."""
    monkeypatch.setenv("MLFLOW_TRACKING_INSECURE_TLS", "true")
    with fluent.start_run() as run:
        fluent.log_metric("m", 1)
    fluent.flush_async_logging()
    assert server.runs[run.run_id]["points"] == {("m", 0)}


def test_a_certificate_for_another_name_is_refused(
    server: FakeServer, ca_path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", ca_path)
    with pytest.raises(StoreUnavailable, match="certificate"):
        Client(server.url.replace("localhost", "127.0.0.1")).get_run("r")
    assert server.seen == []
