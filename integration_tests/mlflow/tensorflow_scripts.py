"""Some of the trainings with Keras, under `tensorflow.autolog` of MLflow and of autolog."""

from __future__ import annotations

from integration_tests.mlflow import keras_scripts

SCRIPTS = {
    name: keras_scripts.SCRIPTS[name]
    for name in (
        "keywords",
        "validation_data",
        "pipeline_with_steps",
        "early_stopping",
        "callbacks_in_order",
    )
}
OPTIONS = {
    "log_models": False,
    "checkpoint_save_best_only": False,
    "checkpoint_save_weights_only": True,
}


def paths(client, run_id, folder=None):
    """Every file of a run; those whose names hold a time or a process without their last part."""
    for file in client.list_artifacts(run_id, folder):
        if file.is_dir:
            yield from paths(client, run_id, file.path)
        else:
            yield file.path.partition(".tfevents")[0]


if __name__ == "__main__":  # mlflow or autolog, then the file for what it recorded
    import importlib
    import json
    import sys

    from integration_tests.side_by_side import curves, runs_of, told

    keras_scripts.tf.config.experimental.enable_op_determinism()
    tracker = importlib.import_module(sys.argv[1])
    tracker.tensorflow.autolog(**OPTIONS)
    record = {}
    for name, script in SCRIPTS.items():
        tracker.set_experiment(name)
        _, history = script()
        client = tracker.MlflowClient()
        (run,) = runs_of(tracker, name)
        record[name] = told(client, run) | {
            "history": history.history,
            "curves": curves(client, run),
            "artifacts": sorted(paths(client, run.info.run_id)),
        }
    with open(sys.argv[2], "w") as file:
        json.dump(record, file)
