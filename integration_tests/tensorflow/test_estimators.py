"""tf.estimator, which TensorFlow has up to 2.15: trainings, evaluations and exports."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import autolog
from autolog.tensorflow.events import EventFiles
from core_client.client import Client
from integration_tests.reading import artifacts, only_run, runs

pytest.importorskip("tensorflow_estimator")

X = np.random.default_rng(7).random((64, 4)).astype("float32")


def rows(repeat: bool = True) -> Any:
    data = tf.data.Dataset.from_tensor_slices(({"x": X}, X.sum(1))).batch(8)
    return data.repeat() if repeat else data


def serving() -> Any:
    given = {"x": tf.compat.v1.placeholder(tf.float32, (None, 4), name="x")}
    return tf.estimator.export.ServingInputReceiver(given, given)


def estimator(folder: str = "trained") -> Any:
    tf.get_logger().setLevel("ERROR")
    column = tf.feature_column.numeric_column("x", shape=(4,))
    config = tf.estimator.RunConfig(save_summary_steps=5, log_step_count_steps=5, tf_random_seed=1)
    return tf.estimator.LinearRegressor([column], model_dir=os.path.abspath(folder), config=config)


def steps(run: Any, name: str) -> list[int]:
    return [point.step for point in Client().get_metric_history(run.info.run_id, name)]


def written(name: str, folder: str = "trained") -> list[int]:
    """The steps at which the estimator has written a scalar: they vary by one."""
    points = EventFiles.since_ever(folder).points()
    found = [point.step for point in points if point.tag == name]
    assert len(found) > 1
    return found


def test_a_training_its_evaluation_and_its_export() -> None:
    autolog.tensorflow.autolog()
    made = estimator()
    made.train(rows, steps=20)
    metrics = made.evaluate(lambda: rows(repeat=False))
    made.export_saved_model("export", serving)
    run = only_run()
    assert run.info.status == "FINISHED"
    assert run.data.params == {"steps": "20", "max_steps": "None"}
    assert steps(run, "loss") == written("loss")
    assert steps(run, "global_step/sec") == written("global_step/sec")
    assert run.data.metrics["average_loss"] == pytest.approx(metrics["average_loss"])
    assert run.data.metrics["eval/loss"] == pytest.approx(metrics["loss"])
    assert steps(run, "average_loss") == [20]
    [events] = artifacts(run, "tensorboard_logs")
    assert "tfevents" in events
    model = autolog.pyfunc.load_model(f"runs:/{run.info.run_id}/model")
    predicted = model.predict({"x": X[:3]})["predictions"].ravel()
    expected = [one["predictions"][0] for one in made.predict(lambda: rows(repeat=False))][:3]
    assert predicted.tolist() == pytest.approx(expected)


def test_train_and_evaluate_is_one_run_with_the_exported_model() -> None:
    autolog.tensorflow.autolog()
    tf.estimator.train_and_evaluate(
        estimator(),
        tf.estimator.TrainSpec(rows, max_steps=12),
        tf.estimator.EvalSpec(
            lambda: rows(repeat=False), steps=4, exporters=tf.estimator.FinalExporter("it", serving)
        ),
    )
    run = only_run()
    assert run.data.params == {"steps": "None", "max_steps": "12", "eval_steps": "4"}
    assert steps(run, "loss") == written("loss")
    assert steps(run, "eval/loss") == [12]
    assert {"model", "tensorboard_logs"} <= artifacts(run)
    assert "tensorboard_logs/eval" in artifacts(run, "tensorboard_logs")


def test_inside_a_run_of_the_users_own() -> None:
    autolog.tensorflow.autolog(log_models=False)
    with autolog.start_run():
        made = estimator()
        made.train(rows, max_steps=6)
        made.evaluate(lambda: rows(repeat=False))
        made.export_saved_model("export", serving)
        made.train(rows, max_steps=12)
    run = only_run()
    assert run.data.params == {
        "steps": "None",
        "max_steps": "6",
        "LinearRegressorV2-2.steps": "None",
        "LinearRegressorV2-2.max_steps": "12",
    }
    assert steps(run, "loss") == written("loss")
    assert steps(run, "average_loss") == [6]
    assert "model" not in artifacts(run)


def test_a_training_that_fails() -> None:
    def broken() -> Any:
        raise ValueError("no data")

    autolog.tensorflow.autolog()
    with pytest.raises(ValueError, match="no data"):
        estimator().train(broken, steps=3)
    run = only_run()
    assert run.info.status == "FAILED"
    assert run.data.params["steps"] == "3"
    assert run.data.tags["autolog.error"] == "ValueError: no data"


def test_an_export_alone_opens_no_run() -> None:
    made = estimator()
    made.train(rows, steps=1)
    autolog.tensorflow.autolog()
    made.export_saved_model("export", serving)
    made.evaluate(lambda: rows(repeat=False))
    assert runs() == []
