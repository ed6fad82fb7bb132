"""Artifacts: what was logged is read back, whole, and nothing lies outside its run."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from core_client import fluent
from core_client.artifacts import open_artifacts
from core_client.client import Client
from core_client.exceptions import MlflowException


def test_files_and_folders_are_kept(tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "a.txt").write_text("a")
    (tmp_path / "in" / "deep" / "b.txt").write_text("b")
    with fluent.start_run() as run:
        fluent.log_artifact(tmp_path / "in" / "a.txt")
        fluent.log_artifact(tmp_path / "in", "folder")
        fluent.log_artifacts(tmp_path / "in", "all")
        uri = fluent.get_artifact_uri("all/a.txt")
    assert Path(uri).read_text() == "a"
    client = Client()
    names = [(file.path, file.is_dir, file.file_size) for file in client.list_artifacts(run.run_id)]
    assert names == [("a.txt", False, 1), ("all", True, None), ("folder", True, None)]
    assert [f.path for f in client.list_artifacts(run.run_id, "all")] == ["all/a.txt", "all/deep"]
    assert client.list_artifacts(run.run_id, "folder/in/deep")[0].path == "folder/in/deep/b.txt"
    copy = client.download_artifacts(run.run_id, "all", tmp_path)
    assert (Path(copy) / "deep" / "b.txt").read_text() == "b"


def test_texts_and_dictionaries_are_kept() -> None:
    with fluent.start_run() as run:
        fluent.log_text("grüße", "notes/hello.txt")
        fluent.log_dict({"a": [1, 2]}, "data.json")
        fluent.log_dict({"a": [1, 2]}, "data.yaml")
    files = run.artifacts
    assert files.read("notes/hello.txt").decode() == "grüße"
    assert json.loads(files.read("data.json")) == {"a": [1, 2]}
    assert files.read("data.yaml").decode() == "a:\n- 1\n- 2\n"


def test_a_table_grows() -> None:
    with fluent.start_run() as run:
        fluent.log_table({"x": [1, 2], "y": ["a", "b"]}, "t.json")
        fluent.log_table({"x": 3, "y": "c"}, "t.json")
        with pytest.raises(MlflowException, match=r"\['z'\]"):
            fluent.log_table({"z": [1]}, "t.json")
        with pytest.raises(MlflowException, match="different lengths"):
            fluent.log_table({"x": [1, 2], "y": [1]}, "t.json")
    assert json.loads(run.artifacts.read("t.json")) == {
        "columns": ["x", "y"],
        "data": [[1, "a"], [2, "b"], [3, "c"]],
    }
    assert json.loads(run.data.tags["mlflow.loggedArtifacts"]) == [
        {"path": "t.json", "type": "table"}
    ]


def test_a_folder_is_there_whole_or_not_at_all() -> None:
    with fluent.start_run() as run:
        with run.artifact_folder("model") as folder:
            (folder / "one").write_text("1")
            assert run.artifacts.list() == []
        with pytest.raises(ZeroDivisionError), run.artifact_folder("model") as folder:
            (folder / "two").write_text(str(1 / 0))
        assert [file.path for file in run.artifacts.list("model")] == ["model/one"]
        with run.artifact_folder("model") as folder:
            (folder / "three").write_text("3")
        assert [file.path for file in run.artifacts.list("model")] == ["model/three"]
    assert sorted(os.listdir(run.artifacts.root.parent)) == ["artifacts"]


@pytest.mark.parametrize(
    "path", ["../x", "a/../../x", "/etc/x", "..\\x", "a\0b", "%2e%2e/x", "%252e%252e/x", "file:/x"]
)
def test_no_path_leads_out_of_the_run(path: str, tmp_path: Path) -> None:
    (tmp_path / "source").write_text("s")
    before = sorted(tmp_path.rglob("*"))
    with fluent.start_run() as run:
        files = run.artifacts
        files.root.mkdir(parents=True)
        for attempt in (
            lambda: fluent.log_text("t", path),
            lambda: fluent.log_artifact(tmp_path / "source", path),
            lambda: fluent.log_artifacts(tmp_path / "home", path),
            lambda: run.artifact_folder(path).__enter__(),
            lambda: files.list(path),
            lambda: files.read(path),
            lambda: files.download(path, tmp_path),
        ):
            with pytest.raises(MlflowException):
                attempt()
        assert list(files.root.rglob("*")) == []
    kept = [one for one in sorted(tmp_path.rglob("*")) if "mlruns" not in one.parts]
    assert [one for one in kept if one in before or "source" in one.name] == before


def test_a_link_does_not_lead_out_either(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    with fluent.start_run() as run:
        fluent.log_text("t", "a.txt")
        (run.artifacts.root / "link").symlink_to(tmp_path)
        with pytest.raises(MlflowException, match="leads out"):
            run.artifacts.read("link/secret")
        with pytest.raises(MlflowException, match="leads out"):
            fluent.log_text("t", "link/made")
    assert not (tmp_path / "made").exists()


def test_missing_files_are_named(tmp_path: Path) -> None:
    with fluent.start_run() as run:
        with pytest.raises(MlflowException, match=r"nothing\.txt"):
            fluent.log_artifact(tmp_path / "nothing.txt")
        with pytest.raises(MlflowException, match=r"gone\.txt"):
            run.artifacts.read("gone.txt")


@pytest.mark.parametrize("uri", ["gopher://host/x", "javascript:x", "file://host/x"])
def test_other_artifact_stores_are_refused_by_name(uri: str) -> None:
    with pytest.raises(MlflowException, match=uri):
        open_artifacts(uri)
