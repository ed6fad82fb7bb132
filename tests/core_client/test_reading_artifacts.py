"""A run's files, found by run and path or by one URI, and never outside their run."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

import autolog
from autolog import artifacts
from autolog.exceptions import MlflowException


@pytest.fixture
def run() -> autolog.ActiveRun:
    """A run with some files."""
    with autolog.start_run() as run:
        autolog.log_text("hello", "notes/a.txt")
        autolog.log_dict({"a": [1, 2]}, "notes/a.json")
        autolog.log_dict({"a": [1, 2]}, "notes/a.yaml")
        autolog.log_image(Image.new("RGB", (2, 3)), "a.png")
    return run


def test_every_way_to_name_a_file(run: autolog.ActiveRun) -> None:
    root = run.info.artifact_uri
    for base in (f"runs:/{run.run_id}", root, Path(root).as_uri()):
        assert artifacts.load_text(f"{base}/notes/a.txt") == "hello"
        assert artifacts.load_dict(f"{base}/notes/a.json") == {"a": [1, 2]}
        assert artifacts.load_dict(f"{base}/notes/a.yaml") == {"a": [1, 2]}
        assert artifacts.load_image(f"{base}/a.png").size == (2, 3)
        assert len(artifacts.list_artifacts(f"{base}/notes")) == 3
    listed = artifacts.list_artifacts(run_id=run.run_id)
    assert [(one.path, one.is_dir) for one in listed] == [("a.png", False), ("notes", True)]
    assert artifacts.list_artifacts(f"runs:/{run.run_id}/notes")[0].path == "notes/a.json"


def test_downloads(run: autolog.ActiveRun, tmp_path: Path) -> None:
    place = artifacts.download_artifacts(f"runs:/{run.run_id}/notes/a.txt")
    assert Path(place).read_text() == "hello"
    place = artifacts.download_artifacts(
        run_id=run.run_id, artifact_path="notes", dst_path=str(tmp_path)
    )
    assert Path(place, "a.txt").read_text() == "hello"
    assert Path(place).is_relative_to(tmp_path)


@pytest.mark.parametrize("path", ["../x", "notes/%2e%2e/%2e%2e/x", "/etc/passwd", "a\\..\\b"])
def test_paths_out_of_the_run_are_refused(run: autolog.ActiveRun, path: str) -> None:
    if not path.startswith("/"):
        with pytest.raises(MlflowException, match="refused"):
            artifacts.load_text(f"runs:/{run.run_id}/{path}")
    with pytest.raises(MlflowException, match="refused"):
        artifacts.download_artifacts(run_id=run.run_id, artifact_path=path)


def test_wrong_ways_to_ask(run: autolog.ActiveRun) -> None:
    with pytest.raises(MlflowException, match="either artifact_uri, or run_id"):
        artifacts.list_artifacts()
    with pytest.raises(MlflowException, match="goes with run_id"):
        artifacts.list_artifacts(f"runs:/{run.run_id}", artifact_path="a")
    with pytest.raises(MlflowException, match=r"no artifact 'nothing.txt'"):
        artifacts.load_text(f"runs:/{run.run_id}/nothing.txt")
    with pytest.raises(MlflowException, match="no kind of artifact store"):
        artifacts.load_text("gopher://host/a.txt")
