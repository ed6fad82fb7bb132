"""Global and own options, in any order; versions; frameworks of other packages; the table."""

from __future__ import annotations

import itertools
import sys
from typing import Any

import pytest

import autolog
from autolog.exceptions import MlflowException
from tests.conftest import Faults
from tests.engine.conftest import Toy

FILE = """
from autolog.engine import configure, on
seen = []

def autolog(log_models=True, depth=1, disable=False, exclusive=False,
            disable_for_unsupported_versions=False, silent=False, extra_tags=None):
    configure("toy", locals())

@on("toylib.base", "Base.fit", subclasses=True)
def fit(call):
    seen.append(vars(call.options))
    yield
"""


def install(toy: Toy, version: str = "3.1", asked: str = ">=2,<4") -> None:
    """The toy framework and, in another package, the file that records it."""
    metadata = "Metadata-Version: 2.1\nName: {}\nVersion: {}\n"
    for name, number, more, points in (
        ("toylib", version, "", ""),
        (
            "toy_plugin", "1.0",
            f"Provides-Extra: toy\nRequires-Dist: toylib{asked}; extra == 'toy'\n",
            "[autolog.frameworks]\ntoy = toy_autolog\n",
        ),
    ):  # fmt: skip
        folder = toy.folder / f"{name}-{number}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(metadata.format(name, number) + more)
        (folder / "entry_points.txt").write_text(points)
    toy.write("toy_autolog", FILE)


def recorded(toy: Toy) -> Any:
    """The options of one fit, or None if it was not recorded."""
    seen = toy.load("toy_autolog").seen
    seen.clear()
    toy.load("toylib.base").Heir().fit(1)
    assert len(seen) <= 1
    return seen[0] if seen else None


def row(name: str = "toy") -> Any:
    """The framework's row in the table."""
    return next(one for one in autolog.status() if one.framework == name)


def test_frameworks_of_other_packages_are_found(toy: Toy) -> None:
    install(toy)
    autolog.autolog(extra_tags={"a": "b"}, log_models=False)
    options = recorded(toy)
    assert options["extra_tags"] == {"a": "b"}
    assert options["log_models"] is False
    assert options["depth"] == 1
    assert autolog.toy is toy.load("toy_autolog")
    del autolog.toy


def test_they_are_found_without_delay_for_autolog_itself(toy: Toy) -> None:
    install(toy)
    import subprocess

    code = """
import autolog, sys
autolog.autolog()
assert "importlib.metadata" not in sys.modules
from toylib.base import Heir
Heir().fit(1)
import toy_autolog
print(len(toy_autolog.seen))
autolog.disable()
print([finder for finder in sys.meta_path if "autolog" in type(finder).__module__])
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": ":".join(sys.path)},
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout == "1\n[]\n"


@pytest.mark.parametrize(
    "first", ["import importlib.metadata", "import email", "import array", "import __hello__",
              "import nothing_of_that_name", "import outer"],
)  # fmt: skip
def test_finding_them_loads_no_module_twice(toy: Toy, first: str) -> None:
    install(toy)
    toy.write("outer", "import other_framework, email\n")
    toy.write("other_framework", "def train(): pass\n")
    toy.write(
        "other_autolog",
        """
        from autolog.engine import configure, on
        @on("other_framework", "train")
        def train(call):
            yield
        configure("other", {"disable": False})
        """,
    )
    import subprocess

    code = f"""
import autolog, other_autolog, sys
autolog.autolog()
from importlib.machinery import SourceFileLoader
loaded = []
run = SourceFileLoader.exec_module
SourceFileLoader.exec_module = lambda self, module: (loaded.append(self.name), run(self, module))
try:
    {first}
except ModuleNotFoundError:
    pass
from toylib.base import Heir
import toy_autolog
Heir().fit(1)
print(len(toy_autolog.seen), {{name for name in loaded if loaded.count(name) > 1}}, len(loaded) > 20)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": ":".join(sys.path)},
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.removeprefix("Hello world!\n") == "1 set() True\n"


@pytest.mark.parametrize("order", itertools.permutations(("global", "own", "import")), ids=" ".join)
def test_the_frameworks_own_options_win_in_any_order(toy: Toy, order: tuple[str, ...]) -> None:
    install(toy)
    for step in order:
        if step == "global":
            autolog.autolog(log_models=False, extra_tags={"from": "global"})
        elif step == "own":
            autolog.toy.autolog(depth=7)
        else:
            toy.load("toylib.base")
    options = recorded(toy)
    assert (options["depth"], options["log_models"], options["extra_tags"]) == (7, True, None)
    autolog.autolog(disable=True)
    assert recorded(toy)["depth"] == 7
    autolog.toy.autolog(disable=True)
    autolog.autolog()
    assert recorded(toy) is None
    autolog.disable()
    autolog.autolog(log_models=False)
    assert recorded(toy)["log_models"] is False
    del autolog.toy


def test_the_last_global_options_hold(toy: Toy) -> None:
    install(toy)
    autolog.autolog(log_models=False)
    autolog.autolog(extra_tags={"a": "b"})
    assert recorded(toy)["log_models"] is True
    autolog.autolog(disable=True)
    assert recorded(toy) is None
    autolog.autolog()
    assert recorded(toy)["extra_tags"] is None
    autolog.autolog(exclude_flavors=["toy"])
    assert recorded(toy) is None


def test_excluded_flavors_that_are_on_by_their_own_stay_on(toy: Toy) -> None:
    install(toy)
    autolog.toy.autolog(depth=3)
    autolog.autolog(exclude_flavors=["toy", "langchain"])
    assert recorded(toy)["depth"] == 3
    del autolog.toy


def test_wrong_options_are_refused_and_nothing_changes(toy: Toy) -> None:
    install(toy)
    for wrong in (
        {"disable": "no"}, {"silent": 1}, {"extra_tags": ["a"]}, {"exclude_flavors": "toy"},
    ):  # fmt: skip
        with pytest.raises(MlflowException, match=next(iter(wrong))):
            autolog.autolog(**wrong)  # type: ignore[arg-type]
    assert recorded(toy) is None


def test_a_framework_file_that_fails_costs_that_framework_only(toy: Toy, faults: Faults) -> None:
    install(toy)
    toy.write("toy_autolog", "raise RuntimeError('broken file')\n")
    toy.write("good_autolog", FILE.replace('"toy"', '"good"'))
    points = next(toy.folder.glob("toy_plugin*")) / "entry_points.txt"
    points.write_text(points.read_text() + "good = good_autolog\n")
    autolog.autolog()
    faults.expect("broken file")
    toy.load("toylib.base").Base().fit(1)
    assert len(toy.load("good_autolog").seen) == 1


@pytest.mark.parametrize(
    ("version", "asked", "tested"),
    [
        ("2.0", ">=2,<4", True), ("3.99.1", ">=2,<4", True), ("1.9", ">=2,<4", False),
        ("4", ">=2,<4", False), ("4.0.dev1", ">=2,<4", False), ("4.0rc1", ">=2,<4", False),
        ("2.10", ">=2.9", True), ("2.9.0", "==2.9", True), ("2.9.1", "!=2.9.1", False),
        ("1.0+cpu", "<=1.0", True), ("7", "", True), ("3", " (<4,>=2.5)", True),
    ],
)  # fmt: skip
def test_versions_outside_the_tested_range(
    toy: Toy, caplog: pytest.LogCaptureFixture, version: str, asked: str, tested: bool
) -> None:
    install(toy, version, asked)
    autolog.autolog(silent=True)
    assert recorded(toy)
    assert caplog.messages == []
    autolog.autolog()
    assert recorded(toy)
    assert recorded(toy)
    said = [text for text in caplog.messages if f"toylib {version} is outside" in text]
    assert len(said) == (0 if tested else 1)
    assert row().state == "on"
    autolog.autolog(disable_for_unsupported_versions=True)
    assert (recorded(toy) is not None) == tested
    assert row().state == ("on" if tested else "off: version outside the tested range")
    autolog.autolog()
    assert recorded(toy)


def test_the_table_says_what_is_on_and_why_not(toy: Toy) -> None:
    install(toy)
    assert row() == ("toy", "3.1", ">=2,<4", "off: not switched on")
    autolog.autolog()
    assert row() == ("toy", "3.1", ">=2,<4", "on, when imported")
    toy.load("toylib.base")
    assert row().state == "on"
    autolog.autolog(disable=True)
    assert row().state == "off: disable=True"
    autolog.disable()
    assert row().state == "off: not switched on"
    lines = str(autolog.status()).splitlines()
    assert lines[0].split() == ["framework", "installed", "tested", "autologging"]
    assert any(line.split()[:3] == ["toy", "3.1", ">=2,<4"] for line in lines)
    assert repr(autolog.status()) == str(autolog.status())


def test_the_table_knows_what_is_not_installed(toy: Toy) -> None:
    install(toy)
    next(toy.folder.glob("toylib-*.dist-info")).rename(toy.folder / "gone")
    assert row() == ("toy", "-", ">=2,<4", "off: not installed")


def test_a_hook_that_is_lent_records_once_for_whoever_is_on(toy: Toy) -> None:
    """Of three frameworks that need one hook, the owner has it, else the first that is on."""
    for name in ("one", "two"):
        toy.write(
            f"{name}_autolog",
            f"from autolog.engine import configure\ndef autolog(disable=False):\n"
            f"    configure('{name}', locals())\n",
        )
    toy.write(
        "owner_autolog",
        """
        from autolog.engine import configure, on
        seen = []
        def autolog(disable=False, depth=1):
            configure("owner", locals())
        @on("toylib.training", "train", also=("toylib",), lent_to=("one", "two"))
        def train(call):
            seen.append(call.options.get("depth"))
            yield
        """,
    )
    owner, one, two = (toy.load(f"{name}_autolog") for name in ("owner", "one", "two"))
    toylib = toy.load("toylib")

    def found() -> list[int | None]:
        owner.seen.clear()
        toylib.train({})
        return list(owner.seen)

    assert found() == []
    two.autolog()
    assert found() == [None]
    one.autolog()
    owner.autolog()
    assert found() == [1]
    owner.autolog(disable=True)
    one.autolog(disable=True)
    assert found() == [None]
    two.autolog(disable=True)
    assert found() == []
