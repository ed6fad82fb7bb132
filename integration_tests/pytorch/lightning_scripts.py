"""Trainings with Lightning as users write them, run under MLflow and under autolog."""

from __future__ import annotations

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping, LearningRateMonitor, ModelCheckpoint
from torch.optim.lr_scheduler import ReduceLROnPlateau, StepLR

from integration_tests.pytorch.lightning_models import loader, regressor, trainer

PL, NEW = "pytorch_lightning", "lightning.pytorch"
VAL = slice(0, 16)
NO_MODELS = {"log_models": False, "checkpoint": False}
STEPS = {"log_every_n_step": 1, **NO_MODELS}


class Data(pl.LightningDataModule):
    """The same data, as a module of their own."""

    def train_dataloader(self):
        return loader()

    def val_dataloader(self):
        return [loader(VAL), loader(slice(16, 32))]

    def test_dataloader(self):
        return loader(VAL)


def keywords(tracker):
    tracker.pytorch.autolog()
    trainer(PL).fit(model=regressor(PL), train_dataloaders=loader(), val_dataloaders=loader(VAL))


def positions(tracker):
    tracker.pytorch.autolog(**NO_MODELS)
    trainer(PL, max_epochs=2).fit(regressor(PL), loader(), loader(VAL))


def no_validation(tracker):
    tracker.pytorch.autolog(log_models=False)
    trainer(PL, max_epochs=2).fit(regressor(PL), loader())


def every_step(tracker):
    tracker.pytorch.autolog(**STEPS)
    trainer(PL, max_epochs=2).fit(regressor(PL), loader(), loader(VAL))


def every_third_step_and_second_epoch(tracker):
    tracker.pytorch.autolog(**{**STEPS, "log_every_n_step": 3, "log_every_n_epoch": 2})
    trainer(PL, max_epochs=4).fit(regressor(PL), loader())


def stopped_early(tracker):
    tracker.pytorch.autolog()
    stopping = EarlyStopping("val_loss", patience=1, min_delta=10.0)
    saving = ModelCheckpoint(monitor="val_loss")
    own = trainer(PL, max_epochs=9, callbacks=[stopping, saving], enable_checkpointing=True)
    own.fit(regressor(PL), loader(), loader(VAL))


def not_stopped_early(tracker):
    tracker.pytorch.autolog(checkpoint=False)
    own = trainer(PL, callbacks=[EarlyStopping("val_loss", patience=5)], enable_checkpointing=True)
    own.fit(regressor(PL), loader(), loader(VAL))


def datamodule_and_test(tracker):
    def validation_step(self, batch, batch_idx, dataloader_idx=0):
        self.log("val_loss", torch.nn.functional.mse_loss(self(batch[0]), batch[1]))

    tracker.pytorch.autolog(**NO_MODELS)
    module = regressor(PL, validation_step=validation_step)
    own = trainer(PL, max_epochs=2)
    own.fit(module, datamodule=Data())
    own.test(module, datamodule=Data(), verbose=False)


def two_optimizers(tracker):
    def configure_optimizers(self):
        return [torch.optim.Adam(self.parameters(), lr=0.01), torch.optim.SGD(self.parameters())]

    def training_step(self, batch, batch_idx):
        for optimizer in self.optimizers():
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(self(batch[0]), batch[1])
            self.manual_backward(loss)
            optimizer.step()
        self.log("loss", loss, on_step=True, on_epoch=True)

    tracker.pytorch.autolog(**STEPS)
    module = regressor(
        PL, configure_optimizers=configure_optimizers, training_step=training_step,
        automatic_optimization=False,
    )  # fmt: skip
    trainer(PL, max_epochs=1).fit(module, loader())


def scheduler(tracker):
    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), lr=0.1, weight_decay=0.2)
        return [optimizer], [StepLR(optimizer, 2)]

    tracker.pytorch.autolog(**NO_MODELS)
    logger = pl.loggers.CSVLogger(".")
    own = trainer(PL, callbacks=[LearningRateMonitor()], logger=logger)
    own.fit(regressor(PL, configure_optimizers=configure_optimizers), loader())


def plateau_and_accumulation(tracker):
    def configure_optimizers(self):
        optimizer = torch.optim.RMSprop(self.parameters(), lr=0.01)
        plan = {"scheduler": ReduceLROnPlateau(optimizer), "monitor": "val_loss"}
        return {"optimizer": optimizer, "lr_scheduler": plan}

    tracker.pytorch.autolog(**STEPS)
    own = trainer(PL, max_epochs=2, accumulate_grad_batches=4, gradient_clip_val=0.5)
    own.fit(regressor(PL, configure_optimizers=configure_optimizers), loader(), loader(VAL))


def in_a_run_of_the_users_own(tracker):
    tracker.pytorch.autolog(**NO_MODELS)
    with tracker.start_run():
        tracker.log_param("mine", 1)
        trainer(PL, max_epochs=1).fit(regressor(PL), loader())


def every_checkpoint(tracker):
    tracker.pytorch.autolog(log_models=False, checkpoint_save_best_only=False)
    trainer(PL, max_epochs=2).fit(regressor(PL), loader(), loader(VAL))


def logged_when_an_epoch_ends(tracker):
    def on_train_epoch_end(self):
        self.log("epochs_done", float(self.current_epoch + 1))

    tracker.pytorch.autolog(**NO_MODELS)
    trainer(PL, max_epochs=3).fit(regressor(PL, on_train_epoch_end=on_train_epoch_end), loader())


SCRIPTS = {
    f.__name__: f
    for f in (
        keywords, positions, no_validation, every_step, every_third_step_and_second_epoch,
        stopped_early, not_stopped_early, datamodule_and_test, two_optimizers, scheduler,
        plateau_and_accumulation, in_a_run_of_the_users_own, every_checkpoint,
        logged_when_an_epoch_ends,
    )
}  # fmt: skip


def files(client, run_id, path=None):
    """Every file of a run, those of its model by folder alone."""
    found = []
    for file in client.list_artifacts(run_id, path):
        deeper = file.is_dir and file.path != "model"
        found += files(client, run_id, file.path) if deeper else [file.path]
    return found


if __name__ == "__main__":  # mlflow or autolog, then the file for what it recorded
    import importlib
    import json
    import sys

    from integration_tests.side_by_side import curves, runs_of, told

    tracker = importlib.import_module(sys.argv[1])
    importlib.import_module(f"{sys.argv[1]}.pytorch")
    client, record = tracker.MlflowClient(), {}
    for name, script in SCRIPTS.items():
        tracker.set_experiment(name)
        script(tracker)
        (run,) = runs_of(tracker, name)
        record[name] = told(client, run) | {
            "curves": curves(client, run),
            "artifacts": files(client, run.info.run_id),
            "models": len(json.loads(run.data.tags.get("mlflow.log-model.history", "[]"))),
        }
    with open(sys.argv[2], "w") as file:
        json.dump(record, file)
