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
with strategy.scope():
    model = tf.keras.Sequential(
        [
            tf.keras.Input((4,)),
            tf.keras.layers.Dense(3),
            tf.keras.layers.BatchNormalization(),
            tf.keras.layers.Dense(1),
        ]
    )
    model.compile("adam", "mse", metrics=["mae"])
history = model.fit(data, epochs=3, validation_data=data, verbose=0)
evaluated = model.evaluate(data, verbose=0)
print([round(loss, 6) for loss in history.history["val_loss"]], round(evaluated[0], 6))
print([weight.tolist() for weight in model.get_weights()])
