"""Training with Keras, 2000 batches, each of them recorded."""

from __future__ import annotations

import os
from collections.abc import Callable

from benchmarks.measure import Row, measure
from benchmarks.rows.sklearn import times_slower

BATCHES, BATCH = 2000, 32


def keras_fit() -> Callable[[], object]:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras
    import numpy

    draw = numpy.random.RandomState(0)
    features = draw.rand(BATCHES * BATCH, 20).astype("float32")
    target = (features[:, 0] > 0.5).astype("float32")
    model = keras.Sequential(
        [
            keras.Input((20,)),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return lambda: model.fit(features, target, batch_size=BATCH, verbose=0)


@measure(Row("keras, 2000 batches, each recorded, models off", "x", at_most=1.05), pairs=3)
def keras_steps(library: str) -> list[float]:
    options = {"log_every_epoch": False, "log_every_n_steps": 1, "log_models": False}
    return [times_slower(library, keras_fit(), 3, of="keras", **options)]
