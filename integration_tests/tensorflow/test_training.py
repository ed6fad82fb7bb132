"""Fits of tf.keras under tensorflow.autolog: what it adds to Keras's own record."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import autolog
from autolog.engine import guard
from autolog.tensorflow.events import EventFiles
from core_client.client import Client
from core_client.exceptions import MlflowException
from integration_tests.reading import artifacts, only_run, runs

X = np.random.default_rng(7).random((60, 4)).astype("float32")
Y = X.sum(1)


def model() -> Any:
    tf.keras.utils.set_random_seed(7)
    made = tf.keras.Sequential(
        [tf.keras.Input((4,)), tf.keras.layers.Dense(3), tf.keras.layers.Dense(1)]
    )
    made.compile("adam", "mse", metrics=["mae"])
    return made


def fit(**how: Any) -> Any:
    made = model()
    how = {"epochs": 3, "batch_size": 10, "validation_data": (X, Y), "verbose": 0, **how}
    made.fit(X, Y, **how)
    return made


def weights(of: Any) -> list[Any]:
    return [weight.tolist() for weight in of.get_weights()]


def test_alone_and_with_keras_the_record_is_one() -> None:
    plain = fit()
    autolog.tensorflow.autolog()
    assert weights(fit()) == weights(plain)
    autolog.keras.autolog()
    assert weights(fit()) == weights(plain)
    alone, both = runs()
    for run in (alone, both):
        assert run.info.status == "FINISHED"
        assert run.data.params["epochs"] == "3"
        assert run.data.params["opt_name"].lower().startswith("adam")
        assert len(Client().get_metric_history(run.info.run_id, "loss")) == 3
        assert len(Client().get_metric_history(run.info.run_id, "val_mae")) == 3
        assert {"model", "checkpoints", "model_summary.txt"} <= artifacts(run)
    assert alone.data.tags["mlflow.autologging"] == "tensorflow"
    assert both.data.params["optimizer_name"] == both.data.params["opt_name"]
    loaded = autolog.tensorflow.load_model(f"runs:/{alone.info.run_id}/model")
    assert weights(loaded) == weights(plain)


def test_batches_of_a_loop_of_the_users() -> None:
    def loop() -> list[float]:
        made = model()
        told = [made.train_on_batch(X, Y, return_dict=True)["loss"] for _ in range(4)]
        return [float(loss) for loss in told]

    autolog.tensorflow.autolog()
    loop()
    assert runs() == []
    autolog.tensorflow.autolog(log_every_n_steps=2)
    losses = loop()
    autolog.keras.autolog(log_every_n_steps=2)
    assert loop() == losses
    alone, both = runs()
    for run in (alone, both):
        points = Client().get_metric_history(run.info.run_id, "loss")
        assert [(point.step, point.value) for point in points] == [(2, losses[1]), (4, losses[3])]
    assert alone.data.params["opt_beta_1"] == both.data.params["optimizer_beta_1"]


def test_tensorboard_shows_the_epochs(tmp_path: Path) -> None:
    autolog.tensorflow.autolog(log_models=False, checkpoint=False)
    trained = fit()
    run = only_run()
    assert artifacts(run, "tensorboard_logs") == {
        "tensorboard_logs/train",
        "tensorboard_logs/validation",
    }
    folder = Client().artifacts(run.info.run_id).local("tensorboard_logs/validation")
    points = list(EventFiles.since_ever(str(folder)).points())
    assert {point.tag for point in points} == {"epoch_loss", "epoch_mae"}
    losses = [point.value for point in points if point.tag == "epoch_loss"]
    assert losses == pytest.approx(trained.history.history["val_loss"])
    assert not any(name.startswith("epoch_") for name in run.data.metrics)


def test_without_tensorboard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    autolog.tensorflow.autolog(log_models=False)
    fit()
    run = only_run()
    assert run.info.status == "FINISHED"
    assert len(Client().get_metric_history(run.info.run_id, "loss")) == 3
    assert artifacts(run) == {"checkpoints", "model_summary.txt"}


def test_a_callback_that_raises_ends_the_fit_as_without_us() -> None:
    class Broken(tf.keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if epoch == 1:
                raise KeyError("of the user's own")

    autolog.tensorflow.autolog()
    with pytest.raises(KeyError, match="of the user's own"):
        fit(callbacks=[Broken()])
    run = only_run()
    assert run.info.status == "FAILED"
    assert [point.step for point in Client().get_metric_history(run.info.run_id, "loss")] == [0, 1]
    loaded = autolog.tensorflow.load_checkpoint(run_id=run.info.run_id)
    assert len(weights(loaded)) == 4
    assert "tensorboard_logs/train" in artifacts(run, "tensorboard_logs")


def test_a_loss_that_is_no_number_is_no_best_one() -> None:
    autolog.tensorflow.autolog(log_models=False)
    made = model()
    made.compile("sgd", lambda target, predicted: predicted * float("nan"))
    made.fit(X, Y, epochs=2, validation_data=(X, Y), verbose=0)
    run = only_run()
    assert run.info.status == "FINISHED"
    history = Client().get_metric_history(run.info.run_id, "val_loss")
    assert [point.value != point.value for point in history] == [True, True]
    assert "checkpoints" not in artifacts(run)


def test_the_best_checkpoint_is_loaded_again() -> None:
    autolog.tensorflow.autolog(log_models=False)
    trained = fit()
    run = only_run()
    assert (
        run.data.tags["mlflow.latest_checkpoint_artifact"] == "checkpoints/latest_checkpoint.keras"
    )
    about = json.loads(
        Client().artifacts(run.info.run_id).read("checkpoints/latest_checkpoint_metrics.json")
    )
    assert about["epoch"] == 2
    assert about["global_step"] == 18
    assert about["val_loss"] == run.data.metrics["val_loss"]
    assert weights(autolog.tensorflow.load_checkpoint(run_id=run.info.run_id)) == weights(trained)
    assert "model" not in artifacts(run)


def test_weights_of_every_epoch() -> None:
    autolog.tensorflow.autolog(checkpoint_save_best_only=False, checkpoint_save_weights_only=True)
    seen = []
    after = tf.keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(weights(after.model))
    )
    fit(callbacks=[after])
    run_id = only_run().info.run_id
    assert artifacts(only_run(), "checkpoints") == {f"checkpoints/epoch_{n}" for n in range(3)}
    for epoch in range(3):
        loaded = autolog.tensorflow.load_checkpoint(model(), run_id, epoch=epoch)
        assert weights(loaded) == seen[epoch]
    with pytest.raises(MlflowException, match="weights alone"):
        autolog.tensorflow.load_checkpoint(run_id=run_id)


def test_checkpoints_by_batch_have_the_weights_of_that_batch() -> None:
    autolog.tensorflow.autolog(checkpoint_save_best_only=False, checkpoint_save_freq=4)
    seen = []
    after = tf.keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(weights(after.model))
    )
    fit(callbacks=[after])
    run_id = only_run().info.run_id
    steps = (4, 8, 12, 16)
    assert artifacts(only_run(), "checkpoints") == {f"checkpoints/global_step_{n}" for n in steps}
    for step in steps:
        loaded = autolog.tensorflow.load_checkpoint(run_id=run_id, global_step=step)
        assert weights(loaded) == seen[step - 1]


def test_another_users_checkpoint_is_not_loaded_unasked() -> None:
    autolog.tensorflow.autolog(log_models=False)
    trained = fit(epochs=1)
    run_id = only_run().info.run_id
    signature = Client().artifacts(run_id).local("checkpoints/autolog.sig")
    signature.unlink()
    with pytest.raises(MlflowException, match="was not signed by this user"):
        autolog.tensorflow.load_checkpoint(run_id=run_id)
    loaded = autolog.tensorflow.load_checkpoint(run_id=run_id, trusted=True)
    assert weights(loaded) == weights(trained)


class Unsaveable(tf.keras.layers.Layer):
    def __init__(self, factor: Any) -> None:
        super().__init__()
        self.factor = factor

    def call(self, rows: Any) -> Any:
        return rows * self.factor

    def get_config(self) -> Any:
        raise NotImplementedError("no config")


@pytest.mark.parametrize("also", [None, "keras"])
def test_a_model_that_cannot_be_saved_is_trained_all_the_same(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, also: str | None
) -> None:
    monkeypatch.setattr(guard, "collected", None)  # faults are told, as users are told of them
    monkeypatch.setattr(guard, "_reported", set())
    autolog.tensorflow.autolog()
    if also:
        autolog.keras.autolog()
    made = tf.keras.Sequential([tf.keras.Input((4,)), Unsaveable(2.0), tf.keras.layers.Dense(1)])
    made.compile("sgd", "mse")
    history = made.fit(X, Y, epochs=2, validation_data=(X, Y), verbose=0)
    assert len(history.history["loss"]) == 2
    run = only_run()
    assert run.info.status == "FINISHED"
    assert len(Client().get_metric_history(run.info.run_id, "loss")) == 2
    assert artifacts(run) & {"model", "checkpoints"} == set()
    (told,) = caplog.messages
    assert "Keras cannot save the Sequential: no config" in told
    assert str(run.info.run_name) in told


def test_a_full_disk_at_checkpoint_time(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.setattr(guard, "collected", None)  # faults are told, as users are told of them
    monkeypatch.setattr(guard, "_reported", set())
    autolog.tensorflow.autolog()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    wide = tf.keras.layers.Dense(300_000)
    large = tf.keras.Sequential([tf.keras.Input((4,)), wide, tf.keras.layers.Dense(1)])
    large.compile("sgd", "mse")
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, hard))
    try:
        history = large.fit(X, Y, epochs=2, validation_data=(X, Y), verbose=0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(history.history["loss"]) == 2
    run = only_run()
    assert run.info.status == "FINISHED"
    assert artifacts(run, "checkpoints") == set()
    assert "model" not in artifacts(run)
    (told,) = caplog.messages
    assert "checkpoint failed" in told
    assert list(tmp_path.rglob(".incoming-*")) == []


def test_scalars_that_users_write_into_the_writer_of_keras() -> None:
    autolog.tensorflow.autolog(log_models=False, checkpoint=False)
    board = tf.keras.callbacks.TensorBoard("logs")
    own = tf.keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: tf.summary.scalar("own", epoch, step=epoch)
    )
    with autolog.start_run(), tf.summary.create_file_writer("own").as_default():
        fit(callbacks=[board, own])
    run = only_run()
    assert len(Client().get_metric_history(run.info.run_id, "own")) == 3
    assert not any("epoch_" in name or "evaluation_" in name for name in run.data.metrics)
    assert "tensorboard_logs" in artifacts(run)


def test_options_that_cannot_be_are_refused() -> None:
    with pytest.raises(MlflowException, match="checkpoint_mode"):
        autolog.tensorflow.autolog(checkpoint_mode="best")  # type: ignore[arg-type]
    with pytest.raises(MlflowException, match="every_n_iter"):
        autolog.tensorflow.autolog(every_n_iter=0)
