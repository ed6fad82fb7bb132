"""Every keyword of MLflow's `save_model` and `log_model` is one of ours, at the same first places."""

from __future__ import annotations

import ast
import inspect
from importlib import import_module
from pathlib import Path

import pytest

from tests.project import FRAMEWORKS

mlflow = pytest.importorskip("mlflow")


def theirs(flavor: str, verb: str) -> list[str]:
    """The arguments of MLflow's function, read from its source: no framework is needed."""
    for file in sorted(Path(mlflow.__file__).parent.joinpath(flavor).glob("*.py")):
        for node in ast.parse(file.read_text("utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name == verb:
                return [one.arg for one in (*node.args.args, *node.args.kwonlyargs)]
    pytest.skip(f"this MLflow has no {flavor}")


@pytest.mark.parametrize("verb", ["save_model", "log_model"])
@pytest.mark.parametrize("flavor", FRAMEWORKS)
def test_mlflows_keywords_are_ours(flavor: str, verb: str) -> None:
    expected = theirs(flavor, verb)
    ours = list(inspect.signature(getattr(import_module(f"flavors.{flavor}"), verb)).parameters)
    assert ours[:3] == expected[:3]
    assert set(expected) <= set(ours)
