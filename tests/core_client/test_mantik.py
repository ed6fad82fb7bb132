"""Login at the mantik platform, tokens that run out, and projects sent to its compute backend."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest

import autolog
from autolog import mantik
from core_client import auth, destination
from core_client.client import Client
from core_client.exceptions import MlflowException, StoreUnavailable
from core_client.mantik import platform as named_platform
from tests.mantik_platform import PASSWORD, Platform, running


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Platform]:
    for name in [name for name in os.environ if name.startswith("MANTIK_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    (tmp_path / "user").mkdir()
    monkeypatch.setenv("MANTIK_USERNAME", "ada")
    monkeypatch.setenv("MANTIK_PASSWORD", PASSWORD)
    with running() as one:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", one.url + "//")
        yield one
        destination.close_all()
        auth.renewals.clear()


def token_file() -> Path:
    return Path.home() / ".mantik" / "tokens.json"


def keep(access_token: str, expires_at: str) -> None:
    """As the mantik package writes the file."""
    token_file().parent.mkdir(exist_ok=True)
    kept = {"access_token": access_token, "refresh_token": "kept", "expires_at": expires_at}
    token_file().write_text(json.dumps(kept))


def test_the_first_login(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ada")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
    mantik.init_tracking()
    assert platform.asked == [("create", {"username": "ada", "password": PASSWORD})]
    assert os.environ["MLFLOW_TRACKING_TOKEN"] == "token-1"
    assert os.environ["MLFLOW_TRACKING_URI"] == platform.url
    assert "MLFLOW_TRACKING_USERNAME" not in os.environ
    assert "MLFLOW_TRACKING_PASSWORD" not in os.environ
    kept = json.loads(token_file().read_text())
    assert datetime.fromisoformat(kept.pop("expires_at")) > datetime.now(timezone.utc)
    assert kept == {"access_token": "token-1", "refresh_token": f"again at {platform.url}"}
    assert stat.S_IMODE(token_file().stat().st_mode) == 0o600
    assert stat.S_IMODE(token_file().parent.stat().st_mode) == 0o700
    assert [path.name for path in token_file().parent.iterdir()] == ["tokens.json"]


def test_a_token_that_is_still_good_is_used_without_a_word(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep("good", "2999-01-01T00:00:00")
    for name in ("MANTIK_USERNAME", "MANTIK_PASSWORD"):
        monkeypatch.delenv(name)
    mantik.init_tracking()
    assert os.environ["MLFLOW_TRACKING_TOKEN"] == "good"
    assert platform.asked == []


def test_a_token_that_has_run_out_is_refreshed(platform: Platform) -> None:
    keep("old", "2020-01-01T00:00:00+00:00")
    mantik.init_tracking()
    assert platform.asked == [("refresh", {"username": "ada", "refresh_token": "kept"})]
    assert json.loads(token_file().read_text())["refresh_token"] == "kept"
    assert os.environ["MLFLOW_TRACKING_TOKEN"] == "token-1"


@pytest.mark.parametrize("problem", ["Refresh token has expired", "Refresh token is invalid"])
def test_a_refresh_token_that_is_used_up_is_replaced(platform: Platform, problem: str) -> None:
    keep("old", "2020-01-01T00:00:00Z")
    platform.refresh_problem = problem
    mantik.init_tracking()
    assert [what for what, _ in platform.asked] == ["refresh", "create"]
    assert json.loads(token_file().read_text())["refresh_token"].startswith("again")


def test_a_broken_token_file_is_replaced(platform: Platform) -> None:
    keep("old", "whenever")
    token_file().write_text('{"access_token": 3')
    mantik.init_tracking()
    assert json.loads(token_file().read_text())["access_token"] == "token-1"


def test_a_job_of_the_compute_backend_needs_nothing(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MANTIK_USERNAME")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "of the job")
    mantik.init_tracking()
    assert platform.asked == []
    assert os.environ["MLFLOW_TRACKING_TOKEN"] == "of the job"


def test_newer_platforms_have_an_api_of_their_own(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.tokens = "/mantik/tokens"
    monkeypatch.setenv("MANTIK_API_URL", platform.url + "/")
    mantik.init_tracking()
    assert os.environ["MLFLOW_TRACKING_URI"] == platform.url + "/tracking"
    with autolog.start_run():
        autolog.log_metric("loss", 1)
    autolog.flush_async_logging()
    assert platform.points == [1]


@pytest.mark.parametrize(
    ("named", "api", "tracking", "tokens"),
    [
        ("https://test.cloud.mantik.ai/", "", "https://test.cloud.mantik.ai",
         "https://test.cloud.mantik.ai/api/mantik/tokens"),
        ("test.cloud.mantik.ai", "", "https://test.cloud.mantik.ai",
         "https://test.cloud.mantik.ai/api/mantik/tokens"),
        ("http://ada:secret@test.cloud.mantik.ai//deep//", "", "https://test.cloud.mantik.ai/deep",
         "https://test.cloud.mantik.ai/deep/api/mantik/tokens"),
        ("https://api.cloud.mantik.ai", "", "https://api.cloud.mantik.ai/tracking",
         "https://api.cloud.mantik.ai/mantik/tokens"),
        ("https://api.cloud.mantik.ai/tracking/", "", "https://api.cloud.mantik.ai/tracking",
         "https://api.cloud.mantik.ai/mantik/tokens"),
        ("", "https://api.x.org/", "https://api.x.org/tracking",
         "https://api.x.org/mantik/tokens"),
        ("https://runs.x.org", "https://api.x.org/", "https://runs.x.org",
         "https://api.x.org/mantik/tokens"),
    ],
)  # fmt: skip
def test_addresses(
    monkeypatch: pytest.MonkeyPatch, named: str, api: str, tracking: str, tokens: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", named)
    monkeypatch.setenv("MANTIK_API_URL", api)
    found = named_platform()
    assert (found.tracking, found.tokens) == (tracking, tokens)


def test_a_token_that_runs_out_in_a_long_training_is_renewed(platform: Platform) -> None:
    platform.lifetime = 0  # so each request finds that it has run out
    mantik.init_tracking()
    with autolog.start_run():
        for step in range(3):
            autolog.log_metric("loss", step, step=step)
            autolog.flush_async_logging()
    autolog.flush_async_logging()
    assert platform.points == [0, 1, 2]
    assert platform.refused == 0
    assert {what for what, _ in platform.asked[1:]} == {"refresh"}
    assert os.environ["MLFLOW_TRACKING_TOKEN"] == f"token-{len(platform.asked)}"


def test_a_token_that_is_revoked_in_a_long_training_is_renewed(platform: Platform) -> None:
    mantik.init_tracking()
    with autolog.start_run() as run:
        autolog.log_metric("loss", 0)
        autolog.flush_async_logging()
        platform.good.clear()
        autolog.log_metric("loss", 1, step=1)
        autolog.flush_async_logging()
    autolog.flush_async_logging()
    assert platform.points == [0, 1]
    assert platform.refused == 1
    assert [what for what, _ in platform.asked] == ["create", "refresh"]
    assert [one["info"]["status"] for one in platform.runs.values()] == ["FINISHED"], run


def test_further_processes_of_the_user_need_no_login(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    mantik.init_tracking()
    with autolog.start_run(run_name="over there"):
        pass
    destination.close_all()
    auth.renewals.clear()  # as in a new process,
    monkeypatch.delenv("MLFLOW_TRACKING_TOKEN")
    platform.good.clear()  # a long time later
    assert Client(platform.url).get_run("0" * 32).info.run_name == "over there"
    assert [what for what, _ in platform.asked] == ["create", "refresh"]
    assert "MLFLOW_TRACKING_TOKEN" not in os.environ


def test_a_token_goes_to_its_platform_alone(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    mantik.init_tracking()
    auth.renewals.clear()
    monkeypatch.delenv("MLFLOW_TRACKING_TOKEN")
    with running() as other:
        other.good.add("token-1")
        with pytest.raises(MlflowException, match="does not accept these credentials"):
            Client(other.url).get_run("0" * 32)
        assert (other.refused, other.asked) == (1, [])


def test_the_password_follows_no_redirect(platform: Platform) -> None:
    with running() as other:
        platform.moved_to = other.url
        with pytest.raises(
            StoreUnavailable, match=r"does not answer as a mantik platform .*\(307\)"
        ):
            mantik.init_tracking()
        assert other.asked == []


def test_what_one_platform_gave_is_never_shown_to_another(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    mantik.init_tracking()
    with running() as other:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", other.url)
        mantik.init_tracking()
        assert [what for what, _ in other.asked] == ["create"]
        monkeypatch.setenv("MLFLOW_TRACKING_URI", platform.url)
        mantik.init_tracking()
        assert len(other.asked) == 1
    assert [what for what, _ in platform.asked] == ["create", "create"]


def test_what_cannot_be_renewed_waits_in_the_spool(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    mantik.init_tracking()
    with autolog.start_run():
        autolog.log_metric("loss", 0)
        autolog.flush_async_logging()
        platform.good.clear()
        platform.refresh_problem = "Refresh token has expired"
        monkeypatch.setenv("MANTIK_PASSWORD", "changed meanwhile")
        autolog.log_metric("loss", 1, step=1)
        with pytest.raises(MlflowException, match="does not let us in"):
            autolog.flush_async_logging()
        monkeypatch.setenv("MANTIK_PASSWORD", PASSWORD)
    autolog.flush_async_logging()
    assert platform.points == [0, 1]


def test_bad_input(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MANTIK_PASSWORD", "wrong")
    with pytest.raises(MlflowException, match=r"\(401\): Incorrect .* MANTIK_PASSWORD") as error:
        mantik.init_tracking()
    assert "wrong" not in str(error.value)
    monkeypatch.delenv("MANTIK_PASSWORD")
    with pytest.raises(MlflowException, match="set MANTIK_PASSWORD"):
        mantik.init_tracking()
    monkeypatch.delenv("MANTIK_USERNAME")
    with pytest.raises(MlflowException, match="set MANTIK_"):
        mantik.init_tracking()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")
    with pytest.raises(MlflowException, match="malformed"):
        mantik.init_tracking()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "ftp://host/x")
    with pytest.raises(MlflowException, match="not by 'ftp://'"):
        mantik.init_tracking()
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    with pytest.raises(MlflowException, match="Set MLFLOW_TRACKING_URI"):
        mantik.init_tracking()
    assert not token_file().exists()


def test_a_server_that_is_no_platform_or_is_not_there(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.tokens = "/elsewhere"
    platform.good.add("")  # so that it is not refused before it is looked for
    with pytest.raises(StoreUnavailable, match=r"does not answer as a mantik platform .*\(404\)"):
        mantik.init_tracking()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        mantik.init_tracking()


# The compute backend


@pytest.fixture
def backend(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> mantik.ComputeBackendClient:
    for what in ("USERNAME", "PASSWORD", "PROJECT"):
        monkeypatch.setenv(f"MANTIK_UNICORE_{what}", f"unicore {what}")
    return mantik.ComputeBackendClient.from_env()


@pytest.fixture
def project(own_place: Path) -> Path:
    folder = own_place / "project"
    (folder / "data" / "large").mkdir(parents=True)
    (folder / "MLproject").write_text("name: x")
    (folder / "main.py").write_text("print()")
    (folder / "backend.json").write_text('{\t"Exclude": ["*.sif", "data/large/"]}')
    (folder / "image.sif").write_text("large")
    (folder / "data" / "small.csv").write_text("1,2")
    (folder / "data" / "large" / "x.csv").write_text("large")
    (own_place / "secret").write_text("secret")
    (folder / "link").symlink_to(own_place / "secret")
    return folder


def test_a_project_is_sent(
    platform: Platform, backend: mantik.ComputeBackendClient, project: Path
) -> None:
    assert "unicore PASSWORD" not in repr(backend)
    assert "token-1" not in repr(backend)
    done = backend.submit_run(7, project, {"alpha": 0.5}, "backend.json")
    assert (done.experiment_id, done.run_id, done.unicore_job_id) == (7, "r1", "j1")
    ((experiment_id, fields, files),) = platform.submitted
    assert experiment_id == "7"
    assert fields == {
        "entry_point": "main",
        "mlflow_parameters": '{"alpha": 0.5}',
        "unicore_user": "unicore USERNAME",
        "unicore_password": "unicore PASSWORD",
        "unicore_project": "unicore PROJECT",
        "unicore_backend_config": "backend.json",
        "mlflow_tracking_uri": platform.url,
        "mlflow_tracking_token": "token-1",
    }
    assert set(files) == {"MLproject", "main.py", "backend.json", "data/small.csv"}
    assert files["main.py"] == b"print()"


@pytest.mark.parametrize(
    ("status", "answer", "told"),
    [
        (413, "", "larger than the compute backend takes"),
        (422, {"detail": "no such entry point"}, "no such entry point"),
        (500, "", r"did not take the run \(500\)"),
        (201, "<html>", "does not answer as one does"),
    ],
)
def test_what_the_backend_refuses(
    platform: Platform,
    backend: mantik.ComputeBackendClient,
    project: Path,
    status: int,
    answer: object,
    told: str,
) -> None:
    platform.submit_answer = status, answer
    with pytest.raises(MlflowException, match=told):
        backend.submit_run(7, project, {}, project / "backend.json")


def test_a_project_that_lacks_something(
    backend: mantik.ComputeBackendClient, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(MlflowException, match=r"no backend config 'other\.json'"):
        backend.submit_run(7, project, {}, "other.json")
    with pytest.raises(MlflowException, match="refused"):
        backend.submit_run(7, project, {}, "../secret")
    with pytest.raises(MlflowException, match="whole number"):
        backend.submit_run("../x", project, {}, "backend.json")
    (project / "MLproject").unlink()
    with pytest.raises(MlflowException, match="no file 'MLproject'"):
        backend.submit_run(7, project, {}, "backend.json")
    monkeypatch.delenv("MANTIK_UNICORE_PROJECT")
    with pytest.raises(MlflowException, match="set MANTIK_UNICORE_PROJECT"):
        mantik.ComputeBackendClient.from_env()
