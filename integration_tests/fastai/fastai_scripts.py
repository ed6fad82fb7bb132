"""Fits with fastai as users write them, run under MLflow 2 and under autolog."""

from __future__ import annotations

import importlib
import json
import sys

from fastai.callback.tracker import EarlyStoppingCallback

from integration_tests.fastai.learners import learner


def fit(learn):
    learn.fit(2, 0.01)


def fit_one_cycle(learn):
    learn.fit_one_cycle(2, 0.01)


def fit_flat_cos(learn):
    learn.fit_flat_cos(1)


def fine_tune(learn):
    learn.fine_tune(2)


def stopped_early(learn):
    learn.fit_one_cycle(5, cbs=EarlyStoppingCallback(monitor="accuracy", min_delta=2, patience=1))


SCRIPTS = {
    one.__name__: one for one in (fit, fit_one_cycle, fit_flat_cos, fine_tune, stopped_early)
}

if __name__ == "__main__":  # mlflow or autolog, then the file for what it recorded
    tracker = importlib.import_module(sys.argv[1])
    importlib.import_module(f"{sys.argv[1]}.fastai").autolog()
    client, record = tracker.MlflowClient(), {}
    for name, script in SCRIPTS.items():
        tracker.set_experiment(name)
        learn = learner()
        with learn.no_bar(), learn.no_logging():
            script(learn)
        (run,) = tracker.search_runs(experiment_names=[name], output_format="list")
        record[name] = {
            "params": run.data.params,
            "curves": {
                key: [(p.step, p.value) for p in client.get_metric_history(run.info.run_id, key)]
                for key in run.data.metrics
            },
            "artifacts": [file.path for file in client.list_artifacts(run.info.run_id)],
        }
    with open(sys.argv[2], "w") as file:
        json.dump(record, file)
