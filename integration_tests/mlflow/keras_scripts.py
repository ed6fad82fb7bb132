"""Trainings with Keras as users write them: alone, under MLflow and under autolog."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

_random = np.random.RandomState(0)
X = _random.rand(60, 4).astype("float32")
Y = (X[:, 0] + 0.2 * _random.rand(60) > 0.6).astype("float32")
ORDER = []  # of calls of the users' callbacks


def layers(**compiled):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(6, activation="relu"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(
        **{"optimizer": "adam", "loss": "binary_crossentropy", "metrics": ["accuracy"]} | compiled
    )
    return model


class Note(keras.callbacks.Callback):
    def __init__(self, name):
        super().__init__()
        self.name = name

    def on_epoch_begin(self, epoch, logs=None):
        ORDER.append(f"{self.name} begin {epoch}")

    def on_train_batch_end(self, batch, logs=None):
        ORDER.append(f"{self.name} batch {batch}")

    def on_epoch_end(self, epoch, logs=None):
        ORDER.append(f"{self.name} end {epoch} {sorted(logs)}")


class Tower(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden = keras.layers.Dense(5, activation="tanh")
        self.out = keras.layers.Dense(1)

    def call(self, inputs):
        return self.out(self.hidden(inputs))


class Doubled(Tower):
    def train_step(self, data):
        self.calls = getattr(self, "calls", 0) + 1
        return super().train_step(data)


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 6

    def __getitem__(self, index):
        return X[index * 10 : index * 10 + 10], Y[index * 10 : index * 10 + 10]


def batches():
    while True:
        for start in range(0, 60, 10):
            yield X[start : start + 10], Y[start : start + 10]


def keywords():
    model = layers()
    return model, model.fit(x=X, y=Y, epochs=3, batch_size=16, verbose=0)


def positions():
    model = layers(optimizer=keras.optimizers.SGD(0.1, momentum=0.9))
    return model, model.fit(X, Y, 10, 2, 0)


def default_batch_size():
    model = layers()
    return model, model.fit(X, Y, epochs=2, verbose=0)


def validation_split():
    model = layers(metrics=["accuracy", keras.metrics.AUC(name="auc")])
    return model, model.fit(X, Y, epochs=3, validation_split=0.3, verbose=0)


def validation_data():
    model = layers()
    held_out = (X[40:], Y[40:])
    return model, model.fit(
        X[:40], Y[:40], batch_size=8, epochs=3, validation_data=held_out, shuffle=False, verbose=0
    )


def functional_with_two_outputs():
    keras.utils.set_random_seed(0)
    left, right = keras.Input((2,), name="left"), keras.Input((2,), name="right")
    both = keras.layers.Concatenate()([left, right])
    model = keras.Model(
        [left, right],
        {
            "sign": keras.layers.Dense(1, activation="sigmoid", name="sign")(both),
            "size": keras.layers.Dense(1, name="size")(both),
        },
    )
    model.compile(
        "rmsprop",
        loss={"sign": "binary_crossentropy", "size": "mse"},
        loss_weights={"sign": 1.0, "size": 0.5},
        metrics={"sign": ["accuracy"], "size": ["mae"]},
    )
    given = {"left": X[:, :2], "right": X[:, 2:]}
    return model, model.fit(given, {"sign": Y, "size": X[:, :1]}, epochs=2, verbose=0)


def own_class():
    keras.utils.set_random_seed(0)
    model = Tower()
    model.compile("sgd", "mse")
    return model, model.fit(X, Y, epochs=2, verbose=0)


def own_train_step():
    keras.utils.set_random_seed(0)
    model = Doubled()
    model.compile("adam", "mae", run_eagerly=True)
    history = model.fit(X, Y, batch_size=20, epochs=2, verbose=0)
    ORDER.append(f"train_step {model.calls}")
    return model, history


def pipeline():
    model = layers()
    data = tf.data.Dataset.from_tensor_slices((X, Y)).shuffle(60, seed=1).batch(12).prefetch(1)
    valid = tf.data.Dataset.from_tensor_slices((X, Y)).batch(30)
    return model, model.fit(data, epochs=3, validation_data=valid, verbose=0)


def pipeline_with_steps():
    model = layers()
    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(10).repeat(4)
    return model, model.fit(data, epochs=2, steps_per_epoch=7, verbose=0)


def generator():
    model = layers()
    return model, model.fit(batches(), steps_per_epoch=6, epochs=2, verbose=0)


def sequence():
    model = layers()
    return model, model.fit(Batches(), epochs=2, verbose=0)


def early_stopping():
    model = layers()
    stopping = keras.callbacks.EarlyStopping(
        monitor="val_loss", min_delta=1.0, patience=2, restore_best_weights=True
    )
    return model, model.fit(X, Y, epochs=20, validation_split=0.25, callbacks=[stopping], verbose=0)


def scheduled_by_callbacks():
    model = layers(optimizer=keras.optimizers.SGD(0.5))
    callbacks = [
        keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5),
        keras.callbacks.ReduceLROnPlateau(monitor="loss", min_delta=1.0, patience=1),
    ]
    return model, model.fit(X, Y, epochs=4, callbacks=callbacks, verbose=0)


def scheduled_by_the_optimizer():
    rate = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    model = layers(optimizer=keras.optimizers.Adam(rate))
    return model, model.fit(X, Y, epochs=3, verbose=0)


def weighted():
    model = layers()
    weights = np.linspace(0.5, 1.5, 60)
    history = model.fit(X, Y, epochs=2, class_weight={0: 1.0, 1: 3.0}, verbose=0)
    again = model.fit(X, Y, sample_weight=weights, epochs=4, initial_epoch=2, verbose=0)
    return model, {**history.history, "again": again.history["loss"]}


def callbacks_in_order():
    model = layers()
    given = [Note("first"), keras.callbacks.CSVLogger("log.csv"), Note("second")]
    return model, model.fit(X, Y, epochs=2, batch_size=20, callbacks=given, verbose=0)


def steps():
    model = layers()
    return model, model.fit(X, Y, epochs=2, batch_size=10, validation_split=0.5, verbose=0)


BY_STEPS = ("steps",)
SCRIPTS = {
    f.__name__: f
    for f in (
        keywords, positions, default_batch_size, validation_split, validation_data,
        functional_with_two_outputs, own_class, own_train_step, pipeline, pipeline_with_steps,
        generator, sequence, early_stopping, scheduled_by_callbacks, scheduled_by_the_optimizer,
        weighted, callbacks_in_order, steps,
    )
}  # fmt: skip


if __name__ == "__main__":  # mlflow, autolog or nothing, then the file for what came of it
    import hashlib
    import importlib
    import json
    import sys

    from integration_tests.side_by_side import curves, runs_of, told

    tf.config.experimental.enable_op_determinism()
    tracker = importlib.import_module(sys.argv[1]) if sys.argv[1] != "nothing" else None
    record = {}
    for name, script in SCRIPTS.items():
        ORDER.clear()
        if tracker is not None:
            by_steps = {"log_every_epoch": False, "log_every_n_steps": 1}
            options = by_steps if name in BY_STEPS else {}
            tracker.keras.autolog(log_models=False, **options)
            tracker.set_experiment(name)
        model, history = script()
        weights = b"".join(array.tobytes() for array in model.get_weights())
        record[name] = {
            "history": getattr(history, "history", history),
            "weights": hashlib.sha256(weights).hexdigest(),
            "order": list(ORDER),
            "drawn": [float(np.random.rand()), float(keras.random.uniform(()))],
        }
    client = tracker and tracker.MlflowClient()
    for name in SCRIPTS if tracker else ():
        found = runs_of(tracker, name)
        record[name] |= told(client, found[0]) | {
            "status": [run.info.status for run in found],
            "curves": curves(client, found[0]),
        }
    with open(sys.argv[2], "w") as file:
        json.dump(record, file)
