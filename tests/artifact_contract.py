"""What holds for every artifact store: inherited by the local disk and by each emulator's tests."""

from __future__ import annotations

import hashlib
import json
import os
import random
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core_client import destination, fluent, settings
from core_client.artifacts import Artifacts, open_artifacts
from core_client.client import Client
from core_client.exceptions import MlflowException
from core_client.run import ActiveRun
from core_client.settings import home
from tests.project import ROOT

LARGE = 20_000_000  # bytes, more than one part of an upload
ODD_NAMES = ["with space+plus.txt", "grüße.txt", "100%.txt", "a=1,b=2.txt", "café/ü.txt", "a'b.txt"]
HOSTILE_PATHS = [
    "../x", "a/../../x", "/etc/x", "..\\x", "a\0b", "%2e%2e/x", "%252e%252e/x", "file:/x",
    "x?/../y", "x#/../../y", "x;/../y",
]  # fmt: skip
KILLED = """
import os, signal, sys
from core_client import fluent
with fluent.start_run(experiment_id=sys.argv[1]) as run:
    for number in range(5):
        fluent.log_text(f"text {number}", f"texts/{number}.txt")
    print(run.run_id, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
AT_EXIT = """
import sys
from core_client import fluent
with fluent.start_run(experiment_id=sys.argv[1]) as run:
    fluent.log_text("sent at the end", "late/a.txt")
    print(run.run_id)
"""


def script(code: str, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *args],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


def staged() -> list[Path]:
    """The files that have not been sent."""
    return [path for path in (home() / "spool").glob("*/files/*/**/*") if path.is_file()]


def unsent() -> list[Path]:
    """What processes that have ended did not send."""
    return [*staged(), *(home() / "spool").rglob("*.events")]


class ArtifactContract:
    """Subclasses give the fixture `place`: the URI of an empty folder in the store."""

    @pytest.fixture
    def experiment(self, place: str) -> str:
        return fluent.create_experiment(f"kept at {place}", artifact_location=place)

    @pytest.fixture
    def run(self, experiment: str) -> Iterator[ActiveRun]:
        with fluent.start_run(experiment_id=experiment) as run:
            yield run

    @pytest.fixture
    def stored(self, run: ActiveRun) -> Artifacts:
        """The files as they are in the store, without our spool."""
        uri = Client().get_run(run.run_id).info.artifact_uri
        return open_artifacts(uri, settings.tracking_uri())

    def test_files_and_folders_are_kept(self, run: ActiveRun, tmp_path: Path) -> None:
        (tmp_path / "in" / "deep").mkdir(parents=True)
        (tmp_path / "in" / "a.txt").write_text("a")
        (tmp_path / "in" / "deep" / "b.txt").write_text("bb")
        fluent.log_artifact(tmp_path / "in" / "a.txt")
        fluent.log_artifact(tmp_path / "in", "folder")
        fluent.log_artifacts(tmp_path / "in", "all")
        (tmp_path / "in" / "a.txt").write_text("changed afterwards")
        client = Client()
        listed = [(f.path, f.is_dir, f.file_size) for f in client.list_artifacts(run.run_id)]
        assert listed == [("a.txt", False, 1), ("all", True, None), ("folder", True, None)]
        names = [file.path for file in client.list_artifacts(run.run_id, "all")]
        assert names == ["all/a.txt", "all/deep"]
        assert client.list_artifacts(run.run_id, "all/a.txt") == []
        assert client.list_artifacts(run.run_id, "nowhere") == []
        (inner,) = client.list_artifacts(run.run_id, "folder/in/deep")
        assert (inner.path, inner.file_size) == ("folder/in/deep/b.txt", 2)
        copy = Path(client.download_artifacts(run.run_id, "all", tmp_path / "copy"))
        assert copy == tmp_path / "copy" / "all"
        assert (copy / "a.txt").read_text() == "a"
        assert (copy / "deep" / "b.txt").read_text() == "bb"
        assert staged() == []

    def test_everything_comes_down_at_once(self, run: ActiveRun) -> None:
        fluent.log_text("a", "a.txt")
        fluent.log_text("b", "deep/er/b.txt")
        folder = Path(Client().download_artifacts(run.run_id))
        assert (folder / "a.txt").read_text() == "a"
        assert (folder / "deep" / "er" / "b.txt").read_text() == "b"

    def test_a_large_file_arrives_as_it_was(self, run: ActiveRun, tmp_path: Path) -> None:
        data = random.Random(3).randbytes(LARGE)
        (tmp_path / "large.bin").write_bytes(data)
        fluent.log_artifact(tmp_path / "large.bin")
        assert Client().list_artifacts(run.run_id)[0].file_size == LARGE
        copy = Path(Client().download_artifacts(run.run_id, "large.bin", tmp_path / "copy"))
        assert hashlib.sha256(copy.read_bytes()).digest() == hashlib.sha256(data).digest()

    def test_an_empty_file_is_a_file(self, run: ActiveRun) -> None:
        fluent.log_text("", "empty.txt")
        assert [file.file_size for file in run.artifacts.list()] == [0]
        assert run.artifacts.read("empty.txt") == b""

    @pytest.mark.parametrize("name", ODD_NAMES)
    def test_names_are_kept(self, run: ActiveRun, name: str) -> None:
        fluent.log_text(name, f"odd names/{name}")
        assert run.artifacts.read(f"odd names/{name}").decode() == name
        (file,) = run.artifacts.list(f"odd names/{name}".rpartition("/")[0])
        assert file.path == f"odd names/{name}"

    def test_the_last_content_counts(self, run: ActiveRun) -> None:
        fluent.log_text("first, and longer", "a.txt")
        fluent.log_text("second", "a.txt")
        assert run.artifacts.read("a.txt") == b"second"
        fluent.log_text("third", "a.txt")
        assert run.artifacts.read("a.txt") == b"third"

    def test_a_table_grows(self, run: ActiveRun) -> None:
        fluent.log_table({"x": [1, 2]}, "t.json")
        fluent.log_table({"x": 3}, "t.json")
        assert json.loads(run.artifacts.read("t.json"))["data"] == [[1], [2], [3]]

    def test_a_folder_is_replaced_whole(self, run: ActiveRun) -> None:
        with run.artifact_folder("models/one") as folder:
            (folder / "old").write_text("1")
            (folder / "MLmodel").write_text("flavors: {}")
        with pytest.raises(ZeroDivisionError), run.artifact_folder("models/one") as folder:  # noqa: PT012
            (folder / "never").write_text("2")
            1 / 0  # noqa: B018
        # A file whose name begins alike is another one.
        fluent.log_text("beside", "models/one.txt")
        with run.artifact_folder("models/one") as folder:
            (folder / "deep").mkdir()
            (folder / "deep" / "new").write_text("3")
        assert [file.path for file in run.artifacts.list("models/one")] == ["models/one/deep"]
        assert run.artifacts.read("models/one/deep/new") == b"3"
        assert run.artifacts.read("models/one.txt") == b"beside"

    def test_files_join_those_of_a_folder(self, run: ActiveRun) -> None:
        for name, text in (("a", "1"), ("b", "2"), ("a", "3")):
            with run.artifact_folder("some", replaces=False) as folder:
                (folder / name).write_text(text)
        assert run.artifacts.read("some/a") == b"3"
        assert run.artifacts.read("some/b") == b"2"

    def test_files_are_deleted(self, run: ActiveRun) -> None:
        fluent.log_text("a", "a.txt")
        fluent.log_text("b", "folder/b.txt")
        fluent.log_text("c", "folder/deep/c.txt")
        run.artifacts.delete("folder/b.txt")
        run.artifacts.delete("nothing.txt")
        assert run.artifacts.has("folder/deep/c.txt")
        assert not run.artifacts.has("folder/b.txt")
        run.artifacts.delete("folder")
        assert not run.artifacts.has("folder/deep/c.txt")
        assert run.artifacts.has("a.txt")

    def test_what_is_not_there_is_named(self, run: ActiveRun, tmp_path: Path) -> None:
        assert run.artifacts.list() == []
        assert not run.artifacts.has("gone.txt")
        for read in (run.artifacts.read, run.artifacts.download, run.artifacts.local):
            with pytest.raises(MlflowException, match=r"gone\.txt") as caught:
                read("gone.txt")
            assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"
        with pytest.raises(MlflowException, match=r"nothing\.txt"):
            fluent.log_artifact(tmp_path / "nothing.txt")

    @pytest.mark.parametrize("path", HOSTILE_PATHS)
    def test_no_path_leads_out_of_the_run(self, run: ActiveRun, path: str, tmp_path: Path) -> None:
        (tmp_path / "source").write_text("s")
        (tmp_path / "folder").mkdir()
        for attempt in (
            lambda: fluent.log_text("t", path),
            lambda: fluent.log_artifact(tmp_path / "source", path),
            lambda: fluent.log_artifacts(tmp_path / "folder", path),
            lambda: run.artifact_folder(path).__enter__(),
            lambda: run.artifacts.list(path),
            lambda: run.artifacts.has(path),
            lambda: run.artifacts.read(path),
            lambda: run.artifacts.delete(path),
            lambda: run.artifacts.download(path, tmp_path / "folder"),
        ):
            with pytest.raises(MlflowException, match="is refused"):
                attempt()
        assert run.artifacts.list() == []
        assert list((tmp_path / "folder").iterdir()) == []

    def test_what_was_logged_survives_a_kill(self, experiment: str) -> None:
        destination.close_all()
        run_id = script(KILLED, experiment).stdout.strip()
        artifacts = Client().artifacts(run_id)
        assert len(artifacts.list("texts")) == 5
        assert artifacts.read("texts/4.txt") == b"text 4"
        destination.close_all()
        assert unsent() == []

    def test_the_end_of_a_script_waits_for_its_files(self, experiment: str) -> None:
        destination.close_all()
        ended = script(AT_EXIT, experiment)
        assert ended.stderr == ""
        assert unsent() == []
        assert Client().artifacts(ended.stdout.strip()).read("late/a.txt") == b"sent at the end"


class RemoteArtifactContract(ArtifactContract):
    """What holds in addition where the files lie elsewhere."""

    def test_staged_files_are_private(self, run: ActiveRun, tmp_path: Path) -> None:
        seen = []
        with run.artifact_folder("model") as folder:
            seen = [folder.parent, *folder.parent.parents]
            modes = [stat.S_IMODE(path.stat().st_mode) for path in seen]
        assert modes[0] == 0o700
        assert home() in seen
        assert modes[seen.index(home())] == 0o700

    def test_copies_are_private(self, run: ActiveRun) -> None:
        fluent.log_text("secret", "a.txt")
        copy = run.artifacts.local("a.txt")
        assert stat.S_IMODE(copy.parent.stat().st_mode) == 0o700
        assert copy.read_text() == "secret"

    def test_a_file_that_another_has_changed_is_not_taken(
        self, run: ActiveRun, stored: Artifacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fluent.log_text("mine", "folder/a.txt")
        fluent.log_text("mine", "folder/b.txt")
        assert run.artifacts.read("folder/a.txt") == b"mine"
        with monkeypatch.context() as other:
            other.setenv("AUTOLOG_HOME", str(tmp_path / "another user"))
            stored.write(b"evil", "folder/a.txt")
            assert stored.read("folder/a.txt") == b"evil"
        for read in (run.artifacts.read, run.artifacts.local):
            with pytest.raises(MlflowException, match=r"'folder/a.txt' .* is not the file"):
                read("folder/a.txt")
        with pytest.raises(MlflowException, match="is not the file"):
            run.artifacts.download("folder", tmp_path / "copy")
        assert list((tmp_path / "copy").iterdir()) == []
        assert run.artifacts.read("folder/b.txt") == b"mine"

    def test_the_training_does_not_wait_for_the_store(self, run: ActiveRun) -> None:
        client = Client()
        fluent.log_text("x" * 1000, "a.txt")
        fluent.log_metric("m", 1)
        # Metrics are there although no file has been waited for.
        assert client.get_run(run.run_id).data.metrics == {"m": 1}
        assert run.artifacts.has("a.txt")
