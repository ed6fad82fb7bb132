"""Small modules for Lightning, written for both of its names, and trainers that keep quiet."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

PACKAGES = ("pytorch_lightning", "lightning.pytorch")
_generator = torch.Generator().manual_seed(0)
X = torch.rand(64, 3, generator=_generator)
Y = X.sum(dim=1, keepdim=True)


def loader(rows: slice = slice(None), batch_size: int = 8, **how: Any) -> DataLoader[Any]:
    return DataLoader(TensorDataset(X[rows], Y[rows]), batch_size=batch_size, **how)


def regressor(package: str, lr: float = 0.05, **hooks: Any) -> Any:
    """A linear regression whose hooks can be replaced."""
    pl = importlib.import_module(package)

    class Regressor(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(3, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.linear(x)

        def training_step(self, batch: Any, batch_idx: int) -> Any:
            x, y = batch
            loss = nn.functional.mse_loss(self(x), y)
            self.log("loss", loss, on_step=True, on_epoch=True)
            return loss

        def validation_step(self, batch: Any, batch_idx: int) -> None:
            x, y = batch
            self.log("val_loss", nn.functional.mse_loss(self(x), y))

        def test_step(self, batch: Any, batch_idx: int) -> None:
            x, y = batch
            self.log("test_loss", nn.functional.mse_loss(self(x), y))

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=lr, momentum=0.5)

    torch.manual_seed(1)
    module = type("Regressor", (Regressor,), hooks)()
    return module


def trainer(package: str, folder: Path | str = ".", **how: Any) -> Any:
    pl = importlib.import_module(package)
    return pl.Trainer(
        **{
            "max_epochs": 3, "default_root_dir": str(folder), "logger": False,
            "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu",
            "enable_checkpointing": False, **how,
        }
    )  # fmt: skip
