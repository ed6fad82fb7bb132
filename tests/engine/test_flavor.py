"""A framework's module shows what its flavor does, and imports that when it is used."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import autolog
from tests.scripts import run_script

FACES = (
    "sklearn", "xgboost", "lightgbm", "statsmodels", "keras", "tensorflow", "pytorch", "fastai",
    "gluon", "spark",
)  # fmt: skip


@pytest.mark.parametrize("framework", FACES)
def test_what_the_flavor_does_is_shown_and_found(framework: str) -> None:
    face = getattr(autolog, framework)
    assert {"autolog", "load_model", "log_model", "save_model"} <= set(dir(face))
    assert face.log_model is sys.modules[f"flavors.{framework}"].log_model
    with pytest.raises(AttributeError, match=rf"'autolog\.{framework}' has no attribute 'no_such'"):
        face.no_such  # noqa: B018


def test_it_is_not_imported_before(tmp_path: Path) -> None:
    shown = run_script(
        "import sys, autolog\n"
        "dir(autolog.sklearn), autolog.sklearn.autolog()\n"
        "print([name for name in sys.modules if name.startswith('flavors')])\n",
        tmp_path,
    )
    assert shown == "[]\n"
