"""One name for everything: verbs, classes, frameworks and MLflow's submodules."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import autolog

SUBMODULES = {
    "tracking": ["MlflowClient"],
    "entities": ["Run", "Metric", "Param", "RunTag", "ViewType", "RunStatus", "Experiment"],
    "exceptions": ["MlflowException"],
    "models": ["infer_signature", "ModelSignature"],
    "pyfunc": ["load_model"],
    "artifacts": ["download_artifacts", "list_artifacts", "load_text", "load_dict", "load_image"],
}


@pytest.mark.parametrize("name", SUBMODULES)
def test_submodules_hold_what_user_code_imports(name: str) -> None:
    module = importlib.import_module(f"autolog.{name}")
    assert getattr(autolog, name) is module
    for attribute in SUBMODULES[name]:
        assert callable(getattr(module, attribute))
        assert attribute in module.__all__


def test_verbs_and_classes() -> None:
    from core_client import fluent

    for verb in fluent.__all__:
        assert getattr(autolog, verb) is getattr(fluent, verb)
    assert autolog.MlflowClient is autolog.Client is autolog.tracking.MlflowClient
    with autolog.start_run() as run:
        assert isinstance(run, autolog.ActiveRun)


def test_dir_names_everything_and_everything_in_it_is_there() -> None:
    names = dir(autolog)
    assert {"autolog", "disable", "status", "start_run", "MlflowClient", "models"} <= set(names)
    for name in names:
        getattr(autolog, name)


def test_what_is_not_there_is_an_attribute_error() -> None:
    for name in ("nonsense", "_private", "__wrapped__", "engine2"):
        assert not hasattr(autolog, name)
    with pytest.raises(ImportError):
        from autolog import nonsense  # noqa: F401


def test_as_mlflow() -> None:
    code = """
import autolog as mlflow
from autolog.tracking import MlflowClient
from autolog import log_metric, start_run
mlflow.autolog()
with mlflow.start_run() as run:
    mlflow.log_param("a", 1)
    log_metric("b", 2)
print(MlflowClient().get_run(run.info.run_id).data.params)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "AUTOLOG_HOME": "home"},
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout == "{'a': '1'}\n"
