"""After training: which model made a DataFrame of predictions, and what evaluators find in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autolog.engine.guard import guarded
from autolog.engine.names import variable
from autolog.engine.origins import ById, Trained
from autolog.pyspark.ml import data

if TYPE_CHECKING:
    from autolog.engine.call import Call
    from autolog.engine.recorder import Recorder

_models = ById()
_predictions = ById()


def register(model: Any, run: Recorder, name: str) -> None:
    """From now on, what is found in the model's predictions belongs to this run."""
    trained = Trained(run, name)
    _models.put(model, trained)
    best = getattr(model, "bestModel", None)
    if best is not None:
        _models.put(best, trained)


def predicted(call: Call, predictions: Any) -> None:
    """A model has made predictions; of one that was recorded, that is noted."""
    trained: Trained | None = _models.get(call.instance)
    if trained is None or not call.options.log_post_training_metrics:
        return
    frame = call.arguments["dataset"]
    name = trained.dataset_name(frame, variable(frame, call.caller))
    _predictions.put(predictions, (trained, name))


def evaluated(call: Call, value: Any) -> None:
    """An evaluator has found a value in a DataFrame."""
    frame = call.arguments["dataset"]
    found = _predictions.get(frame)
    if found is None or not call.options.log_post_training_metrics:
        return
    trained, name = found
    evaluator = call.instance
    given = call.arguments.get("params")
    evaluator = evaluator.copy(given) if given else evaluator
    metric = getattr(evaluator, "getMetricName", lambda: type(evaluator).__name__)()
    key = trained.metric_key(str(metric), name)
    trained.run.log_metrics({key: float(value)})
    params = {param.name: value for param, value in evaluator.extractParamMap().items()}
    kind = type(evaluator)
    trained.call_texts[trained.run.prefix + key] = {
        "evaluator_class": f"{kind.__module__}.{kind.__name__}",
        "params": dict(sorted(params.items())),
    }
    trained.run.log_dict(dict(sorted(trained.call_texts.items())), "metric_info.json")
    if call.options.log_datasets and name not in trained.sets_listed:
        trained.sets_listed.add(name)
        with guarded("pyspark.ml: dataset of predictions"):
            trained.run.log_inputs([data.describe(frame, name, "eval")])
