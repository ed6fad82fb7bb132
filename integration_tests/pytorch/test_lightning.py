"""Trainings with Lightning, under both of its names: what a run of theirs holds."""

from __future__ import annotations

import importlib
import json

import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset

import autolog
from core_client.client import Client
from integration_tests.pytorch.lightning_models import PACKAGES, X, Y, loader, regressor, trainer
from integration_tests.reading import artifacts, only_run, runs

VAL = slice(0, 16)
PL = PACKAGES[0]


@pytest.fixture(params=PACKAGES)
def package(request):
    return request.param


def callbacks_of(package):
    return importlib.import_module(f"{package}.callbacks")


def curve(run, key):
    """Step and value of each point of a metric."""
    history = Client().get_metric_history(run.info.run_id, key)
    return [(point.step, pytest.approx(point.value)) for point in history]


def steps(run, key):
    return [step for step, _ in curve(run, key)]


def test_a_fit_a_test_and_a_validation_are_one_run(package):
    autolog.pytorch.autolog(extra_tags={"team": "a"})
    module, own = regressor(package), trainer(package)
    train_data, val_data = loader(), loader(VAL)
    own.fit(module, train_data, val_data)
    own.test(module, loader(slice(16, 24)), verbose=False)
    (validated,) = own.validate(module, val_data, verbose=False)
    run = only_run()
    assert run.info.status == "FINISHED"
    assert run.data.params.items() >= {
        "epochs": "3", "optimizer_name": "SGD", "lr": "0.05", "momentum": "0.5",
        "dampening": "0", "max_epochs": "3", "precision": "32-true",
    }.items()  # fmt: skip
    assert run.data.tags["mlflow.autologging"] == "pytorch"
    assert run.data.tags["team"] == "a"
    assert run.data.tags["Mode"] == "validating"
    assert steps(run, "loss") == [0, 1, 2]
    assert curve(run, "loss") == curve(run, "loss_epoch")
    assert steps(run, "val_loss") == [0, 1, 2, 3]
    assert curve(run, "val_loss")[-1] == (3, validated["val_loss"])
    assert steps(run, "test_loss") == [0]
    assert artifacts(run) == {"model", "model_summary.txt", "checkpoints"}
    summary = autolog.artifacts.load_text(f"runs:/{run.info.run_id}/model_summary.txt")
    assert "linear" in summary
    assert "parameters: 4" in summary
    found = [
        (one.dataset.name, one.tags[0].value, json.loads(one.dataset.profile)["features_shape"])
        for one in run.inputs.dataset_inputs
    ]
    assert found == [
        ("train_data", "train", [64, 3]), ("val_data", "eval", [16, 3]),
        ("dataset", "eval", [8, 3]),
    ]  # fmt: skip
    assert len({one.dataset.digest for one in run.inputs.dataset_inputs}) == 3


def test_the_model_and_the_checkpoint_load(package):
    autolog.pytorch.autolog()
    module = regressor(package)
    trainer(package).fit(module, loader(), loader(VAL))
    run = only_run()
    uri = f"runs:/{run.info.run_id}/model"
    loaded = autolog.pytorch.load_model(uri)
    assert torch.equal(loaded.linear.weight, module.linear.weight)
    predict = autolog.pyfunc.load_model(uri)
    assert predict.metadata.signature.inputs.inputs[0].shape == (-1, 3)
    assert predict.metadata.signature.outputs.inputs[0].shape == (-1, 1)
    assert predict.predict(X.numpy()).shape == (64, 1)
    best = autolog.pytorch.load_checkpoint(type(module), run.info.run_id)
    assert torch.equal(best.linear.weight, module.linear.weight)
    assert run.data.tags["mlflow.latest_checkpoint_artifact"].endswith("/latest_checkpoint.pth")


def test_metrics_by_step_and_by_epoch(package):
    autolog.pytorch.autolog(log_every_n_step=1, log_models=False, checkpoint=False)
    trainer(package, max_epochs=2).fit(regressor(package), loader(), loader(VAL))
    run = only_run()
    assert steps(run, "loss_step") == list(range(1, 17))
    assert steps(run, "loss") == steps(run, "loss_epoch") == steps(run, "val_loss") == [0, 1]
    assert curve(run, "loss_epoch")[1][1] == pytest.approx(
        sum(value.expected for _, value in curve(run, "loss_step")[8:]) / 8
    )


def test_every_nth_epoch_and_step():
    autolog.pytorch.autolog(log_every_n_step=4, log_every_n_epoch=2, checkpoint=False)
    trainer(PL, max_epochs=5).fit(regressor(PL), loader())
    run = only_run()
    assert steps(run, "loss_epoch") == [1, 3]
    assert steps(run, "loss_step") == [3, 7, 11, 15, 19, 23, 27, 31, 35, 39]


def test_metrics_that_the_module_and_callbacks_add_belong_to_their_epoch(tmp_path):
    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1)]

    def on_train_epoch_end(self):
        self.log("epochs_done", float(self.current_epoch + 1))

    autolog.pytorch.autolog(log_models=False)
    logger = importlib.import_module(f"{PL}.loggers").CSVLogger(tmp_path)
    own = trainer(PL, callbacks=[callbacks_of(PL).LearningRateMonitor()], logger=logger)
    module = regressor(
        PL, configure_optimizers=configure_optimizers, on_train_epoch_end=on_train_epoch_end
    )
    own.fit(module, loader())
    run = only_run()
    assert curve(run, "epochs_done") == [(0, 1.0), (1, 2.0), (2, 3.0)]
    assert curve(run, "lr-SGD") == [(0, 0.1), (1, 0.01), (2, 0.001)]


def test_several_validations_in_an_epoch_and_epochs_without_one():
    autolog.pytorch.autolog(log_models=False)
    trainer(PL, max_epochs=2, val_check_interval=0.25).fit(regressor(PL), loader(), loader(VAL))
    trainer(PL, max_epochs=5, check_val_every_n_epoch=2).fit(regressor(PL), loader(), loader(VAL))
    several, few = runs()
    assert steps(several, "val_loss_step") == [2, 4, 6, 8, 10, 12, 14, 16]
    assert steps(several, "val_loss") == [0, 1]
    assert steps(few, "val_loss") == [1, 3]
    assert "val_loss_step" not in few.data.metrics


def test_early_stopping(package):
    autolog.pytorch.autolog()
    stopping = callbacks_of(package).EarlyStopping("val_loss", patience=2, min_delta=100.0)
    own = trainer(package, max_epochs=20, callbacks=[stopping], enable_checkpointing=True)
    own.fit(regressor(package), loader(), loader(VAL))
    run = only_run()
    assert run.data.params.items() >= {
        "monitor": "val_loss", "mode": "min", "patience": "2", "min_delta": "-100.0",
        "stopped_epoch": "0",
    }.items()  # fmt: skip
    assert run.data.metrics["stopped_epoch"] == stopping.stopped_epoch == 2
    assert run.data.metrics["restored_epoch"] == 0
    assert run.data.metrics["wait_count"] == 2
    assert run.data.metrics["best_score"] == pytest.approx(float(stopping.best_score))
    (kept,) = artifacts(run, "restored_model_checkpoint")
    assert own.checkpoint_callback.best_model_path.endswith(kept.rpartition("/")[2])


def test_two_optimizers_schedulers_and_manual_optimisation():
    def configure(self):
        one = torch.optim.Adam(
            [{"params": [self.linear.weight]}, {"params": [self.linear.bias], "lr": 0.5}], lr=0.01
        )
        two = torch.optim.SGD(self.parameters(), lr=0.02)
        schedulers = torch.optim.lr_scheduler
        return [one, two], [
            schedulers.StepLR(two, step_size=3, gamma=0.5),
            schedulers.MultiStepLR(one, milestones=[2, 4]),
        ]

    def training_step(self, batch, batch_idx):
        x, y = batch
        for optimizer in self.optimizers():
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(self(x), y)
            self.manual_backward(loss)
            optimizer.step()
        self.log("manual_loss", loss)

    autolog.pytorch.autolog(log_every_n_step=1, log_models=False)
    module = regressor(
        PL, configure_optimizers=configure, training_step=training_step,
        automatic_optimization=False,
    )  # fmt: skip
    trainer(PL, max_epochs=1).fit(module, loader())
    run = only_run()
    assert run.data.params.items() >= {
        "optimizer_name": "Adam", "lr": "0.01", "group_2.lr": "0.5",
        "optimizer_2.optimizer_name": "SGD", "optimizer_2.lr": "0.02",
        "scheduler_name": "StepLR", "scheduler.step_size": "3", "scheduler.gamma": "0.5",
        "scheduler_2_name": "MultiStepLR", "scheduler_2.gamma": "0.1",
    }.items()  # fmt: skip
    assert "group_1.lr" not in run.data.params
    assert steps(run, "manual_loss") == list(range(2, 17, 2))  # Lightning counts both


def test_several_dataloaders_accumulation_and_hyper_parameters():
    def validation_step(self, batch, batch_idx, dataloader_idx=0):
        self.log("val_loss", torch.nn.functional.mse_loss(self(batch[0]), batch[1]))

    autolog.pytorch.autolog(log_every_n_step=1)
    module = regressor(PL, validation_step=validation_step)
    module.save_hyperparameters({"lr": 7, "width": 3, "data": {"path": "p"}, "odd": object()})
    trainer(PL, max_epochs=1, accumulate_grad_batches=4).fit(
        module, loader(), [loader(VAL), loader(slice(16, 24))]
    )
    run = only_run()
    assert run.data.params["accumulate_grad_batches"] == "4"
    assert run.data.params["lr"] == "0.05"
    assert run.data.params["hparams.lr"] == "7"
    assert run.data.params["width"] == "3"
    assert run.data.params["data.path"] == "p"
    assert "odd" not in run.data.params
    assert {"val_loss/dataloader_idx_0", "val_loss/dataloader_idx_1"} <= set(run.data.metrics)
    assert max(steps(run, "loss_step")) == 2
    contexts = [one.tags[0].value for one in run.inputs.dataset_inputs]
    assert contexts == ["train", "eval", "eval"]


def test_several_dataloaders_to_train_on():
    def training_step(self, batch, batch_idx):
        return sum(torch.nn.functional.mse_loss(self(x), y) for x, y in batch.values())

    autolog.pytorch.autolog()
    module = regressor(PL, training_step=training_step)
    both = {"a": loader(slice(0, 32)), "b": loader(slice(32, 64))}
    trainer(PL, max_epochs=1).fit(module, both)
    names = [one.dataset.name for one in only_run().inputs.dataset_inputs]
    assert names == ["both.a", "both.b"]


def test_data_without_length_and_modules_that_log_nothing():
    class Stream(IterableDataset):
        def __iter__(self):
            return iter(zip(X, Y, strict=True))

    def training_step(self, batch, batch_idx):
        return torch.nn.functional.mse_loss(self(batch[0]), batch[1])

    autolog.pytorch.autolog()
    module = regressor(PL, training_step=training_step)
    trainer(PL, max_epochs=1).fit(module, DataLoader(Stream(), batch_size=8))
    run = only_run()
    assert run.info.status == "FINISHED"
    assert run.data.metrics == {}
    (data,) = run.inputs.dataset_inputs
    assert '"shape\\": [-1, 3]' in data.dataset.schema.replace("\\\\", "\\")


def test_checkpoints_of_every_epoch_and_of_batches():
    autolog.pytorch.autolog(checkpoint_save_best_only=False, log_models=False)
    trainer(PL, max_epochs=2).fit(regressor(PL), loader(), loader(VAL))
    autolog.pytorch.autolog(
        checkpoint_save_best_only=False, checkpoint_save_freq=6, log_models=False,
        checkpoint_save_weights_only=True,
    )  # fmt: skip
    trainer(PL, max_epochs=2).fit(regressor(PL), loader(), loader(VAL))
    epochs, batches = runs()
    assert artifacts(epochs, "checkpoints") == {"checkpoints/epoch_0", "checkpoints/epoch_1"}
    assert artifacts(batches, "checkpoints") == {
        "checkpoints/global_step_6", "checkpoints/global_step_12",
    }  # fmt: skip
    loaded = autolog.pytorch.load_checkpoint(
        type(regressor(PL)), batches.info.run_id, global_step=6
    )
    assert loaded.linear.weight.shape == (1, 3)


def test_a_fit_goes_on_from_our_checkpoint_as_from_lightnings_own(tmp_path):
    autolog.pytorch.autolog(
        checkpoint_save_best_only=False, checkpoint_save_freq=12, log_models=False
    )
    own = callbacks_of(PL).ModelCheckpoint(tmp_path, every_n_train_steps=12, save_top_k=-1)
    trainer(PL, callbacks=[own], enable_checkpointing=True).fit(regressor(PL), loader())
    ours = autolog.checkpoints.find(only_run().info.run_id, global_step=12)
    (theirs,) = tmp_path.glob("*step=12.ckpt")
    autolog.disable()
    weights = []
    for path in (ours, theirs):
        resumed, other = regressor(PL), trainer(PL)
        other.fit(resumed, loader(), ckpt_path=path, weights_only=True)
        assert other.global_step == 24
        weights.append(resumed.linear.weight)
    assert torch.equal(*weights)


@pytest.mark.parametrize("same_trainer", [True, False])
def test_a_resumed_fit_goes_on_in_its_run(package, tmp_path, same_trainer):
    def saving():
        return callbacks_of(package).ModelCheckpoint(tmp_path / "own", save_last=True)

    autolog.pytorch.autolog(log_every_n_step=1)
    first = trainer(package, max_epochs=2, callbacks=[saving()], enable_checkpointing=True)
    module = regressor(package)
    first.fit(module, loader())
    trainer(package).fit(regressor(package), loader())  # another run
    if same_trainer:
        first.fit_loop.max_epochs = 4
        first.fit(module, loader(), ckpt_path="last")
    else:
        own = trainer(package, max_epochs=4, callbacks=[saving()], enable_checkpointing=True)
        own.fit(regressor(package), loader(), ckpt_path=str(tmp_path / "own" / "last.ckpt"))
    resumed, _ = runs()
    assert resumed.info.status == "FINISHED"
    assert steps(resumed, "loss_epoch") == [0, 1, 2, 3]
    assert steps(resumed, "loss_step") == list(range(1, 33))
    assert resumed.data.params["epochs"] == "2"
    assert resumed.data.params["resumed.epochs"] == "4"


def test_a_run_of_the_user_is_written_to_and_a_second_fit_keeps_apart():
    autolog.pytorch.autolog()
    with autolog.start_run(run_name="mine"):
        trainer(PL, max_epochs=1).fit(regressor(PL), loader())
        trainer(PL, max_epochs=2).fit(regressor(PL), loader(), loader(VAL))
        assert autolog.active_run().info.run_name == "mine"
    run = only_run()
    assert "mlflow.autologging" not in run.data.tags
    assert run.data.params["epochs"] == "1"
    assert run.data.params["Regressor-2.epochs"] == "2"
    assert steps(run, "Regressor-2.val_loss") == [0, 1]
    assert {"model", "Regressor-2.model", "Regressor-2.checkpoints"} <= artifacts(run)


def test_tuners_record_nothing(package):
    autolog.pytorch.autolog(log_models=False)
    module = regressor(
        package,
        train_dataloader=lambda self: loader(batch_size=self.batch_size),
        val_dataloader=lambda self: loader(VAL),
    )
    module.learning_rate = 0.01
    own = trainer(package, max_epochs=1)
    tuner = importlib.import_module(f"{package}.tuner").Tuner(own)
    tuner.lr_find(module, loader(), num_training=20)
    module.batch_size = 2
    tuner.scale_batch_size(module, max_trials=2, steps_per_trial=1)
    assert runs() == []
    finder = callbacks_of(package).LearningRateFinder(num_training_steps=20)
    autolog.pytorch.autolog(log_every_n_step=1, log_models=False)
    trainer(package, max_epochs=1, callbacks=[finder]).fit(module, loader())
    run = only_run()
    assert steps(run, "loss_step") == list(range(1, 9))


def test_a_test_alone_is_a_run_and_a_prediction_is_none():
    autolog.pytorch.autolog()
    module = regressor(PL, predict_step=lambda self, batch, batch_idx: self(batch[0]))
    assert len(trainer(PL).predict(module, loader())) == 8
    assert runs() == []
    trainer(PL).test(module, loader(VAL), verbose=False)
    run = only_run()
    assert run.data.tags["Mode"] == "testing"
    assert set(run.data.metrics) == {"test_loss"}


def test_nothing_when_switched_off():
    autolog.pytorch.autolog(disable=True)
    own = trainer(PL, max_epochs=1)
    own.fit(regressor(PL), loader())
    own.test(regressor(PL), loader(VAL), verbose=False)
    assert runs() == []


@pytest.mark.parametrize("raised", [ValueError("bad batch"), KeyboardInterrupt()])
def test_a_training_that_breaks_off(package, raised):
    def on_train_batch_start(self, batch, batch_idx):
        if self.global_step == 12:
            raise raised

    autolog.pytorch.autolog(log_every_n_step=1)
    module = regressor(package, on_train_batch_start=on_train_batch_start)
    own = trainer(package)
    with pytest.raises((ValueError, SystemExit, KeyboardInterrupt)):
        own.fit(module, loader())
    run = only_run()
    assert run.info.status == "FAILED"
    assert type(raised).__name__ in run.data.tags["autolog.error"]
    assert steps(run, "loss_step") == list(range(1, 13))
    assert steps(run, "loss_epoch") == [0]
    assert own.callbacks == []
    assert not module._forward_hooks


def test_a_run_that_ends_while_the_training_goes_on():
    def on_train_epoch_end(self):
        if self.current_epoch == 0:
            autolog.end_run()

    autolog.pytorch.autolog(log_models=False)
    own = trainer(PL)
    own.fit(regressor(PL, on_train_epoch_end=on_train_epoch_end), loader())
    assert own.global_step == 24
    assert only_run().info.status == "FINISHED"
    assert steps(only_run(), "loss") == [0, 1, 2]


def test_a_compiled_module():
    def training_step(self, batch, batch_idx):  # what it logs, PyTorch 2.13 cannot compile
        return torch.nn.functional.mse_loss(self(batch[0]), batch[1])

    autolog.pytorch.autolog(silent=True)
    module = regressor(PL, training_step=training_step)
    trainer(PL, max_epochs=1).fit(torch.compile(module, backend="eager"), loader())
    run = only_run()
    assert run.data.params["lr"] == "0.05"
    uri = f"runs:/{run.info.run_id}/model"
    loaded = autolog.pytorch.load_model(uri, model=regressor(PL))
    assert torch.equal(loaded.linear.weight, module.linear.weight)


def test_losses_that_are_no_numbers_are_recorded_as_such():
    def training_step(self, batch, batch_idx):
        loss = torch.nn.functional.mse_loss(self(batch[0]), batch[1]) * float("inf")
        self.log("loss", loss, on_epoch=True)
        return loss

    autolog.pytorch.autolog(log_models=False, checkpoint_monitor="loss")
    trainer(PL, max_epochs=1).fit(regressor(PL, training_step=training_step), loader())
    run = only_run()
    assert run.info.status == "FINISHED"
    assert run.data.metrics["loss"] != run.data.metrics["loss"]
