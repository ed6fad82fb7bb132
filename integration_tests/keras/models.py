"""Data and models that train in a moment, on any version and backend of Keras."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

import autolog
from core_client.client import Client
from integration_tests.reading import only_run

KERAS_2 = keras.__version__.startswith("2.")
BACKEND = keras.backend.backend()
# A batch at the default size, and then a smaller one.
ROWS = 40
X = np.random.RandomState(0).rand(ROWS, 4).astype("float32")
Y = (X[:, 0] > 0.5).astype("float32")


def classifier(**compiled: Any) -> Any:
    """A model of two layers, the same one every time."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.layers.InputLayer((4,)),
            keras.layers.Dense(3, activation="relu"),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(
        **{"optimizer": "adam", "loss": "binary_crossentropy", "metrics": ["accuracy"]} | compiled
    )
    return model


def curve(key: str, run: Any = None) -> list[tuple[int, float]]:
    """Steps and values of a metric."""
    history = Client().get_metric_history((run or only_run()).info.run_id, key)
    return [(point.step, point.value) for point in history]


def values(key: str, run: Any = None) -> list[float]:
    """The values of a metric."""
    return [value for _, value in curve(key, run)]


def text(path: str) -> str:
    """A text among the artifacts of the only run."""
    return str(autolog.artifacts.load_text(f"{only_run().info.artifact_uri}/{path}"))


def datasets(run: Any) -> dict[str, Any]:
    """The datasets of a run by the use made of them."""
    return {one.tags[0].value: one.dataset for one in run.inputs.dataset_inputs}
