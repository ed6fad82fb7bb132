"""Hooks of tf.estimator, which TensorFlow had up to 2.15: trainings, evaluations and exports."""

from __future__ import annotations

from autolog.engine import on

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from typing import Any

    from autolog.engine.call import Call

MODULE = "tensorflow_estimator.python.estimator.estimator"


@on(MODULE, "Estimator.train")
def train(call: Call) -> Generator[None, Any, None]:
    """Record one training."""
    given = call.arguments
    params = {"steps": given["steps"], "max_steps": given["max_steps"]}
    yield from _record(call, call.instance, params)


@on("tensorflow_estimator.python.estimator.training", "train_and_evaluate")
def train_and_evaluate(call: Call) -> Generator[None, Any, None]:
    """Record a training with the evaluations in between as one."""
    given = call.arguments
    params = {
        "steps": None,
        "max_steps": given["train_spec"].max_steps,
        "eval_steps": given["eval_spec"].steps,
    }
    yield from _record(call, given["estimator"], params)


@on(MODULE, "Estimator.evaluate")
def evaluate(call: Call) -> Generator[None, Any, None]:
    """Record an evaluation: what its writer tells the active run, or else the training's run."""
    from autolog.tensorflow import runs_of_estimators
    from core_client import context

    metrics: Any = yield
    run, active = runs_of_estimators.known(call.instance), context.active_run()
    if run is not None and active is None:
        folder = call.instance.eval_dir(call.arguments["name"])
        runs_of_estimators.log_evaluation(run, folder, metrics)
    elif run is not None and active is run.run:
        runs_of_estimators.keep_event_files(run, call.instance)


@on(MODULE, "Estimator.export_saved_model", nested=True)
@on(MODULE, "Estimator.export_savedmodel", nested=True)
def export(call: Call) -> Generator[None, Any, None]:
    """Keep what is exported as the model of the active run, or else of the training's run."""
    from autolog.tensorflow import runs_of_estimators
    from core_client import context

    path: Any = yield
    run = runs_of_estimators.known(call.instance)
    active = context.active_run()
    if active is not None and (run is None or run.run is not active):
        run = call.run
    options = call.options
    if run is not None and options.log_models:
        signature = None if options.log_model_signatures else False
        run.log_model(path, flavor="tensorflow", signature=signature)
        run.register_model(options.registered_model_name)


def _record(call: Call, estimator: Any, params: Mapping[str, Any]) -> Generator[None, Any, None]:
    from autolog.tensorflow import runs_of_estimators

    run = call.scope(type(estimator).__name__)
    run.log_params(params)
    runs_of_estimators.remember(estimator, run)
    try:
        yield
    finally:
        runs_of_estimators.keep_event_files(run, estimator)
