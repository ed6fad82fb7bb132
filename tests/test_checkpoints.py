"""Checkpoints: when one is due, what it leaves in the run, and what goes wrong with it."""

from __future__ import annotations

import json
import logging
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import autolog
from autolog.checkpoints import Checkpoints, checked, find, has_weights_only
from autolog.engine.options import Options
from autolog.engine.recorder import Recorder
from core_client.exceptions import MlflowException
from flavors import trust
from tests.conftest import Faults

DEFAULTS = {
    "checkpoint": True,
    "checkpoint_monitor": "val_loss",
    "checkpoint_mode": "min",
    "checkpoint_save_best_only": True,
    "checkpoint_save_weights_only": False,
    "checkpoint_save_freq": "epoch",
}
TAG = "mlflow.latest_checkpoint_artifact"


@pytest.fixture
def run() -> Iterator[Recorder]:
    with autolog.start_run() as run:
        yield Recorder(run, "toy")


def train(run: Recorder, losses: list[Any], steps: int = 4, at_once: int = 1, **how: Any) -> None:
    """An epoch per loss; the model is a text that names its epoch."""
    checkpoints = Checkpoints(run, Options(DEFAULTS | how), ".h5")
    step = 0
    for epoch, loss in enumerate(losses):
        metrics = {"loss": 1, "val_loss": loss, "matrix": [[1, 2], [3, 4]]}

        def save(path: str, model: str = f"model {epoch}") -> None:
            Path(path).write_text(model)

        for _ in range(0, steps, at_once):
            step += at_once
            checkpoints.after_step(epoch, step, lambda now=metrics: now, save)
        checkpoints.after_epoch(epoch, step, lambda now=metrics: now, save)


def kept(run: Recorder, path: str = "checkpoints") -> set[str]:
    return {file.path for file in run.run.artifacts.list(path)}


def test_the_best_is_kept_with_its_metrics(run: Recorder) -> None:
    train(run, [0.5, 0.3, 0.9, float("nan"), 0.3])
    assert kept(run) == {
        "checkpoints/autolog.sig",
        "checkpoints/latest_checkpoint.h5",
        "checkpoints/latest_checkpoint_metrics.json",
    }
    assert find().read_text() == "model 1"
    about = json.loads(run.run.artifacts.read("checkpoints/latest_checkpoint_metrics.json"))
    assert about == {"loss": 1, "val_loss": 0.3, "epoch": 1, "global_step": 8}
    assert run.run.data.tags[TAG] == "checkpoints/latest_checkpoint.h5"


def test_the_best_may_be_the_highest(run: Recorder) -> None:
    train(run, [float("nan"), 0.1, 0.9, 0.3], checkpoint_mode="max")
    assert find().read_text() == "model 2"


def test_every_epoch_is_kept_and_found(run: Recorder) -> None:
    train(run, [0.1, 0.2], checkpoint_save_best_only=False, checkpoint_save_weights_only=True)
    assert kept(run) == {"checkpoints/epoch_0", "checkpoints/epoch_1"}
    assert kept(run, "checkpoints/epoch_0") == {
        "checkpoints/epoch_0/autolog.sig",
        "checkpoints/epoch_0/checkpoint.weights.h5",
        "checkpoints/epoch_0/checkpoint_metrics.json",
    }
    assert has_weights_only(find())
    assert find().read_text() == "model 1"
    assert find(run.run_id, epoch=0).read_text() == "model 0"
    with pytest.raises(MlflowException, match="no artifact 'checkpoints/epoch_7/"):
        find(epoch=7)
    with pytest.raises(MlflowException, match="not by both"):
        find(epoch=1, global_step=1)


@pytest.mark.parametrize(
    ("at_once", "freq", "steps"), [(1, 3, [3, 6]), (2, 3, [4, 6]), (4, 1, [4, 8]), (1, 9, [])]
)
def test_checkpoints_by_step(run: Recorder, at_once: int, freq: int, steps: list[int]) -> None:
    how = {"checkpoint_save_best_only": False, "checkpoint_save_freq": freq}
    train(run, [0.1, 0.2], at_once=at_once, **how)
    assert kept(run) == {f"checkpoints/global_step_{step}" for step in steps}
    if steps:
        assert find(global_step=steps[0]).read_text() == "model 0"
        assert not has_weights_only(find())


def test_a_checkpoint_is_known_as_this_users(run: Recorder) -> None:
    train(run, [0.1])
    found = find()
    assert trust.read(found.parent, [found.name]).ours
    found.write_text("another")
    assert not trust.read(found.parent, [found.name]).ours


def test_a_second_training_in_a_run_has_its_own(run: Recorder) -> None:
    every = {"checkpoint_save_best_only": False}
    train(run.scope("Net"), [0.1], **every)
    train(run.scope("Net"), [0.1, 0.2], **every)
    assert find(epoch=0).read_text() == "model 0"
    assert kept(run, "Net-2.checkpoints") == {
        "Net-2.checkpoints/epoch_0", "Net-2.checkpoints/epoch_1",
    }  # fmt: skip
    assert run.run.data.tags[TAG] == "Net-2.checkpoints/epoch_1/checkpoint.h5"


def test_what_the_user_keeps_beside_them_stays(run: Recorder) -> None:
    autolog.log_text("mine", "checkpoints/mine.txt")
    train(run, [0.5, 0.3])
    assert run.run.artifacts.read("checkpoints/mine.txt") == b"mine"


def test_switched_off_nothing_is_asked_or_kept(run: Recorder) -> None:
    def never(*_: object) -> Any:
        pytest.fail("nothing was due")

    off = Checkpoints(run, Options({**DEFAULTS, "checkpoint": False}), ".h5")
    off.after_epoch(0, 1, never, never)
    off.after_step(0, 1, never, never)
    seldom = Checkpoints(run, Options({**DEFAULTS, "checkpoint_save_freq": 5}), ".h5")
    seldom.after_epoch(0, 1, never, never)
    seldom.after_step(0, 1, never, never)
    assert kept(run) == set()
    with pytest.raises(MlflowException, match="has no checkpoint"):
        find()


def test_a_missing_monitor_is_told_once(run: Recorder, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "autolog"):
        train(run, [1, 2, 3], checkpoint_monitor="val_accuracy")
    [told] = caplog.messages
    assert "'val_accuracy'" in told
    assert "only loss, val_loss" in told
    assert kept(run) == set()


def test_a_training_without_validation_is_not_troubled_about_a_default(
    run: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "autolog"):
        checkpoints = Checkpoints(run, Options(DEFAULTS), ".h5")
        checkpoints.after_epoch(0, 1, lambda: {"loss": 1}, lambda path: None)
    assert caplog.messages == []
    assert kept(run) == set()


def test_a_save_that_fails_leaves_nothing_and_the_next_one_is_kept(
    run: Recorder, faults: Faults
) -> None:
    checkpoints = Checkpoints(run, Options(DEFAULTS), ".h5")

    def save(path: str) -> None:
        Path(path).write_text("half a")
        raise TypeError("this model cannot be saved")

    checkpoints.after_epoch(0, 1, lambda: {"val_loss": 1}, save)
    faults.expect("toy: checkpoint: TypeError('this model cannot be saved')")
    assert kept(run) == set()
    checkpoints.after_epoch(1, 2, lambda: {"val_loss": 2}, lambda path: Path(path).write_text("b"))
    assert find().read_text() == "b"


def test_a_full_disk_leaves_the_last_good_one(
    run: Recorder, faults: Faults, tmp_path: Path
) -> None:
    checkpoints = Checkpoints(run, Options(DEFAULTS), ".h5")
    checkpoints.after_epoch(0, 1, lambda: {"val_loss": 2}, lambda path: Path(path).write_text("a"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        checkpoints.after_epoch(
            1, 2, lambda: {"val_loss": 1}, lambda path: Path(path).write_bytes(bytes(200_000))
        )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    faults.expect("checkpoint: OSError(27, 'File too large')")
    assert find().read_text() == "a"
    about = json.loads(run.run.artifacts.read("checkpoints/latest_checkpoint_metrics.json"))
    assert about["epoch"] == 0
    assert list(tmp_path.rglob(".incoming-*")) == []


def test_without_a_run_there_is_nothing_to_find() -> None:
    with pytest.raises(MlflowException, match="No run is active"):
        find()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"checkpoint_mode": "auto"}, "'min' or 'max', not 'auto'"),
        ({"checkpoint_save_freq": 0}, "not 0"),
        ({"checkpoint_save_freq": "batch"}, "not 'batch'"),
        ({"checkpoint_save_freq": True}, "not True"),
        ({"checkpoint_monitor": None}, "needs checkpoint_monitor"),
    ],
)
def test_options_that_cannot_be_are_refused(wrong: dict[str, Any], told: str) -> None:
    assert checked(DEFAULTS) == DEFAULTS
    with pytest.raises(MlflowException, match=told):
        checked(DEFAULTS | wrong)
