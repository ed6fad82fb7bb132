"""However long a training is, nothing of ours piles up, and no pipeline is read ahead."""

from __future__ import annotations

import gc
import tracemalloc

import keras
import numpy as np
import pytest

import autolog
from integration_tests.keras.models import BACKEND, classifier, curve

EARLY, LATE = 200, 1200  # batches
MOST_GROWTH = 64 * 1024  # bytes


def held_by_us() -> int:
    """Bytes of all objects made by our code that are alive."""
    autolog.flush_async_logging()
    gc.collect()
    ours = [tracemalloc.Filter(True, f"*/{package}/*") for package in ("autolog", "core_client")]
    snapshot = tracemalloc.take_snapshot().filter_traces(ours)
    return sum(trace.size for trace in snapshot.traces)


class Watch(keras.callbacks.Callback):
    """Measures at two batches of one training."""

    def __init__(self):
        super().__init__()
        self.held = []
        self.points = []

    def on_train_batch_begin(self, batch, logs=None):
        if batch in (EARLY, LATE):
            self.held.append(held_by_us())
            self.points.append(len(curve("loss")))


@pytest.mark.skipif(BACKEND != "tensorflow", reason="needs TensorFlow")
def test_memory_does_not_grow_with_the_batches_of_a_pipeline_without_end():
    import tensorflow as tf

    rows = tf.data.Dataset.from_tensors((np.ones((8, 4), "float32"), np.ones(8, "float32")))
    drawn = tf.Variable(0, dtype=tf.int64)

    def count(x, y):
        drawn.assign_add(1)
        return x, y

    watch = Watch()
    autolog.keras.autolog(log_models=False, log_every_n_steps=1)
    tracemalloc.start()
    try:
        classifier().fit(
            rows.repeat().map(count), steps_per_epoch=LATE + 10, verbose=0, callbacks=[watch]
        )
    finally:
        tracemalloc.stop()
        autolog.disable()
    early, late = watch.held
    assert late - early < MOST_GROWTH
    assert all(EARLY / 2 < points <= LATE for points in watch.points)  # who waits, sees all
    assert len(curve("loss")) == LATE + 10
    assert int(drawn) < LATE + 100
