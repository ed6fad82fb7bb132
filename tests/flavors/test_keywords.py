"""What every flavor's `save_model` and `log_model` show to users, and what they refuse."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from flavors.keywords import LogKeywords
from tests.project import FRAMEWORKS

# As every version of MLflow that has the flavor; further places differ between versions.
SECOND = {"save_model": "path", "log_model": "artifact_path"}
THIRD = {
    ("keras", "save_model"): "save_exported_model",
    ("keras", "log_model"): "save_exported_model",
    ("tensorflow", "log_model"): "custom_objects",
    ("gluon", "save_model"): "mlflow_model",
    ("spark", "save_model"): "mlflow_model",
}
EVERY = [(flavor, verb) for flavor in FRAMEWORKS for verb in SECOND]


def function(flavor: str, verb: str) -> Callable[..., Any]:
    """A flavor's function; its framework need not be installed."""
    found: Callable[..., Any] = getattr(import_module(f"flavors.{flavor}"), verb)
    return found


@pytest.mark.parametrize(("flavor", "verb"), EVERY)
def test_every_argument_is_shown_with_its_meaning(flavor: str, verb: str) -> None:
    shown = inspect.signature(function(flavor, verb)).parameters
    assert set(shown) >= {"conda_env", "signature", "input_example", "pip_requirements"}
    assert (set(LogKeywords.__annotations__) <= set(shown)) == (verb == "log_model")
    kinds = {parameter.kind for parameter in shown.values()}
    assert inspect.Parameter.VAR_KEYWORD not in kinds
    lines = (inspect.getdoc(function(flavor, verb)) or "").splitlines()
    for name in shown:
        assert sum(line.startswith(f"    {name}: ") for line in lines) == 1, name


@pytest.mark.parametrize(("flavor", "verb"), EVERY)
def test_the_first_places_are_mlflows(flavor: str, verb: str) -> None:
    parameters = list(inspect.signature(function(flavor, verb)).parameters.values())
    third = THIRD.get((flavor, verb), "conda_env")
    assert [one.name for one in parameters[1:3]] == [SECOND[verb], third]
    assert parameters[2].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    if third != "conda_env":
        assert parameters[3].name == "conda_env"


@pytest.mark.parametrize(
    ("verb", "given", "cure"),
    [
        ("log_model", "nmae", " Did you mean 'name'?"),
        ("log_model", "registered_model", " Did you mean 'registered_model_name'?"),
        ("log_model", "modelformat", " Did you mean 'model_format'?"),
        ("log_model", "zzz", ""),
        ("save_model", "code_path", " Did you mean 'code_paths'?"),
        ("save_model", "registered_model_name", ""),
    ],
)
def test_an_unknown_keyword_is_named_with_the_cure(
    tmp_path: Path, verb: str, given: str, cure: str
) -> None:
    with pytest.raises(TypeError) as error:
        function("xgboost", verb)(object(), str(tmp_path / "m"), **{given: 1})
    assert str(error.value) == f"{verb}() got an unexpected keyword argument '{given}'.{cure}"
    assert list(tmp_path.glob("m")) == []


def test_the_functions_go_to_other_processes() -> None:
    log_model = function("sklearn", "log_model")
    assert pickle.loads(pickle.dumps(log_model)) is log_model
