"""scikit-learn models logged to a run: at once on disk, later as skops, read back through the run."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from core_client import background
from core_client.exceptions import MlflowException
from core_client.fluent import active_run, end_run, get_run, start_run
from flavors import pyfunc, sklearn
from flavors.log import HISTORY
from flavors.model import Model, get_model_info
from flavors.signature import infer_signature

X, y = load_iris(return_X_y=True, as_frame=True)


@pytest.fixture
def model() -> Any:
    return LogisticRegression(max_iter=500).fit(X, y)


@contextlib.contextmanager
def paused_background() -> Iterator[None]:
    """The background thread does nothing inside the block, and everything at its end."""
    event = threading.Event()
    background.submit(event.wait, 60)
    try:
        yield
    finally:
        event.set()
        background.wait(60)


def format_of(folder: Path) -> Any:
    return Model.load(folder).flavor("sklearn")["serialization_format"]


def test_a_logged_model_loads_by_its_uri(model: Any) -> None:
    with start_run() as run:
        info = sklearn.log_model(model, "model", signature=infer_signature(X, y))
    assert info.model_uri == f"runs:/{run.run_id}/model"
    assert (info.run_id, info.artifact_path) == (run.run_id, "model")
    assert set(info.flavors) == {"sklearn", "python_function"}
    for loaded in (sklearn.load_model(info.model_uri), pyfunc.load_model(info.model_uri)):
        np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    found = get_model_info(info.model_uri)
    assert (found.model_uuid, found.utc_time_created) == (info.model_uuid, info.utc_time_created)
    assert found.signature == infer_signature(X, y)


def test_only_the_model_is_needed(model: Any) -> None:
    info = sklearn.log_model(model)
    run = active_run()
    assert run is not None
    end_run()
    assert info.model_uri == f"runs:/{run.run_id}/model"
    assert isinstance(sklearn.load_model(info.model_uri), LogisticRegression)


def test_the_model_is_whole_at_once_and_becomes_skops_later(model: Any) -> None:
    coefficients = model.coef_.copy()
    with start_run() as run:
        with paused_background():
            folder = run.artifacts.root / "m"
            sklearn.log_model(model, name="m", input_example=X[:2])
            model.coef_[:] = 0  # what the user does afterwards does not reach the logged model
            assert format_of(folder) == "cloudpickle"
            np.testing.assert_array_equal(sklearn.load_model(folder).coef_, coefficients)
        assert format_of(folder) == "skops"
        np.testing.assert_array_equal(sklearn.load_model(folder).coef_, coefficients)
    assert sorted(path.name for path in folder.iterdir()) == [
        "MLmodel", "autolog.sig", "conda.yaml", "input_example.json", "model.skops",
        "python_env.yaml", "requirements.txt", "serving_input_example.json",
    ]  # fmt: skip


def test_a_reader_never_meets_the_first_form(model: Any) -> None:
    with start_run():
        info = sklearn.log_model(model)
        assert get_model_info(info.model_uri).flavor("sklearn")["serialization_format"] == "skops"


def test_a_later_model_of_the_same_name_stays(model: Any) -> None:
    with start_run() as run:
        with paused_background():
            folder = run.artifacts.root / "m"
            sklearn.log_model(model, "m")
            sklearn.log_model(LinearRegression().fit(X, y), "m", serialization_format="pickle")
        assert format_of(folder) == "pickle"
        assert isinstance(sklearn.load_model(folder), LinearRegression)


def test_what_skops_cannot_hold_stays_a_pickle() -> None:
    model = make_pipeline(FunctionTransformer(lambda x: x), LinearRegression()).fit(X, y)
    with start_run():
        info = sklearn.log_model(model)
        about = get_model_info(info.model_uri).flavor("sklearn")
        assert about["serialization_format"] == "cloudpickle"
        np.testing.assert_array_equal(
            sklearn.load_model(info.model_uri).predict(X), model.predict(X)
        )


def test_a_model_that_cannot_be_saved_leaves_nothing(model: Any) -> None:
    model.lock = threading.Lock()
    with start_run() as run:
        with pytest.raises(MlflowException, match=r"attribute 'lock' of type lock"):
            sklearn.log_model(model)
        root = run.artifacts.root
    assert not list(root.glob("*"))
    assert HISTORY not in get_run(run.run_id).data.tags


def test_the_run_lists_its_models(model: Any) -> None:
    with start_run() as run:
        sklearn.log_model(model, "a")
    with start_run(run_id=run.run_id):
        info = sklearn.log_model(model, "b")
    history = json.loads(get_run(run.run_id).data.tags[HISTORY])
    assert [entry["artifact_path"] for entry in history] == ["a", "b"]
    assert history[1]["model_uuid"] == info.model_uuid
    assert set(history[1]["flavors"]) == {"sklearn", "python_function"}


def test_a_long_list_of_models_drops_the_oldest(model: Any) -> None:
    with start_run() as run:
        for i in range(40):
            sklearn.log_model(model, f"m{i}", serialization_format="pickle")
    history = json.loads(get_run(run.run_id).data.tags[HISTORY])
    assert 20 < len(history) < 40
    assert history[-1]["artifact_path"] == "m39"


def test_a_given_run_is_logged_to(model: Any) -> None:
    with start_run() as run, run.child() as other:
        info = sklearn.log_model(model, run=other)
    assert info.run_id == other.run_id != run.run_id


def test_facts_about_the_model_are_kept(model: Any) -> None:
    with start_run():
        info = sklearn.log_model(
            model, name="m", params={"C": 1.0}, tags={"a": "b"}, model_type="c", step=3,
            metadata={"own": 1},
        )  # fmt: skip
    assert get_model_info(info.model_uri).metadata == {
        "own": 1, "params": {"C": 1.0}, "tags": {"a": "b"}, "model_type": "c", "step": 3
    }  # fmt: skip


@pytest.mark.parametrize("asked", [{"registered_model_name": "n"}, {"model_id": "m-1"}])
def test_what_needs_a_registry_is_refused(model: Any, asked: dict[str, str]) -> None:
    with start_run() as run:
        with pytest.raises(MlflowException, match="no"):
            sklearn.log_model(model, **asked)
        assert not list(run.artifacts.root.glob("*"))


@pytest.mark.parametrize("name", ["../m", "/m", "a/../../m", "%2e%2e/m", "a\\b"])
def test_a_name_that_leads_out_of_the_run_is_refused(model: Any, name: str) -> None:
    with start_run(), pytest.raises(MlflowException, match="refused"):
        sklearn.log_model(model, name)


KILLED = """
import os, signal, threading
from sklearn.linear_model import LinearRegression
from core_client import background
from core_client.fluent import start_run
from flavors import sklearn
run = start_run()
if {wait}:
    background.submit(threading.Event().wait)
sklearn.log_model(LinearRegression().fit([[0], [1]], [0, 1]))
print(run.artifacts.root, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("wait", [True, False])
def test_kill_9_after_the_call_loses_nothing(wait: bool) -> None:
    result = subprocess.run(
        [sys.executable, "-c", KILLED.format(wait=wait)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert result.returncode == -signal.SIGKILL, result.stderr
    loaded = sklearn.load_model(Path(result.stdout.strip()) / "model")
    np.testing.assert_allclose(loaded.predict([[2]]), [2])
