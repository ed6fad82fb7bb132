"""MLflow's file layout: where experiments and runs lie, and files that are whole or not there.

    <root>/<experiment>/meta.yaml, tags/<key>, datasets/<id>/meta.yaml
    <root>/<experiment>/<run>/meta.yaml, metrics/<key>, params/<key>, tags/<key>, inputs/<id>/meta.yaml
    <root>/.trash/<experiment>   deleted experiments with their runs

What is under way lies in the trash folder too, where no reader looks at files.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from core_client.stores.values import Unfit

META = "meta.yaml"
_ID = re.compile(r"[A-Za-z0-9][\w-]{0,255}")
_MOST_PLACES = 100_000  # runs whose folder is remembered
_NAME_BYTES = 255  # of one file's name
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class Layout:
    """The folders of one file store.

    Args:
        root: such as ``./mlruns``.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.trash = root / ".trash"
        self._places: dict[str, Path] = {}
        self._count = itertools.count()

    def experiments(self, deleted: bool = False) -> list[Path]:
        """The folders of all experiments, or of the deleted ones."""
        try:
            with os.scandir(self.trash if deleted else self.root) as entries:
                found = [Path(entry.path) for entry in entries if _ID.fullmatch(entry.name)]
        except FileNotFoundError:
            return []
        return [path for path in found if (path / META).is_file()]

    def experiment(self, experiment_id: str) -> Path | None:
        """The folder of an experiment, deleted or not."""
        if _ID.fullmatch(experiment_id):
            for top in (self.root, self.trash):
                if (top / experiment_id / META).is_file():
                    return top / experiment_id
        return None

    def runs(self, experiment: Path) -> list[Path]:
        """The folders of all runs of an experiment."""
        with os.scandir(experiment) as entries:
            found = [Path(entry.path) for entry in entries if _ID.fullmatch(entry.name)]
        return [path for path in found if path.name not in _RESERVED and (path / META).is_file()]

    def run(self, run_id: str) -> Path | None:
        """The folder of a run, deleted or not."""
        if not _ID.fullmatch(run_id) or run_id in _RESERVED:
            return None
        known = self._places.get(run_id)
        if known and (known / META).is_file():
            return known
        for experiment in self.experiments() + self.experiments(deleted=True):
            if (experiment / run_id / META).is_file():
                if len(self._places) > _MOST_PLACES:
                    self._places.clear()
                self._places[run_id] = experiment / run_id
                return experiment / run_id
        return None

    def remove_run(self, folder: Path) -> None:
        """Delete all that a run holds but its artifacts, should there be any."""
        for path in folder.iterdir():
            if path.is_dir() and path.name != "artifacts":
                shutil.rmtree(path)
        (folder / META).unlink(missing_ok=True)
        for place in (folder / "artifacts", folder):
            with contextlib.suppress(OSError):  # not empty, or gone before
                place.rmdir()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep the other threads and processes of ours from writing meanwhile."""
        self.trash.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.trash / ".autolog.lock", os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            fcntl.flock(lock, fcntl.LOCK_UN)  # a forked child may hold a copy of the descriptor
            os.close(lock)

    def write(self, path: Path, text: str) -> None:
        """Make or replace a file."""
        data = text.encode()
        new = self.trash / f".autolog-{os.getpid()}-{next(self._count)}"
        try:
            new.write_bytes(data)
            make_room(path)
            os.replace(new, path)
        except IsADirectoryError:
            raise Unfit(_in_the_way(path)) from None
        finally:
            new.unlink(missing_ok=True)

    def write_meta(self, folder: Path, content: dict[str, Any]) -> None:
        """Make or replace the description of an experiment, run, dataset or input."""
        text = yaml.dump(content, Dumper=_Dumper, default_flow_style=False, allow_unicode=True)
        self.write(folder / META, text)


_RESERVED = {"tags", "datasets", "traces", "models"}


def read_meta(folder: Path) -> dict[str, Any]:
    """The description that lies in a folder; empty if there is none that can be read."""
    try:
        with (folder / META).open("rb") as file:
            content = yaml.load(file, Loader=_Loader)  # a safe loader
    except (FileNotFoundError, NotADirectoryError, yaml.YAMLError):
        return {}
    return content if isinstance(content, dict) else {}


def key_file(folder: Path, key: str) -> Path:
    """The file of a key; each ``/`` in the key is a folder.

    Raises:
        Unfit: no file can have such a name, or it would lie elsewhere.
    """
    parts = key.split("/")
    if "\0" in key or any(part in ("", ".", "..") for part in parts):
        raise Unfit(
            f"The key '{key[:40]}' names no file: between its slashes must be text that is "
            "neither '.' nor '..'."
        )
    if max(len(part.encode()) for part in parts) > _NAME_BYTES:
        raise Unfit(f"The key '{key[:40]}' is longer than the name of a file may be.")
    return folder / key


def make_room(path: Path) -> None:
    """Make the folders above a file. Raises Unfit if a file is in the way."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise Unfit(_in_the_way(path)) from None


def read_texts(folder: Path) -> dict[str, str]:
    """Keys and contents of all files below a folder."""
    return {
        key: path.read_bytes().decode("utf-8", "replace") for key, path in key_files(folder).items()
    }


def key_files(folder: Path) -> dict[str, Path]:
    """All files below a folder, by the keys that they stand for."""
    found = {}
    for top, _, names in os.walk(folder):
        for name in names:
            path = Path(top, name)
            found[path.relative_to(folder).as_posix()] = path
    return found


def _in_the_way(path: Path) -> str:
    return (
        f"The key of '{path.name}' cannot be both a file and a folder: another key of the run "
        "begins with it, or is its beginning. Use another key."
    )
