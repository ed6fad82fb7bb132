"""Training with Lightning: every step recorded, and two processes."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from benchmarks.measure import Row, measure
from benchmarks.turns import Train, bare_and_recorded

STEPS, BATCH, TURN, ROUNDS = 1000, 32, 50, 3


def trainer(**how: Any) -> Any:
    import pytorch_lightning as pl

    return pl.Trainer(
        max_epochs=1, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, **how,
    )  # fmt: skip


def training(steps: int) -> tuple[Any, Any]:
    """A small network, and its data."""
    import pytorch_lightning as pl
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    class Classifier(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(
                nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10)
            )

        def forward(self, x: Any) -> Any:
            return self.net(x)

        def training_step(self, batch: Any, batch_idx: int) -> Any:
            scores = self(batch[0])
            loss = nn.functional.cross_entropy(scores, batch[1])
            self.log("loss", loss)
            self.log("accuracy", (scores.argmax(1) == batch[1]).float().mean())
            return loss

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters())

    torch.manual_seed(0)
    data = TensorDataset(torch.rand(steps * BATCH, 64), torch.randint(0, 10, (steps * BATCH,)))
    return Classifier(), DataLoader(data, batch_size=BATCH)


def fit() -> Train:
    """A training that calls what it is given every so many steps."""
    import logging
    import warnings

    import pytorch_lightning as pl
    import torch

    class Turn(pl.Callback):
        def __init__(self, turn: Callable[[], None]) -> None:
            self.turn = turn

        def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
            if trainer.global_step % TURN == 0:
                self.turn()

    warnings.simplefilter("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    module, loader = training(STEPS)
    return lambda turn: trainer(callbacks=[Turn(turn)]).fit(module, loader)


@measure(Row("lightning, 1000 steps, each recorded, models off", "x", at_most=1.03), pairs=3)
def every_step(library: str) -> list[float]:
    options = {"log_every_n_step": 1, "log_models": False, "checkpoint": False}
    return [median(one / bare for bare, one in bare_and_recorded(fit(), library, ROUNDS, options))]


@measure(Row("lightning, two processes (gloo, CPU), the whole script", "s more"), pairs=3)
def two_processes(library: str) -> list[float]:
    """A script with autologging on, over the same script without."""
    return [_script(library) - _script("")]


def _script(library: str) -> float:
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-W", "ignore", "-m", __spec__.name, library],
        check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    return time.perf_counter() - started


if __name__ == "__main__":
    if sys.argv[1]:
        importlib.import_module(f"{sys.argv[1]}.pytorch").autolog(log_every_n_step=1)
    module, loader = training(100)
    trainer(devices=2, strategy="ddp").fit(module, loader)
