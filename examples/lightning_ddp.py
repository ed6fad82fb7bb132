"""Lightning in two processes: one run, written by the first of them.

pip install 'mlautolog[pytorch]' lightning && python examples/lightning_ddp.py
"""

from __future__ import annotations

import lightning as L
import torch
from lightning.pytorch.callbacks import EarlyStopping
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import autolog

autolog.pytorch.autolog(log_every_n_step=5)


class Regressor(L.LightningModule):
    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = nn.functional.mse_loss(self(x), y)
        self.log("loss", loss, on_step=True, on_epoch=True, sync_dist=True)
        return loss

    def validation_step(self, batch, batch_idx):
        x, y = batch
        self.log("val_loss", nn.functional.mse_loss(self(x), y), sync_dist=True)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=0.02)


if __name__ == "__main__":
    L.seed_everything(0, verbose=False)
    features = torch.rand(800, 8)
    target = features.sum(dim=1, keepdim=True)
    train_data = DataLoader(TensorDataset(features[:640], target[:640]), batch_size=32)
    val_data = DataLoader(TensorDataset(features[640:], target[640:]), batch_size=32)

    trainer = L.Trainer(
        max_epochs=8,
        accelerator="cpu",
        devices=2,
        strategy="ddp",
        callbacks=[EarlyStopping("val_loss", patience=2)],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Regressor(), train_data, val_data)

    if trainer.is_global_zero:
        run = autolog.last_active_run()
        print(
            f"run {run.info.run_name} ({run.info.status}), processes: {run.data.params['world_size']}"
        )
        print(f"val_loss: {run.data.metrics['val_loss']:.4f}")
        print(
            "files:",
            ", ".join(file.path for file in autolog.Client().list_artifacts(run.info.run_id)),
        )
        model = autolog.pytorch.load_model(f"runs:/{run.info.run_id}/model")
        print("loaded again:", type(model).__name__, tuple(model(features[:2]).shape))
