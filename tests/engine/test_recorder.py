"""The run as framework files see it: one bad value costs that value, one bad callback nothing."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import autolog
from autolog.engine import guard
from autolog.engine.recorder import Recorder
from tests.conftest import Faults


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    """A recorder of a run."""
    with autolog.start_run() as run:
        yield Recorder(run, "toy")


def test_one_bad_value_costs_that_value_only(recorder: Recorder, faults: Faults) -> None:
    recorder.log_param("depth", 1)
    recorder.log_params({"depth": 2, "width": 3, "a/../b": 4})
    faults.expect("param 'depth'", "param 'a/../b'")
    recorder.log_metrics({"good": 1, "bad": "text", "nan": float("nan")}, step=5)
    faults.expect("metric 'bad'")
    recorder.set_tags({"good": 1, "": 2})
    faults.expect("tag ''")
    data = autolog.get_run(recorder.run_id).data
    assert data.params == {"depth": "1", "width": "3"}
    assert set(data.metrics) == {"good", "nan"}
    assert data.tags["good"] == "1"


def test_what_is_too_long_is_cut_with_a_warning(
    recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    recorder.log_params({"long": "x" * 7000, "k" * 300: 1, "short": 2})
    recorder.set_tag("long tag", "x" * 9000)
    data = autolog.get_run(recorder.run_id).data
    assert data.params == {"long": "x" * 6000, "k" * 250: "1", "short": "2"}
    assert data.tags["long tag"] == "x" * 8000
    assert len(caplog.messages) == 3
    assert all("000" in text or "250" in text for text in caplog.messages)


def test_verbs_never_raise_into_a_training(recorder: Recorder, faults: Faults) -> None:
    class Hostile:
        def __str__(self) -> str:
            raise RuntimeError("no text")

    recorder.log_params({"a": Hostile(), "b": 1})
    recorder.log_metric("a", Hostile())
    recorder.log_text("a", "../outside.txt")
    recorder.log_dict({"a": Hostile()}, "a.json")
    recorder.log_bytes(b"", "")
    recorder.log_artifact("nowhere")
    recorder.log_artifacts("nowhere")
    recorder.log_figure(lambda: 1 / 0, "a.png")
    recorder.later(lambda: {}["key"])
    recorder.log_model(1, "m", flavor="nothing")
    assert autolog.get_run(recorder.run_id).data.params == {"b": "1"}
    assert len(faults.caught) == 10, faults.caught
    assert all(place.startswith("toy: ") for place, _ in faults.caught)
    faults.caught.clear()


def test_each_fault_is_told_once_with_the_runs_name(
    recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    guard.collected = None
    for _ in range(3):
        recorder.log_metric("some metric", "text")
        Recorder(recorder.run, "toy", silent=True).log_metric("other metric", "text")
    [told] = caplog.records
    assert told.name == "autolog"
    assert told.levelno == logging.WARNING
    assert "some metric" in told.getMessage()
    assert f"'{recorder.run.info.run_name}'" in told.getMessage()


def test_one_cause_of_several_faults_is_told_once(
    recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    def checkpoint() -> None:
        raise OSError(28, "No space left on device", "a/file")

    def model() -> None:
        try:
            checkpoint()
        except OSError as error:
            raise RuntimeError("the model cannot be saved") from error

    guard.collected = None
    run = lambda: recorder.name
    for place, work in (("toy: checkpoint", checkpoint), ("toy: model", model)):
        guard.guarded(place, run)(work)()
    [told] = caplog.messages
    assert "toy: checkpoint failed" in told
    guard.guarded("toy: a figure", run)(lambda: 1 / 0)()
    assert len(caplog.messages) == 2


def test_a_logging_handler_that_raises_does_not_reach_the_training(recorder: Recorder) -> None:
    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise RuntimeError("broken handler")

    guard.collected = None
    broken = Broken()
    logging.getLogger("autolog").addHandler(broken)
    try:
        recorder.log_metric("a third metric", "text")
    finally:
        logging.getLogger("autolog").removeHandler(broken)


def test_a_fault_that_cannot_be_told_does_not_reach_the_training(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Unprintable(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    def no_name() -> str:
        raise RuntimeError("the store is down")

    guard.collected = None
    with guard.guarded("a place", no_name):
        raise Unprintable
    assert "a place failed" in caplog.text


def test_the_guard_lets_an_interrupt_pass() -> None:
    for error in (KeyboardInterrupt, SystemExit, GeneratorExit):
        with pytest.raises(error), guard.guarded("here"):
            raise error


def test_trainings_in_one_run_share_no_names(recorder: Recorder) -> None:
    kinds = ["Tree", "Tree", "Forest", "Tree", "Forest"]
    for number, kind in enumerate(kinds):
        scope = recorder.scope(kind)
        scope.log_param("depth", number)
        scope.log_metric("score", number)
        scope.set_tag("kind", kind)
        scope.log_text(kind, "about.txt")
    recorder.log_param("shared", "yes")
    data = autolog.get_run(recorder.run_id).data
    prefixes = ["", "Tree-2.", "Forest.", "Tree-3.", "Forest-2."]
    assert data.params == {f"{p}depth": str(n) for n, p in enumerate(prefixes)} | {"shared": "yes"}
    assert data.metrics == {f"{p}score": n for n, p in enumerate(prefixes)}
    for prefix, kind in zip(prefixes, kinds, strict=True):
        assert data.tags[f"{prefix}kind"] == kind
        uri = f"runs:/{recorder.run_id}/{prefix}about.txt"
        assert autolog.artifacts.load_text(uri) == kind
    with autolog.start_run(nested=True) as other:
        Recorder(other, "toy").scope("Tree").log_param("depth", 9)
        assert autolog.get_run(other.run_id).data.params == {"depth": "9"}


def test_scopes_are_counted_across_threads(recorder: Recorder) -> None:
    def work() -> None:
        for _ in range(50):
            recorder.scope("Tree").log_param("depth", 1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(autolog.get_run(recorder.run_id).data.params) == 200


def test_figures_are_drawn_beside_the_training(recorder: Recorder) -> None:
    threads = []

    class Figure:
        def savefig(self, file: Any, **how: Any) -> None:
            threads.append(threading.current_thread())
            file.write(b"picture")

    recorder.scope("Tree").log_figure(Figure, "tree.png")
    recorder.scope("Tree").log_figure(Figure, "tree.png")
    autolog.get_run(recorder.run_id)
    assert threading.main_thread() not in threads
    listed = autolog.artifacts.list_artifacts(run_id=recorder.run_id)
    assert [file.path for file in listed] == ["Tree-2.tree.png", "tree.png"]


def test_models_go_through_their_flavor(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged = []
    flavor: Any = ModuleType("flavors.toy")
    flavor.log_model = lambda *args, **kwargs: logged.append((args, kwargs))
    monkeypatch.setitem(sys.modules, "flavors.toy", flavor)
    recorder.log_model("tree", flavor="toy", signature="s")
    assert logged == [(("tree",), {"name": "model", "run": recorder.run, "signature": "s"})]


def test_datasets_are_described(recorder: Recorder) -> None:
    recorder.log_dataset([[1, 2], [3, 4]], [0, 1], name="X", context="eval")
    [given] = autolog.get_run(recorder.run_id).inputs.dataset_inputs
    assert given.dataset.name == "X"
    assert given.tags[0].value == "eval"


def test_folders_and_children(recorder: Recorder) -> None:
    with recorder.scope("Tree").artifact_folder("model") as folder:
        Path(folder, "a").write_text("a")
    child = recorder.child("first", {"a": "b"})
    child.log_param("depth", 1)
    child.end()
    run = autolog.get_run(child.run_id)
    assert run.data.tags["mlflow.parentRunId"] == recorder.run_id
    assert run.info.run_name == "first"
    assert autolog.artifacts.load_text(f"runs:/{recorder.run_id}/model/a") == "a"
