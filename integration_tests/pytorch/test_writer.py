"""Summary writers for TensorBoard: what the user writes becomes part of the run."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import tensorboardX.writer
import torch
import torch.utils.tensorboard.writer
from matplotlib.figure import Figure

import autolog
from core_client.client import Client
from integration_tests.pytorch.lightning_models import PACKAGES, loader, regressor, trainer
from integration_tests.pytorch.test_loops import Net, loss_of
from integration_tests.reading import artifacts, only_run, runs

WRITERS = [torch.utils.tensorboard.writer.SummaryWriter, tensorboardX.writer.SummaryWriter]


def points(run: Any, key: str) -> list[tuple[int, float]]:
    history = Client().get_metric_history(run.info.run_id, key)
    return [(point.step, point.value) for point in history]


@pytest.mark.parametrize("kind", WRITERS)
def test_a_writer_without_a_run_has_one_of_its_own(kind: Any) -> None:
    autolog.pytorch.autolog()
    with kind("logs") as writer:
        for step in range(3):
            writer.add_scalar("Loss/train", torch.tensor(step / 2), step)
            writer.add_scalars("accuracy", {"a": step, "b (new)": 2 * step}, step)
        writer.add_hparams({"lr": 0.1, "depth": 3}, {"best": 0.5})
        writer.add_image("picture", torch.rand(3, 8, 8), 1)
    run = only_run()
    assert run.info.status == "FINISHED"
    assert autolog.active_run() is None
    assert points(run, "Loss/train") == [(0, 0), (1, 0.5), (2, 1)]
    assert points(run, "accuracy/a") == [(0, 0), (1, 1), (2, 2)]
    assert points(run, "accuracy/b _new_") == [(0, 0), (1, 2), (2, 4)]
    assert points(run, "best") == [(0, 0.5)]
    assert run.data.params == {"lr": "0.1", "depth": "3"}
    assert artifacts(run) == set()


@pytest.mark.parametrize("kind", WRITERS)
def test_what_is_written_in_a_run_goes_there_with_its_pictures(kind: Any) -> None:
    autolog.pytorch.autolog(log_images=True)
    figure = Figure()
    figure.subplots().plot([1, 2])
    with autolog.start_run(), kind("logs") as writer:
        writer.add_image("picture", torch.rand(3, 8, 9), 1)
        writer.add_image("flat", torch.rand(8, 9), 1, dataformats="HW")
        writer.add_images("several", torch.rand(4, 1, 8, 9), 2)
        writer.add_figure("curve", figure, 3)
    names = {path.split("+")[0] for path in artifacts(only_run(), "images")}
    assert names == {"images/picture", "images/flat", "images/several", "images/curve"}


def test_a_writer_within_a_loop_writes_to_its_run() -> None:
    autolog.pytorch.autolog()

    def train() -> None:
        model = Net()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        with torch.utils.tensorboard.writer.SummaryWriter("logs") as writer:
            for step in range(3):
                loss = loss_of(model)
                loss.backward()
                optimizer.step()
                writer.add_scalar("mine", loss, step)

    train()
    assert [value for _, value in points(only_run(), "mine")] == [
        value for _, value in points(only_run(), "loss")
    ]


@pytest.mark.parametrize("package", PACKAGES)
def test_what_lightning_writes_of_its_training_is_not_recorded_again(package: str) -> None:
    def on_train_epoch_end(self: Any) -> None:
        self.logger.experiment.add_scalar("mine", self.current_epoch, self.current_epoch)

    autolog.pytorch.autolog(log_models=False, checkpoint=False)
    logger = importlib.import_module(f"{package}.loggers").TensorBoardLogger("logs")
    own = trainer(package, max_epochs=2, logger=logger, log_every_n_steps=1)
    own.fit(regressor(package, on_train_epoch_end=on_train_epoch_end), loader())
    run = only_run()
    assert set(run.data.metrics) == {"loss", "loss_epoch", "loss_step", "mine"}
    for key in run.data.metrics:
        assert [step for step, _ in points(run, key)] == [0, 1]
    logger.log_metrics({"later": 0.5}, step=3)  # nobody else records that
    logger.finalize("success")
    assert points(runs()[1], "later") == [(3, 0.5)]


def test_off_is_off() -> None:
    autolog.pytorch.autolog()
    autolog.disable()
    with torch.utils.tensorboard.writer.SummaryWriter("logs") as writer:
        writer.add_scalar("mine", 1, 1)
    assert runs() == []
