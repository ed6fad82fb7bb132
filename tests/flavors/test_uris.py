"""Model URIs lead to the folder they name, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from core_client.exceptions import MlflowException
from core_client.fluent import start_run
from flavors.uris import local_path


@pytest.fixture
def run_id() -> str:
    with start_run() as run:
        run.log_text("flavors: {}", "model/MLmodel")
        run.log_text("flavors: {}", "deep/er/my model/MLmodel")
    return run.run_id


@pytest.mark.parametrize(
    "path", ["model", "model/", "model?x=/../y", "model#f", "deep/er/my model"]
)
def test_a_runs_artifact(run_id: str, path: str) -> None:
    assert (local_path(f"runs:/{run_id}/{path}") / "MLmodel").read_text() == "flavors: {}"


@pytest.mark.parametrize(
    "path",
    ["../secret", "model/../../../secret", "%2e%2e/secret", "%252e%252e%252fsecret", "..\\secret",
     "/../secret", "/etc/passwd", "a\0b", "file:/etc/passwd", "C:/x"],
)  # fmt: skip
def test_a_path_that_leads_out_is_refused(run_id: str, path: str) -> None:
    with pytest.raises(MlflowException, match="refused"):
        local_path(f"runs:/{run_id}/{path}")


def test_a_link_out_of_the_run_is_refused(run_id: str, tmp_path: Path) -> None:
    (local_path(f"runs:/{run_id}/model").parent / "link").symlink_to("/etc")
    with pytest.raises(MlflowException, match="leads out"):
        local_path(f"runs:/{run_id}/link")


def test_paths_and_file_uris(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "my model"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    assert local_path(folder) == local_path(str(folder)) == folder
    assert local_path("my model") == Path("my model")
    quoted = str(folder).replace(" ", "%20")
    assert local_path(f"file://{quoted}") == local_path(f"file:{quoted}?a=b#c") == folder


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("models:/m-1", "keeps no logged models"),
        ("models:/name/Production", "tracking servers only"),
        ("runs:/abc", "is expected"),
        ("runs:model", "is expected"),
        ("https://host/model", "no kind of artifact store"),
        ("file://host/model", "cannot be reached"),
        ("no/such/folder", "does not exist"),
        ("runs:/0123456789abcdef0123456789abcdef/model", "0123456789abcdef"),
    ],
)
def test_what_cannot_be_found_is_named(uri: str, message: str) -> None:
    with pytest.raises(MlflowException, match=message):
        local_path(uri)


def test_a_copy_goes_where_it_is_told(run_id: str, tmp_path: Path) -> None:
    target = tmp_path / "copy"
    with pytest.raises(MlflowException, match="Create it first"):
        local_path(f"runs:/{run_id}/model", target)
    target.mkdir()
    assert local_path(f"runs:/{run_id}/model", target) == target
    assert (target / "MLmodel").exists()
