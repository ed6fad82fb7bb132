"""What holds for the repository as a whole: one name per framework, small modules, plain names."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import autolog
from autolog.engine import options, versions
from tests.project import EXTRAS, FRAMEWORKS, PROJECT, ROOT

SHIPPED = ("autolog", "flavors", "core_client")
FOLDERS = (*SHIPPED, "tests", "integration_tests", "benchmarks", "examples")


def sources(*folders: str) -> Iterator[Path]:
    """The Python files of some folders."""
    for folder in folders:
        yield from (ROOT / folder).rglob("*.py")


def modules_defining(folder: str, function: str) -> set[str]:
    """The files and packages of a folder that define a function of this name."""
    pattern = re.compile(rf"^def {function}\(", re.MULTILINE)
    found = [*(ROOT / folder).glob("*.py"), *(ROOT / folder).glob("*/__init__.py")]
    names = {
        path.parent.name if path.name == "__init__.py" else path.stem
        for path in found
        if path.parent / path.name != ROOT / folder / "__init__.py"
        and pattern.search(path.read_text(encoding="utf-8"))
    }
    return names


def test_a_framework_has_the_same_name_everywhere() -> None:
    frameworks = set(FRAMEWORKS)
    assert modules_defining("autolog", "autolog") == frameworks
    # One below another package's name shares an extra, a flavor and a folder of tests.
    assert {versions.extra_of(name) for name in options.built_in()} == frameworks
    assert modules_defining("flavors", "save_model") - {"pyfunc"} == frameworks
    assert {
        name for name in frameworks if (ROOT / "integration_tests" / name).is_dir()
    } == frameworks


@pytest.mark.parametrize("extra", EXTRAS)
def test_every_requirement_has_a_lower_bound(extra: str) -> None:
    for requirement in map(Requirement, PROJECT["dependencies"] + EXTRAS[extra]):
        operators = [part.operator for part in requirement.specifier]
        assert operators.count(">=") == 1, f"{requirement}: what are its lowest versions?"


def test_modules_are_small() -> None:
    sizes = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in sources(*SHIPPED)
    }
    assert {path: lines for path, lines in sizes.items() if lines > 400} == {}


def test_names_tell_what_is_inside() -> None:
    telling_nothing = {"util", "utils", "helper", "helpers", "common", "misc"}
    names = {path for path in sources(*FOLDERS) if telling_nothing & {path.stem, path.parent.name}}
    assert names == set()


def test_every_file_says_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in sources(*FOLDERS)
        if not path.read_text(encoding="utf-8").startswith(('"""', "#!"))
    ]
    assert silent == []


def public_functions() -> Iterator[tuple[str, object]]:
    """Every function and class of the face, by name."""
    for name in dir(autolog):
        member = getattr(autolog, name)
        if not name.startswith("_") and (inspect.isfunction(member) or inspect.isclass(member)):
            yield name, member


def test_every_public_function_is_documented() -> None:
    functions = dict(public_functions())
    assert {"autolog", "status", "start_run", "log_metric", "search_runs"} <= set(functions)
    assert [name for name, member in functions.items() if not inspect.getdoc(member)] == []


def test_every_keyword_of_autolog_is_documented() -> None:
    text = inspect.getdoc(autolog.autolog) or ""
    missing = [name for name in inspect.signature(autolog.autolog).parameters if name not in text]
    assert missing == []


def test_nothing_is_left_for_later() -> None:
    words = re.compile("TODO|FIXME|XXX|NotImplementedError")
    left = [
        f"{path.relative_to(ROOT)}: {word}"
        for path in sources(*SHIPPED)
        for word in words.findall(path.read_text(encoding="utf-8"))
    ]
    assert left == []


def test_the_repository_knows_no_machine() -> None:
    paths = re.compile(r"(?<![\w.])/(?:w[o]rk|r[o]ot|h[o]me|o[p]t|U[s]ers)/\w")
    places = [path for path in ROOT.iterdir() if path.is_file() and path.name != ".git"]
    for folder in FOLDERS:
        places += (path for path in (ROOT / folder).rglob("*") if path.is_file())
    named = []
    for path in places:
        if path.suffix in {".py", ".md", ".toml", ".yaml", ".rst", ".ipynb", ".sql", ""}:
            named += [(path.name, hit) for hit in paths.findall(path.read_text(encoding="utf-8"))]
    assert named == []
