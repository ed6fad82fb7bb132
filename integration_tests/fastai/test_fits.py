"""Fits of a Learner: params, schedules, epochs and what is kept of it, all read back."""

from __future__ import annotations

import random
import sys
from typing import Any

import numpy as np
import pytest
import torch
from fastai.callback.core import Callback
from fastai.callback.tracker import EarlyStoppingCallback, SaveModelCallback

import autolog
from core_client.client import Client
from core_client.exceptions import MlflowException
from integration_tests.fastai.learners import learner, table
from integration_tests.reading import artifacts, only_run, runs


def history(run: Any, key: str) -> list[tuple[int, float]]:
    points = Client().get_metric_history(run.info.run_id, key)
    return [(point.step, point.value) for point in points]


@pytest.fixture(autouse=True)
def on() -> None:
    autolog.fastai.autolog()


def test_a_fit_by_one_cycle() -> None:
    learn = learner()
    callbacks = {type(one) for one in learn.cbs}
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(2, 0.01)
    run = only_run()
    assert run.info.status == "FINISHED"
    assert run.data.tags["mlflow.autologging"] == "fastai"
    wanted = {
        "epochs": "2", "opt_func": "Adam", "model": "TabularModel", "lr_max": "0.01",
        "lr_init": "0.0004", "wd": "0.01", "eps": "1e-05", "pct_start": "0.25",
        "mom_max": "0.95", "batch_size": "16", "input_size": "[[16, 1], [16, 2]]",
    }  # fmt: skip
    assert wanted.items() <= run.data.params.items()
    assert int(run.data.params["num_layers"]) > 3
    assert [step for step, _ in history(run, "train_loss")] == [0, 1]
    assert [value for _, value in history(run, "accuracy")] == [
        row[2] for row in learn.recorder.values
    ]
    assert artifacts(run) == {"lr.png", "mom.png", "module_summary.txt", "model"}
    assert {type(one) for one in learn.cbs} == callbacks
    model = autolog.fastai.load_model(f"runs:/{run.info.run_id}/model")
    rows = table().head()
    theirs, ours = (
        one.get_preds(dl=one.dls.test_dl(rows))[0] for one in (learn, model) for _ in [one.no_bar()]
    )
    assert torch.equal(theirs, ours)
    served = autolog.pyfunc.load_model(f"runs:/{run.info.run_id}/model").predict(rows)
    assert np.allclose(np.stack(served["predictions"]), theirs.numpy())


def test_both_phases_of_fine_tune_are_one_run() -> None:
    def halves(model: Any) -> list[list[Any]]:
        params = list(model.parameters())
        return [params[:2], params[2:]]

    learn = learner(splitter=halves)
    with learn.no_bar(), learn.no_logging():
        learn.fine_tune(2, freeze_epochs=1)
    run = only_run()
    assert run.data.params["freeze_epochs"] == "1"
    assert run.data.params["epochs"] == "2"
    assert run.data.params["base_lr"] == "0.002"
    assert run.data.params["frozen_idx"] == "1"
    assert [step for step, _ in history(run, "freeze_valid_loss")] == [0]
    assert [step for step, _ in history(run, "valid_loss")] == [0, 1]
    assert {"freeze_lr_max", "lr_max", "freeze_mom_min"} <= set(run.data.params)
    assert {"freeze_lr.png", "lr.png", "model"} <= artifacts(run)


def test_early_stopping_and_checkpoints() -> None:
    learn = learner()
    stop = EarlyStoppingCallback(monitor="accuracy", min_delta=2.0, patience=1)
    with learn.no_bar(), learn.no_logging():
        learn.fit(5, cbs=[stop, SaveModelCallback(fname="best")])
    run = only_run()
    wanted = {
        "early_stop_monitor": "accuracy", "early_stop_min_delta": "2.0",
        "early_stop_patience": "1", "early_stop_comp": "greater",
    }  # fmt: skip
    assert wanted.items() <= run.data.params.items()
    stopped = run.data.metrics["stopped_epoch"]
    assert len(history(run, "valid_loss")) == stopped + 1 < 5
    assert artifacts(run, "checkpoints") == {"checkpoints/best.pth"}


def test_flat_cos_in_a_run_of_the_users_own() -> None:
    with autolog.start_run():
        for _ in range(2):
            learn = learner()
            with learn.no_bar(), learn.no_logging():
                learn.fit_flat_cos(1, 0.01)
    run = only_run()
    assert "mlflow.autologging" not in run.data.tags
    assert {"lr_final", "TabularModel-2.lr_final"} <= set(run.data.params)
    assert {"model", "TabularModel-2.model", "TabularModel-2.lr.png"} <= artifacts(run)


def test_looking_for_a_learning_rate_is_no_training() -> None:
    learn = learner()
    with learn.no_bar(), learn.no_logging():
        learn.lr_find(num_it=10, show_plot=False)
    assert runs() == []


def test_one_run_though_loops_of_pytorch_are_recorded_too() -> None:
    autolog.autolog()
    learn = learner(opt_func=lambda params, lr, **_: torch_optimizer(params, lr))
    with learn.no_bar(), learn.no_logging():
        learn.fit(1)
    assert only_run().data.tags["mlflow.autologging"] == "fastai"
    assert "loss" not in only_run().data.metrics


def test_a_fit_is_no_loop_of_the_users_where_fits_are_not_recorded() -> None:
    autolog.fastai.autolog(disable=True)
    autolog.pytorch.autolog()
    learn = learner(opt_func=lambda params, lr, **_: torch_optimizer(params, lr))
    with learn.no_bar(), learn.no_logging():
        learn.fit(1)
    assert runs() == []


def torch_optimizer(params: Any, lr: float) -> Any:
    from fastai.optimizer import OptimWrapper

    return OptimWrapper(params, torch.optim.SGD, lr=lr)


def test_a_fit_that_raises() -> None:
    learn = learner()

    class Broken(Exception):
        pass

    def loss(*_: Any) -> Any:
        raise Broken("no loss")

    learn.loss_func = loss
    with learn.no_bar(), learn.no_logging(), pytest.raises(Broken):
        learn.fit(1)
    assert only_run().info.status == "FAILED"
    assert only_run().data.tags["autolog.error"] == "Broken: no loss"


@pytest.mark.parametrize(
    "place", ["callback._params", "callback._log_schedules", "callback.Recording"]
)
def test_a_fault_of_ours_costs_the_fit_nothing(
    place: str, monkeypatch: pytest.MonkeyPatch, faults: Any
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("no more room")

    monkeypatch.setattr(f"autolog.fastai.{place}", broken)
    learn = learner()
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(2)
    assert len(learn.recorder.values) == 2
    faults.expect("no more room")
    assert only_run().info.status == "FINISHED"


def test_what_fastai_writes_for_tensorboard_is_not_recorded_again() -> None:
    pytest.importorskip("tensorboard")
    from fastai.callback.tensorboard import TensorBoardCallback

    autolog.pytorch.autolog()
    learn = learner()
    with learn.no_bar(), learn.no_logging():
        learn.fit(2, cbs=TensorBoardCallback("logs", trace_model=False, log_preds=False))
    assert [step for step, _ in history(only_run(), "train_loss")] == [0, 1]


def test_the_training_is_the_same_with_and_without() -> None:
    def train() -> tuple[list[Any], list[Any]]:
        learn = learner()
        np.random.seed(0)
        with learn.no_bar(), learn.no_logging():
            learn.fit_one_cycle(2, 0.01)
            learn.fit(1)
        numbers = [random.random(), np.random.random(), torch.rand(1).item()]
        return [one.detach().clone() for one in learn.model.parameters()], numbers

    recorded, after = train()
    autolog.disable()
    plain, after_plain = train()
    assert all(torch.equal(*pair) for pair in zip(recorded, plain, strict=True))
    assert after == after_plain
    assert len(runs()) == 2


def test_a_learner_of_somebody_else_is_not_unpickled(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    autolog.fastai.save_model(learner(), tmp_path / "model")
    monkeypatch.setenv("AUTOLOG_HOME", str(tmp_path / "another"))
    with pytest.raises(MlflowException, match="pickle"):
        autolog.fastai.load_model(tmp_path / "model")
    assert autolog.fastai.load_model(tmp_path / "model", trusted=True).dls.vocab == ["no", "yes"]


LAID_OUT_BY_MLFLOW_2 = """
flavors:
  fastai: {code: null, data: model.fastai, fastai_version: 2.8.12}
  python_function:
    data: model.fastai
    env: {conda: conda.yaml, virtualenv: python_env.yaml}
    loader_module: mlflow.fastai
    python_version: 3.11.7
mlflow_version: 2.22.5
utc_time_created: '2026-01-01 00:00:00.000000'
"""


def test_a_learner_that_mlflow_has_saved(tmp_path: Any) -> None:
    learn, rows = learner(), table().head()
    with learn.no_bar():
        expected = learn.get_preds(dl=learn.dls.test_dl(rows))[0]
    learn.export(tmp_path / "model.fastai")
    (tmp_path / "MLmodel").write_text(LAID_OUT_BY_MLFLOW_2, encoding="utf-8")
    with pytest.raises(MlflowException, match="trusted=True"):
        autolog.pyfunc.load_model(tmp_path)
    served = autolog.pyfunc.load_model(tmp_path, trusted=True).predict(rows)
    assert np.allclose(np.stack(served["predictions"]), expected.numpy())


def test_torchvision_is_not_needed() -> None:
    learner()
    assert "torchvision" not in sys.modules


@pytest.mark.parametrize("raised", [ValueError("no loss"), KeyboardInterrupt()])
def test_a_fit_that_breaks_off_in_the_middle_of_an_epoch(raised: BaseException) -> None:
    class Raising(Callback):
        def after_loss(self) -> None:
            if self.train_iter == 4 and self.training:
                raise raised

    learn = learner()
    with learn.no_bar(), learn.no_logging(), pytest.raises(type(raised)):
        learn.fit(3, cbs=Raising())
    run = only_run()
    assert run.info.status == "FAILED"
    assert type(raised).__name__ in run.data.tags["autolog.error"]
    assert [step for step, _ in history(run, "valid_loss")] == [0]


def test_losses_that_are_no_numbers_are_recorded_as_such() -> None:
    learn = learner()
    learn.loss_func = lambda found, wanted: found.sum() * float("nan")
    with learn.no_bar(), learn.no_logging():
        learn.fit(1)
    assert np.isnan(only_run().data.metrics["train_loss"])
    assert only_run().info.status == "FINISHED"


def test_a_run_that_ends_while_a_fit_goes_on() -> None:
    class Ending(Callback):
        def after_epoch(self) -> None:
            autolog.end_run()

    learn = learner()
    with learn.no_bar(), learn.no_logging():
        learn.fit(2, cbs=Ending())
    assert len(learn.recorder.values) == 2
    assert only_run().info.status == "FINISHED"
    assert [step for step, _ in history(only_run(), "valid_loss")] == [0, 1]


def test_two_learners_in_turns_are_a_run_each() -> None:
    learners = [learner(), learner()]
    for learn in learners * 2:
        with learn.no_bar(), learn.no_logging():
            learn.fit(1)
    assert [len(history(run, "valid_loss")) for run in runs()] == [1, 1, 1, 1]
