"""A distributed training, run as a script: by which strategy, and whether it is recorded."""

from __future__ import annotations

import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import autolog

strategy_name, recorded = sys.argv[1:]
if recorded == "recorded":
    autolog.tensorflow.autolog()
    autolog.keras.autolog()

import numpy as np
import tensorflow as tf

tf.keras.utils.set_random_seed(3)
if strategy_name == "mirrored":
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
else:
    strategy = tf.distribute.MultiWorkerMirroredStrategy()

X = np.random.default_rng(5).random((64, 4)).astype("float32")
Y = X.sum(1)
data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(16)


class OwnSteps(tf.keras.Sequential):
    """Predicts the sum of each row, with steps of its own.

    Keras 3.15 with several workers takes neither pairs of inputs and targets nor steps that give
    scalars.
    """

    def train_step(self, rows):
        with tf.GradientTape() as tape:
            error = self(rows, training=True)[:, 0] - tf.reduce_sum(rows, 1)
            loss = tf.reduce_mean(tf.square(error))
        weights = self.trainable_variables
        self.optimizer.apply(tape.gradient(loss, weights), weights)
        return self.told(error)

    def test_step(self, rows):
        return self.told(self(rows)[:, 0] - tf.reduce_sum(rows, 1))

    def told(self, error):
        squared, absolute = tf.square(error), tf.abs(error)
        return {
            "loss": tf.reduce_mean(squared, keepdims=True),
            "mae": tf.reduce_mean(absolute, keepdims=True),
        }


own_steps = strategy_name == "workers" and tf.__version__ >= "2.16"
with strategy.scope():
    layers = [
        tf.keras.Input((4,)),
        tf.keras.layers.Dense(3),
        tf.keras.layers.BatchNormalization(),
        tf.keras.layers.Dense(1),
    ]
    if own_steps:
        data = data.map(lambda rows, _: rows)
        model = OwnSteps(layers)
        model.compile("adam")
    else:
        model = tf.keras.Sequential(layers)
        model.compile("adam", "mse", metrics=["mae"])
history = model.fit(data, epochs=3, validation_data=data, verbose=0)
evaluated = model.evaluate(data, verbose=0)
print([round(loss, 6) for loss in history.history["val_loss"]], round(evaluated[0], 6))
print([weight.tolist() for weight in model.get_weights()])
