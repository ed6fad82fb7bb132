"""A training with Lightning is the same with autologging and without."""

from __future__ import annotations

import copy
import importlib
import logging
import pickle
import random
import threading

import numpy as np
import pytest
import torch

import autolog
from integration_tests.pytorch import lightning_scripts
from integration_tests.pytorch.lightning_models import PACKAGES, X, Y, loader, regressor, trainer
from integration_tests.pytorch.lightning_scripts import SCRIPTS
from integration_tests.reading import only_run, runs

PL = PACKAGES[0]


def callbacks_of(package):
    return importlib.import_module(f"{package}.callbacks")


def switch(on):
    if on:
        autolog.pytorch.autolog(log_every_n_step=1)
    else:
        autolog.disable()


def trained(package, folder, on):
    """All that a training leaves behind: weights, random states, optimizer, callbacks, files."""
    switch(on)
    for seed in (torch.manual_seed, random.seed, np.random.seed):
        seed(3)
    saving = callbacks_of(package).ModelCheckpoint(folder / str(on), monitor="val_loss")
    own = trainer(package, callbacks=[saving], enable_checkpointing=True)
    module = regressor(package)
    module.linear = torch.nn.Sequential(torch.nn.Linear(3, 1), torch.nn.Dropout(0.1))
    own.fit(module, loader(shuffle=True), loader(slice(0, 16)))
    (tested,) = own.test(module, loader(), verbose=False)
    saved = torch.load(saving.best_model_path, weights_only=True)
    return (
        [weight.tolist() for weight in module.state_dict().values()],
        torch.get_rng_state().tolist(), random.getstate(), str(np.random.get_state()),
        str(own.optimizers[0].state_dict()), tested, own.callbacks == [saving],
        sorted(saved), sorted(saved["callbacks"]), str(saved["loops"]),
        sorted(vars(module)), sorted(vars(own)), len(module._forward_hooks),
        {name: float(value) for name, value in own.callback_metrics.items()},
        torch.is_grad_enabled(), module.training,
    )  # fmt: skip


@pytest.mark.parametrize("package", PACKAGES)
def test_all_that_a_training_leaves_behind(package, tmp_path):
    trained(package, tmp_path / "first", False)  # what a first import draws is not looked at
    for without, recorded in zip(
        trained(package, tmp_path, False), trained(package, tmp_path, True), strict=True
    ):
        assert without == recorded
    assert only_run().info.status == "FINISHED"


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_weights_of_every_script(script, monkeypatch):
    def kept(*args, **kwargs):
        trainers.append(trainer(*args, **kwargs))
        return trainers[-1]

    trainers, found = [], []
    monkeypatch.setattr(lightning_scripts, "trainer", kept)
    for on in (False, True):
        with monkeypatch.context() as patch:
            if not on:
                patch.setattr(autolog.pytorch, "autolog", lambda **_: None)
            torch.manual_seed(3)
            SCRIPTS[script](autolog)
        weights = [one.tolist() for one in trainers[-1].model.state_dict().values()]
        found.append((weights, trainers[-1].global_step, torch.get_rng_state().tolist()))
    assert found[0] == found[1]
    assert "optimizer_name" in runs()[-1].data.params


def test_the_users_callbacks_and_loggers_are_untouched(tmp_path):
    class Counting(callbacks_of(PL).Callback):
        batches = 0

        def on_train_batch_end(self, own, module, *rest):
            self.batches += 1
            seen.append(list(own.callbacks))

    seen = []
    mine = [Counting()]
    csv = importlib.import_module(f"{PL}.loggers").CSVLogger(tmp_path)
    switch(True)
    own = trainer(PL, callbacks=mine, logger=csv)
    callbacks = own.callbacks
    own.fit(regressor(PL), loader())
    assert mine[0].batches == 24
    assert len(mine) == 1
    assert own.callbacks is callbacks
    assert own.loggers == [csv]
    assert "loss_epoch" in (tmp_path / "lightning_logs/version_0/metrics.csv").read_text()


def test_a_trainer_pickles_and_copies_even_while_it_trains():
    class Copying(callbacks_of(PL).Callback):
        def on_train_epoch_end(self, own, module):
            copies.append(pickle.loads(pickle.dumps(own.callbacks[-1])))
            copies.append(copy.deepcopy(own.callbacks[-1]))

    copies = []
    switch(True)
    own = trainer(PL, max_epochs=1, callbacks=[Copying()])
    own.fit(regressor(PL), loader())
    assert pickle.loads(pickle.dumps(trainer(PL))).max_epochs == 3
    assert {type(one).__name__ for one in copies} == {"Idle"}
    again = trainer(PL, max_epochs=1, callbacks=copies[:1])
    autolog.disable()
    again.fit(regressor(PL), loader())
    assert len(runs()) == 1


def test_callbacks_that_the_module_brings_stay():
    stopping = callbacks_of(PL).EarlyStopping("loss", patience=9)
    switch(True)
    own = trainer(PL)
    own.fit(regressor(PL, configure_callbacks=lambda self: [stopping]), loader())
    assert own.callbacks == [stopping]
    assert only_run().data.params["patience"] == "9"


def test_no_value_is_fetched_on_the_training_thread(monkeypatch):
    fetched = []
    for name in ("item", "cpu", "tolist", "__float__"):
        original = getattr(torch.Tensor, name)

        def counted(self, *args, _name=name, _original=original):
            if threading.current_thread() is threading.main_thread():
                fetched.append(_name)
            return _original(self, *args)

        monkeypatch.setattr(torch.Tensor, name, counted)
    counts = []
    for on in (False, True):
        if on:
            autolog.pytorch.autolog(log_every_n_step=1, log_models=False, checkpoint=False)
        fetched.clear()
        trainer(PL).fit(regressor(PL), loader())
        counts.append(list(fetched))
    assert counts[0] == counts[1]
    assert len(only_run().data.metrics) == 3


def test_memory_does_not_grow_with_the_steps():
    import gc

    held = []

    class Measuring(callbacks_of(PL).Callback):
        def on_train_batch_end(self, own, module, outputs, batch, batch_idx):
            if own.global_step in (400, 2000):
                gc.collect()
                held.append(sum(isinstance(one, torch.Tensor) for one in gc.get_objects()))

    switch(True)
    data = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(X.repeat(40, 1), Y.repeat(40, 1)), batch_size=1
    )
    trainer(PL, max_epochs=1, callbacks=[Measuring()]).fit(regressor(PL), data)
    # Those of the last half second wait to be read.
    assert abs(held[1] - held[0]) < 1000
    (run,) = runs()
    points = autolog.Client().get_metric_history(run.info.run_id, "loss_step")
    assert len(points) == 2560


@pytest.mark.parametrize("place", ["summary.text", "metrics.Metrics.after_step", "fitting.Watcher"])
def test_a_fault_of_ours_costs_the_training_nothing(place, monkeypatch, faults):
    def broken(*_):
        raise RuntimeError("no more room")

    for name in ("summary", "metrics", "fitting"):
        importlib.import_module(f"autolog.pytorch.{name}")
    found = []
    for on in (False, True):
        if on:
            monkeypatch.setattr(f"autolog.pytorch.{place}", broken)
        switch(on)
        own = trainer(PL)
        own.fit(regressor(PL), loader(), loader(slice(0, 16)))
        found.append((own.global_step, own.model.linear.weight.tolist(), own.callbacks))
    assert found[0] == found[1]
    assert {str(error) for _, error in faults.caught} == {"no more room"}
    faults.caught.clear()
    assert only_run().info.status == "FINISHED"


def test_a_module_that_cannot_be_pickled_is_kept_as_weights(caplog):
    module = regressor(PL)
    module.lock = threading.Lock()
    switch(True)
    with caplog.at_level(logging.WARNING):
        trainer(PL, max_epochs=1).fit(module, loader())
    assert "weights alone" in caplog.text
    uri = f"runs:/{only_run().info.run_id}/model"
    loaded = autolog.pytorch.load_model(uri, model=regressor(PL))
    assert torch.equal(loaded.linear.weight, module.linear.weight)
