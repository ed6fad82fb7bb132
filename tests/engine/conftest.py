"""A toy framework, `toylib`, made anew for each test, and a file that records it."""

from __future__ import annotations

import importlib
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import autolog
from autolog.engine import configure, hook, on, options

TOYLIB = {
    "__init__": """
        from toylib.training import train
        __version__ = "1.0"
        """,
    "training": '''
        calls = []
        def train(params, rounds=2, *, callbacks=None, **more):
            """Train a booster."""
            calls.append((params, rounds, callbacks, more))
            for step in range(rounds):
                for callback in callbacks or ():
                    callback(step)
            return {"params": params, "rounds": rounds}
        ''',
    "base": """
        import functools

        class Base:
            def __init__(self, depth=1):
                self.depth = depth
            def fit(self, X, y=None, *, weight=1, fail=None):
                "Fit the model."
                if fail is not None:
                    raise fail
                self.seen = (X, y, weight)
                return self

        class Child(Base):
            def fit(self, X, y=None):
                "Fit the child."
                return super().fit(X, y)

        class Heir(Base):
            pass

        class Other:
            def fit(self, X):
                return "other", X
            @classmethod
            def build(cls, depth=1):
                return cls, depth
            @staticmethod
            def measure(a, b=2):
                return a + b
        """,
}


def runs() -> list[Any]:
    """All recorded runs, the first one begun first, however little time lay between them."""
    found = {run.info.run_id: run for run in autolog.search_runs(output_format="list")}
    if not found:
        return []
    with sqlite3.connect("mlflow.db") as database:
        ids = database.execute("SELECT run_uuid FROM runs ORDER BY rowid").fetchall()
    database.close()
    return [found[run_id] for (run_id,) in ids]


class Toy:
    """The toy framework, and how a test records it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, name: str = "toylib") -> Any:
        """Import one of its modules."""
        return importlib.import_module(name)

    def write(self, name: str, text: str) -> None:
        """Add or change a module of it, or one of the user's beside it."""
        import textwrap

        path = self.folder / f"{name.replace('.', '/')}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(text))
        importlib.invalidate_caches()

    def autolog(self, **keywords: Any) -> None:
        """The toy's own `autolog(...)`."""
        common = {
            "disable": False, "exclusive": False, "silent": False, "extra_tags": None,
            "disable_for_unsupported_versions": False,
        }  # fmt: skip
        configure("toy", common | keywords)

    def on(self, path: str, module: str = "toylib.base", **how: Any) -> Callable[[Any], Any]:
        """Declare a hook of the toy."""

        def declare(handler: Any) -> Any:
            handler.__module__ = __name__
            return on(module, path, **how)(handler)

        return declare


@pytest.fixture
def toy(own_place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Toy]:
    """The toy framework, not imported yet."""
    folder = tmp_path / "lib"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    toy = Toy(folder)
    for name, text in TOYLIB.items():
        toy.write(f"toylib.{name}", text)
    before = set(sys.modules)
    yield toy
    options.disable_all()
    # What autolog's own files declared when they were imported is not declared again.
    ours = [one for one in options._declared if one.handler.__module__.startswith("autolog.")]
    options._declared[:] = ours
    for name in set(options.frameworks) - set(options.built_in()):
        del options.frameworks[name]
    hook._actions.clear()
    for name in set(sys.modules) - before:
        module: ModuleType | None = sys.modules[name]
        if str(getattr(module, "__file__", "")).startswith(str(folder)):
            del sys.modules[name]
