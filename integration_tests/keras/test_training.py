"""What a fit leaves behind, however the model was made and the data was given."""

from __future__ import annotations

import json
import math
import sys
import threading

import keras
import numpy as np
import pytest

import autolog
from integration_tests.keras.models import (
    BACKEND,
    KERAS_2,
    ROWS,
    X,
    Y,
    classifier,
    curve,
    datasets,
    text,
    values,
)
from integration_tests.reading import artifacts, only_run, runs

on_tensorflow = pytest.mark.skipif(BACKEND != "tensorflow", reason="needs TensorFlow")


@pytest.fixture(autouse=True)
def switched_on():
    autolog.keras.autolog(log_models=False)
    yield
    autolog.disable()


def test_params_metrics_and_summary():
    model = classifier(optimizer=keras.optimizers.SGD(0.25, momentum=0.5))
    history = model.fit(X, Y, 16, 3, verbose=0, validation_split=0.5, class_weight={0: 1, 1: 2})
    run = only_run()
    assert run.info.status == "FINISHED"
    assert run.data.tags["mlflow.autologging"] == "keras"
    params = run.data.params
    assert params["batch_size"] == "16"
    assert params["epochs"] == "3"
    assert params["validation_split"] == "0.5"
    assert params["class_weight"] == "{0: 1, 1: 2}"
    assert float(params["optimizer_learning_rate"]) == 0.25
    assert params["optimizer_momentum"] == "0.5"
    assert not {"x", "y", "callbacks"} & set(params)
    for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
        assert curve(name) == list(enumerate(history.history[name]))
    assert values("validation_loss") == history.history["val_loss"]
    assert values("learning_rate") == [0.25] * 3
    assert "Total params" in text("model_summary.txt")
    assert "learning_rate" not in history.history


def test_the_summary_is_there_when_the_training_begins():
    seen = []

    class Look(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            seen.append(artifacts(only_run()))

    classifier().fit(X, Y, verbose=0, callbacks=[Look()])
    assert seen == [{"model_summary.txt"}]


def test_what_is_switched_off_is_left_out():
    autolog.keras.autolog(log_models=False, log_datasets=False, log_every_epoch=False)
    classifier().fit(X, Y, verbose=0, validation_split=0.5)
    run = only_run()
    assert datasets(run) == {}
    assert artifacts(run) == {"model_summary.txt"}
    names = {name.partition("_")[0] for name in run.data.metrics}
    assert names == {"val", "validation", "learning"}


def test_datasets_by_the_names_of_variables():
    features, targets, held_out = X, Y, (X[:7], Y[:7])
    classifier().fit(features, targets, verbose=0, validation_data=held_out)
    found = datasets(only_run())
    assert {context: one.name for context, one in found.items()} == {
        "train": "features",
        "eval": "validation_data",
    }
    assert json.loads(found["train"].profile)["features_shape"] == [ROWS, 4]
    assert json.loads(found["eval"].profile)["targets_shape"] == [7]


def kinds_of_data():
    import pandas as pd

    yield "tables", pd.DataFrame(X, columns=list("abcd")), pd.Series(Y)
    if not KERAS_2:
        yield "tensors", keras.ops.convert_to_tensor(X), keras.ops.convert_to_tensor(Y)


@pytest.mark.parametrize(("kind", "features", "targets"), kinds_of_data())
def test_tables_and_tensors(kind, features, targets):
    autolog.keras.autolog(log_input_examples=True)
    model = classifier()
    history = model.fit(features, targets, epochs=2, verbose=0)
    run = only_run()
    assert values("loss") == history.history["loss"]
    (train,) = datasets(run).values()
    assert run.data.params["batch_size"] == "32"
    expected = ["a", "b"] if kind == "tables" else [-1, 4]
    assert all(json.dumps(part) in train.schema.replace("\\", "") for part in expected)
    example = json.loads(text("model/input_example.json"))
    assert np.allclose(example["data"] if kind == "tables" else example, X[:5])


def test_the_default_batch_size_is_told():
    classifier().fit(x=X, y=Y, verbose=0)
    assert only_run().data.params["batch_size"] == "32"


def functional():
    left, right = keras.Input((2,), name="left"), keras.Input((2,), name="right")
    both = keras.layers.Concatenate()([left, right])
    outputs = {
        "sign": keras.layers.Dense(1, name="sign")(both),
        "size": keras.layers.Dense(1, name="size")(both),
    }
    model = keras.Model([left, right], outputs)
    model.compile("adam", loss={"sign": "mse", "size": "mae"})
    return model


def test_several_inputs_and_outputs():
    pairs, wanted = [X[:, :2], X[:, 2:]], {"sign": Y, "size": Y}
    history = functional().fit(pairs, wanted, epochs=2, verbose=0)
    assert set(history.history) >= {"loss", "sign_loss", "size_loss"}
    for name, points in history.history.items():
        assert values(name) == points
    (train,) = datasets(only_run()).values()
    assert json.loads(train.profile)["features_shape"] == {"left": [ROWS, 2], "right": [ROWS, 2]}


def test_a_model_of_the_users_own_class():
    class Tower(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1)
            self.calls = 0

        def call(self, inputs):
            return self.dense(inputs)

    model = Tower()
    model.compile("sgd", "mse")
    history = model.fit(X, Y, epochs=2, verbose=0)
    assert values("loss") == history.history["loss"]
    assert "dense" in text("model_summary.txt")


def test_a_generator_arrives_whole():
    given = []

    def batches():
        for start in range(0, ROWS, 10):
            given.append(start)
            yield X[start : start + 10], Y[start : start + 10]

    once = batches()
    history = classifier().fit(once, verbose=0)
    autolog.disable()
    alone = classifier().fit(batches(), verbose=0)
    assert given == [0, 10, 20, 30] * 2
    assert history.history == alone.history
    (train,) = datasets(only_run()).values()
    assert train.name == "once"


@pytest.mark.skipif(not hasattr(keras.Model, "fit_generator"), reason="of Keras 2")
def test_the_old_method_for_generators():
    batches = ((X[start : start + 10], Y[start : start + 10]) for start in range(0, ROWS, 10))
    history = classifier().fit_generator(batches, 2, 2, verbose=0)
    run = only_run()
    assert curve("loss") == list(enumerate(history.history["loss"]))
    assert (run.data.params["steps_per_epoch"], run.data.params["epochs"]) == ("2", "2")
    (train,) = datasets(run).values()
    assert train.name == "batches"


def test_a_sequence_is_not_asked_for_batches_of_ours():
    class Sequence(keras.utils.Sequence):
        asked = 0

        def __len__(self):
            return 4

        def __getitem__(self, index):
            Sequence.asked += 1
            return X[index * 10 : index * 10 + 10], Y[index * 10 : index * 10 + 10]

    sequence = Sequence()
    classifier().fit(sequence, epochs=2, verbose=0)
    with_us, Sequence.asked = Sequence.asked, 0
    autolog.disable()
    classifier().fit(Sequence(), epochs=2, verbose=0)
    assert with_us == Sequence.asked
    (train,) = datasets(only_run()).values()
    assert (train.name, json.loads(train.profile)["num_batches"]) == ("sequence", 4)


@on_tensorflow
def test_a_pipeline_without_end():
    import tensorflow as tf

    drawn = []

    def note(x):
        drawn.append(1)
        return x

    pipeline = tf.data.Dataset.from_tensor_slices((X, Y)).repeat()
    pipeline = pipeline.map(lambda x, y: (tf.py_function(note, [x], tf.float32), y))
    pipeline = pipeline.map(lambda x, y: (tf.ensure_shape(x, [4]), y)).batch(8)
    classifier().fit(pipeline, steps_per_epoch=5, epochs=2, verbose=0)
    run = only_run()
    assert run.data.params["batch_size"] == "8"
    assert run.data.params["steps_per_epoch"] == "5"
    (train,) = datasets(run).values()
    assert '\\"shape\\": [-1, 4]' in train.schema
    assert len(drawn) < 500


def test_a_torch_data_loader():
    torch = pytest.importorskip("torch")
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y)[:, None]), batch_size=8
    )
    history = classifier().fit(loader, epochs=2, verbose=0)
    assert values("loss") == history.history["loss"]
    assert only_run().data.params["batch_size"] == "8"


@pytest.mark.skipif(BACKEND != "torch", reason="its fits are no loops in PyTorch")
@pytest.mark.parametrize("on", [True, False])
def test_a_fit_on_pytorch_is_no_loop_of_the_users(on):
    import torch

    autolog.pytorch.autolog()
    autolog.keras.autolog(disable=not on)
    classifier().fit(X, Y, epochs=2, verbose=0)
    assert [run.data.tags["mlflow.autologging"] for run in runs()] == ["keras"] * on
    # Nor are its losses taken for those of a loop that comes after it.
    model = torch.nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters())
    loss = model(torch.ones(4, 3)).square().mean()
    loss.backward()
    optimizer.step()
    (run,) = (one for one in runs() if one.data.tags["mlflow.autologging"] == "pytorch")
    assert run.data.metrics["loss"] == loss.item()


def test_two_fits_in_one_run_are_told_apart():
    model = classifier()
    with autolog.start_run():
        model.fit(X, Y, epochs=1, verbose=0)
        model.fit(X, Y, epochs=2, verbose=0)
    run = only_run()
    assert run.data.params["epochs"] == "1"
    assert run.data.params["Sequential-2.epochs"] == "2"
    assert len(values("loss")) == 1
    assert len(values("Sequential-2.loss")) == 2


def test_each_fit_has_a_run_of_its_own():
    model = classifier()
    model.fit(X, Y, verbose=0)
    model.fit(X, Y, verbose=0, initial_epoch=1, epochs=3)
    first, second = runs()
    assert curve("loss", first)[0][0] == 0
    assert [step for step, _ in curve("loss", second)] == [1, 2]


def test_metrics_of_every_batch():
    autolog.keras.autolog(log_models=False, log_every_n_steps=1)
    told = []

    class Note(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            told.append(logs["loss"])

    history = classifier().fit(
        X, Y, batch_size=10, epochs=2, verbose=0, validation_data=(X, Y), callbacks=[Note()]
    )
    assert curve("loss") == list(enumerate(told, start=1))
    assert curve("val_loss") == list(zip((4, 8), history.history["val_loss"], strict=True))


@pytest.mark.skipif(BACKEND != "torch", reason="elsewhere, steps give only the framework's tensors")
def test_no_batch_is_looked_at_in_the_training_thread():
    looks = []

    class Held:
        def __float__(self):
            looks.append(threading.current_thread() is threading.main_thread())
            return 0.5

    class Silent(keras.Sequential):
        def train_step(self, data):
            return super().train_step(data) | {"held": Held()}

    model = Silent([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, Y, batch_size=2, verbose=0)
    of_epoch = looks.count(True)
    looks.clear()
    autolog.keras.autolog(log_models=False, log_every_n_steps=1)
    model.fit(X, Y, batch_size=2, verbose=0)
    assert values("held", runs()[1]) == [0.5] * 20
    assert looks.count(True) <= of_epoch
    assert looks.count(False) == 20


@pytest.mark.parametrize("at_once", [1, 2])
def test_metrics_of_every_third_batch(at_once):
    autolog.keras.autolog(log_models=False, log_every_n_steps=3, log_every_epoch=False)
    if at_once == 2 and BACKEND == "torch":
        pytest.skip("one at a time on PyTorch")
    model = classifier(steps_per_execution=at_once)
    model.fit(X, Y, batch_size=5, epochs=2, verbose=0)
    expected = [3, 6, 9, 12, 15] if at_once == 1 else [4, 6, 10, 12, 16]
    # Keras tells of batches from several threads, which may overtake each other.
    assert sorted(step for step, _ in curve("loss")) == expected


def test_a_second_fit_counts_batches_on():
    autolog.keras.autolog(log_models=False, log_every_n_steps=2)
    model = classifier()
    model.fit(X, Y, batch_size=10, verbose=0)
    model.fit(X, Y, batch_size=10, verbose=0)
    first, second = runs()
    assert [step for step, _ in curve("loss", first)] == [2, 4]
    assert [step for step, _ in curve("loss", second)] == [6, 8]


def test_batches_of_a_loop_of_the_users():
    model = classifier()
    model.train_on_batch(X, Y)
    assert runs() == []
    autolog.keras.autolog(log_every_n_steps=2)
    losses = [model.train_on_batch(X, Y, return_dict=True)["loss"] for _ in range(5)]
    run = only_run()
    assert run.data.params["optimizer_beta_1"] == "0.9"
    assert curve("loss") == [(2, float(losses[1])), (4, float(losses[3]))]


def test_evaluation_after_training():
    model, held_out = classifier(), X[:20]
    model.fit(X, Y, verbose=0)
    loss, accuracy = model.evaluate(held_out, Y[:20], verbose=0)
    run = only_run()
    assert run.data.metrics["loss_held_out"] == pytest.approx(float(loss))
    assert run.data.metrics["accuracy_held_out"] == pytest.approx(float(accuracy))
    assert datasets(run)["eval"].name == "held_out"


def test_evaluation_of_a_model_that_was_not_trained_here():
    model = classifier()
    model.evaluate(X, Y, verbose=0)
    assert runs() == []
    with autolog.start_run():
        found = model.evaluate(X, Y, verbose=0, return_dict=True)
    assert only_run().data.metrics["loss_X"] == pytest.approx(float(found["loss"]))


def test_schedules_of_the_learning_rate():
    by_callback = keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.5 / (epoch + 1))
    classifier().fit(X, Y, epochs=3, verbose=0, callbacks=[by_callback])
    assert values("learning_rate") == pytest.approx([0.5, 0.25, 0.5 / 3])
    decay = keras.optimizers.schedules.ExponentialDecay(0.5, decay_steps=2, decay_rate=0.5)
    classifier(optimizer=keras.optimizers.SGD(decay)).fit(X, Y, epochs=2, verbose=0)
    assert values("learning_rate", runs()[1]) == pytest.approx([0.25, 0.125])


def test_stopping_early():
    stopping = keras.callbacks.EarlyStopping(
        monitor="loss", min_delta=10.0, patience=2, restore_best_weights=True
    )
    history = classifier().fit(X, Y, epochs=9, verbose=0, callbacks=[stopping])
    run = only_run()
    for name, value in (("monitor", "loss"), ("patience", "2"), ("min_delta", "10.0")):
        assert run.data.params[name] == value
    assert run.data.params["restore_best_weights"] == "True"
    assert run.data.params["baseline"] == "None"
    assert run.data.metrics["stopped_epoch"] == 2
    assert run.data.metrics["restored_epoch"] == 0
    assert curve("loss") == [*enumerate(history.history["loss"]), (3, history.history["loss"][0])]


def test_weights_restored_without_a_stop():
    stopping = keras.callbacks.EarlyStopping(
        "loss", min_delta=10.0, patience=9, restore_best_weights=True
    )
    kept = []
    after = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: kept.append(after.model.get_weights())
    )
    model = classifier()
    history = model.fit(X, Y, epochs=2, verbose=0, callbacks=[stopping, after])
    is_first = np.array_equal(model.get_weights()[0], kept[0][0])
    assert is_first == (not KERAS_2)  # Keras 2 restores only where it stopped
    losses = list(enumerate(history.history["loss"]))
    assert curve("loss") == losses + ([(2, losses[0][1])] if is_first else [])
    assert ("restored_epoch" in only_run().data.metrics) == is_first
    assert "stopped_epoch" not in only_run().data.metrics


def test_files_of_checkpoints():
    every = keras.callbacks.ModelCheckpoint("kept/{epoch:02d}-{loss:.2f}.keras")
    best = keras.callbacks.ModelCheckpoint(
        "best.weights.h5", monitor="loss", save_best_only=True, save_weights_only=True
    )
    classifier().fit(X, Y, epochs=2, verbose=0, callbacks=[every, best])
    kept = {path.removeprefix("checkpoints/") for path in artifacts(only_run(), "checkpoints")}
    assert {name[:3] for name in kept if name.endswith(".keras")} == {"01-", "02-"}
    assert "best.weights.h5" in kept


@on_tensorflow
def test_logs_for_tensorboard():
    pytest.importorskip("tensorboard")
    board = keras.callbacks.TensorBoard("logs")
    classifier().fit(X, Y, verbose=0, callbacks=[board])
    assert artifacts(only_run(), "tensorboard_logs") == {"tensorboard_logs/train"}


def test_without_tensorboard(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    history = classifier().fit(X, Y, epochs=2, verbose=0)
    assert only_run().info.status == "FINISHED"
    assert values("loss") == history.history["loss"]
    assert artifacts(only_run()) == {"model_summary.txt"}


def test_callbacks_stay_the_users():
    order = []

    class Note(keras.callbacks.Callback):
        def __init__(self, name):
            super().__init__()
            self.name = name

        def on_epoch_end(self, epoch, logs=None):
            order.append(self.name)
            logs["seen"] = 1.0

    given = [Note("first"), Note("second")]
    classifier().fit(X, Y, verbose=0, callbacks=given)
    classifier().fit(X, Y, verbose=0, callbacks=given[0])
    whole = keras.callbacks.CallbackList(given, add_history=True, model=classifier(), epochs=1)
    held = list(whole.callbacks)
    whole.model.fit(X, Y, verbose=0, callbacks=whole)
    assert order == ["first", "second", "first", "first", "second"]
    assert (len(given), whole.callbacks) == (2, held)
    assert [values("seen", run) for run in runs()] == [[1.0]] * 3


def test_a_loss_that_is_no_number():
    history = classifier(loss=lambda true, predicted: predicted * math.nan).fit(
        X, Y, epochs=2, verbose=0, callbacks=[keras.callbacks.TerminateOnNaN()]
    )
    assert np.isnan(values("loss")).all()
    assert len(values("loss")) == len(history.history["loss"])
    assert only_run().info.status == "FINISHED"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_callback_that_raises(error):
    class Raise(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                logs["seen"] = 1.0
                raise error("enough")

    board = keras.callbacks.ModelCheckpoint("kept.weights.h5", save_weights_only=True)
    with pytest.raises(error, match="enough"):
        classifier().fit(X, Y, epochs=5, verbose=0, callbacks=[board, Raise()])
    run = only_run()
    assert run.info.status == "FAILED"
    assert run.data.tags["autolog.error"] == f"{error.__name__}: enough"
    assert [step for step, _ in curve("loss")] == [0, 1, 2]
    assert curve("seen") == [(2, 1.0)]
    assert artifacts(run) >= {"checkpoints", "model_summary.txt"}


def test_a_place_for_files_that_cannot_be_written(faults, own_place):
    (own_place / "mlruns").write_text("not a folder")
    kept = keras.callbacks.ModelCheckpoint("kept.weights.h5", save_weights_only=True)
    history = classifier().fit(X, Y, epochs=2, verbose=0, callbacks=[kept])
    run = only_run()
    assert run.info.status == "FINISHED"
    assert values("loss") == history.history["loss"]
    faults.expect("model_summary.txt", "artifact kept.weights.h5")


def test_an_interrupted_epoch_keeps_its_batches():
    autolog.keras.autolog(log_models=False, log_every_n_steps=1)

    class Interrupt(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if batch == 3:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        classifier().fit(X, Y, batch_size=4, verbose=0, callbacks=[Interrupt()])
    # Keras may tell the last one from another thread, a moment later.
    assert [step for step, _ in curve("loss")] in ([1, 2], [1, 2, 3])


def test_a_call_that_keras_refuses():
    with pytest.raises(TypeError):
        classifier().fit(X, Y, epoch=3)
    assert runs() == []
    with pytest.raises((RuntimeError, ValueError)):
        keras.Sequential([keras.layers.Dense(1)]).fit(X, Y, verbose=0)
    assert only_run().info.status == "FAILED"


@pytest.mark.parametrize("interval", [0, -1, 1.5, True, "1"])
def test_an_interval_that_is_none(interval):
    with pytest.raises(autolog.exceptions.MlflowException, match="log_every_n_steps"):
        autolog.keras.autolog(log_every_n_steps=interval)


def test_the_same_weights_with_and_without():
    def train():
        model = classifier()
        model.add(keras.layers.Dropout(0.5))
        model.add(keras.layers.Dense(1))
        history = model.fit(X, Y, epochs=2, verbose=0, validation_split=0.25)
        return history.history, model.get_weights(), np.random.rand()

    autolog.keras.autolog(log_every_n_steps=1)
    history, weights, drawn = train()
    autolog.disable()
    alone, bare, undisturbed = train()
    assert history == alone
    assert all(np.array_equal(one, other) for one, other in zip(weights, bare, strict=True))
    assert drawn == undisturbed
    assert KERAS_2 or len(runs()) == 1


@on_tensorflow
@pytest.mark.parametrize("first", ["keras", "tensorflow"])
def test_nothing_is_recorded_twice(first):
    autolog.disable()
    for name in (first, "keras", "tensorflow"):
        getattr(autolog, name).autolog(log_models=False, log_datasets=True)
    model, held_out = classifier(), X[:20]
    history = model.fit(X, Y, epochs=2, verbose=0, validation_data=(X[:9], Y[:9]))
    model.evaluate(held_out, Y[:20], verbose=0)
    run = only_run()
    assert run.data.tags["mlflow.autologging"] == "keras"
    assert run.data.params["optimizer_beta_1"] == run.data.params["opt_beta_1"] == "0.9"
    assert curve("loss") == list(enumerate(history.history["loss"]))
    assert len(values("loss_held_out")) == 1
    uses = [one.tags[0].value for one in run.inputs.dataset_inputs]
    assert sorted(uses) == ["eval", "eval", "train"]
    assert "checkpoints" in artifacts(run)
