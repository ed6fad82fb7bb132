"""Trainings in two processes: one run, by rank zero, and nobody waits for what never comes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core_client.client import Client
from tests.project import ROOT

SCRIPT = """
import sys
import torch
from pytorch_lightning import callbacks
import autolog
from integration_tests.pytorch.lightning_models import loader, regressor, trainer

class Talking(callbacks.Callback):
    def on_train_epoch_end(self, own, module):  # all processes take part
        own.strategy.barrier()
        own.strategy.reduce(torch.tensor(1.0))

def training_step(self, batch, batch_idx):
    loss = torch.nn.functional.mse_loss(self(batch[0]), batch[1])
    self.log("loss", loss, on_step=True, on_epoch=True, sync_dist=True)
    return loss

def validation_step(self, batch, batch_idx):
    loss = torch.nn.functional.mse_loss(self(batch[0]), batch[1])
    self.log("val_loss", loss, sync_dist=True)

if __name__ == "__main__":
    autolog.pytorch.autolog(log_every_n_step=1)
    own = trainer("pytorch_lightning", max_epochs=2, devices=2, strategy=sys.argv[1],
                  callbacks=[Talking(), callbacks.EarlyStopping("val_loss", patience=9)])
    module = regressor("pytorch_lightning")
    module.__class__.training_step, module.__class__.validation_step = training_step, validation_step
    own.fit(module, loader(), loader(slice(0, 32)))
    own.test(module, loader(), verbose=False)
"""


def run_in_processes(script: Path, folder: Path, *arguments: str) -> str:
    """What a script printed that starts processes; it has a minute to end."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", script, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("strategy", ["ddp", "ddp_fork"])
def test_two_processes_are_one_run(tmp_path: Path, strategy: str) -> None:
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    run_in_processes(tmp_path / "script.py", tmp_path, strategy)
    client = Client(f"sqlite:///{tmp_path}/mlflow.db")
    (run,) = client.search_runs(["0"])
    assert run.info.status == "FINISHED"
    assert run.data.params.items() >= {"world_size": "2", "patience": "9", "lr": "0.05"}.items()
    steps = {
        key: [point.step for point in client.get_metric_history(run.info.run_id, key)]
        for key in ("loss_step", "loss_epoch", "val_loss", "test_loss")
    }
    assert steps == {
        "loss_step": list(range(1, 9)), "loss_epoch": [0, 1], "val_loss": [0, 1], "test_loss": [0],
    }  # fmt: skip
    files = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert files == {"checkpoints", "model", "model_summary.txt"}


def test_the_example(tmp_path: Path) -> None:
    account = run_in_processes(ROOT / "examples" / "lightning_ddp.py", tmp_path)
    client = Client(f"sqlite:///{tmp_path}/mlflow.db")
    (run,) = client.search_runs(["0"])
    assert f"run {run.info.run_name} (FINISHED), processes: 2" in account
    assert f"val_loss: {run.data.metrics['val_loss']:.4f}" in account
    assert "files: checkpoints, model, model_summary.txt, restored_model_checkpoint" in account
    assert "loaded again: Regressor (2, 1)" in account


def test_spawned_processes_are_one_run(tmp_path: Path) -> None:
    text = (ROOT / "examples" / "lightning_ddp.py").read_text(encoding="utf-8")
    script = tmp_path / "spawned.py"
    script.write_text(text.replace('strategy="ddp"', 'strategy="ddp_spawn"'), encoding="utf-8")
    account = run_in_processes(script, tmp_path)
    client = Client(f"sqlite:///{tmp_path}/mlflow.db")
    (run,) = client.search_runs(["0"])
    assert f"run {run.info.run_name} (FINISHED), processes: 2" in account
    points = client.get_metric_history(run.info.run_id, "loss_epoch")
    assert [point.step for point in points] == list(range(len(points)))
    assert len(points) > 2
