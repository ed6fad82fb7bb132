"""CrossValidator and TrainValidationSplit: a nested run for each candidate, and the best of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from autolog.engine.texts import texts
from autolog.pyspark.ml.params import Names
from autolog.sklearn.searches import as_csv
from autolog.sklearn.training import estimator_tags

if TYPE_CHECKING:
    from autolog.pyspark.ml.training import Training


def is_search(estimator: Any) -> bool:
    """Whether it tries several param maps on an estimator."""
    return all(hasattr(estimator, name) for name in ("getEstimatorParamMaps", "getEstimator"))


def child_tags(estimator: Any) -> dict[str, str]:
    """The tags of a candidate's run."""
    return estimator_tags(estimator) | {"mlflow.autologging": "pyspark.ml"}


def told(search: Training) -> dict[str, Any]:
    """What is to be tried, for `estimator_info.json`."""
    tuned = search.estimator.getEstimator()
    values = Names(tuned).params()
    top = search.names.of(tuned)
    named = {key if "." in key else f"{top}.{key}": value for key, value in values.items()}
    return {
        search.names.of(search.estimator): {
            "tuning_parameter_map_list": candidates(search),
            "tuned_estimator_parameter_map": {key: plain(value) for key, value in named.items()},
        }
    }


def candidates(search: Training) -> list[dict[str, Any]]:
    """The values that each candidate sets, by the full names of their params."""
    return [
        {search.names.param(param): plain(value) for param, value in one.items()}
        for one in search.estimator.getEstimatorParamMaps()
    ]


def plain(value: Any) -> Any:
    """A value that JSON can hold."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value if isinstance(value, bool | int | float | str | None) else str(value)


def log(search: Training, model: Any, ended: int) -> None:
    """The table of candidates, the best one, and a nested run for each.

    Args:
        search: the record of the search's fit.
        model: the model that it returned.
        ended: when the fit returned, in ms since 1970.
    """
    run, tried = search.run, candidates(search)
    columns = _metrics(search.estimator, model)
    first = next(iter(columns.values()))
    larger = search.estimator.getEvaluator().isLargerBetter()
    best = (max if larger else min)(range(len(first)), key=first.__getitem__)
    run.log_params({f"best_{key}": value for key, value in tried[best].items()})
    run.log_metrics({f"best_{key}": column[best] for key, column in columns.items()})
    run.log_dict(tried[best], "best_parameters.json")
    keys = dict.fromkeys(key for one in tried for key in one)
    table: dict[str, list[Any]] = {
        "params": [json.dumps(one) for one in tried],
        **columns,
        **{f"param.{key}": [one.get(key) for one in tried] for key in keys},
    }
    run.log_text(as_csv(table), "search_results.csv")
    tuned = search.estimator.getEstimator()
    for row, values in enumerate(search.estimator.getEstimatorParamMaps()):
        # They ran side by side, and Spark does not tell when: each has the span of the search.
        child = run.child(tags=child_tags(tuned), start_time=search.started)
        child.log_params(texts(Names(tuned.copy(values)).params()))
        child.log_metrics({key: column[row] for key, column in columns.items()}, timestamp=ended)
        if search.inputs:
            child.log_inputs(search.inputs)
        child.end(end_time=ended)


def _metrics(search: Any, model: Any) -> dict[str, list[float]]:
    """A column for each metric, a value for each candidate."""
    evaluator = search.getEvaluator()
    named = getattr(evaluator, "getMetricName", lambda: type(evaluator).__name__)()
    if not hasattr(model, "avgMetrics"):
        return {str(named): list(map(float, model.validationMetrics))}
    found = {f"avg_{named}": list(map(float, model.avgMetrics))}
    if model.stdMetrics:
        found[f"std_{named}"] = list(map(float, model.stdMetrics))
    return found
