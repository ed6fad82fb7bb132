"""Hooks of what follows training: predictions, metrics of predictions, scores and scorers."""

from __future__ import annotations

from autolog.engine import on

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from types import FrameType
    from typing import Any

    from autolog.engine.call import Call
    from autolog.engine.origins import Trained

# Functions of sklearn.metrics that return one number.
METRICS = (
    "accuracy_score", "adjusted_mutual_info_score", "adjusted_rand_score", "auc",
    "average_precision_score", "balanced_accuracy_score", "brier_score_loss",
    "calinski_harabasz_score", "cohen_kappa_score", "completeness_score", "consensus_score",
    "coverage_error", "d2_absolute_error_score", "d2_brier_score", "d2_log_loss_score",
    "d2_pinball_score", "d2_tweedie_score", "davies_bouldin_score", "dcg_score",
    "explained_variance_score", "f1_score", "fbeta_score", "fowlkes_mallows_score",
    "hamming_loss", "hinge_loss", "homogeneity_score", "jaccard_score",
    "label_ranking_average_precision_score", "label_ranking_loss", "log_loss",
    "matthews_corrcoef", "max_error", "mean_absolute_error", "mean_absolute_percentage_error",
    "mean_gamma_deviance", "mean_pinball_loss", "mean_poisson_deviance", "mean_squared_error",
    "mean_squared_log_error", "mean_tweedie_deviance", "median_absolute_error",
    "mutual_info_score", "ndcg_score", "normalized_mutual_info_score", "precision_score",
    "r2_score", "rand_score", "recall_score", "roc_auc_score", "root_mean_squared_error",
    "root_mean_squared_log_error", "silhouette_score", "top_k_accuracy_score",
    "v_measure_score", "zero_one_loss",
)  # fmt: skip
PREDICTIONS = (
    "predict", "predict_proba", "predict_log_proba", "decision_function", "transform",
)  # fmt: skip
# Their wrappers are estimators of scikit-learn, whose metrics are asked for by its functions.
BOOSTING = ("lightgbm", "xgboost")
MOST_EVALUATION_SETS = 100  # that one model's run lists


def predict(call: Call) -> Generator[None, Any, None]:
    """Note which model, fed with what, made these predictions."""
    from autolog.engine import origins

    trained = origins.trained(call.instance)
    # What the record of a fit asks of its estimator is no prediction of the user's.
    ours = call.outer is not None and call.outer.instance is call.instance
    result = yield
    if trained is not None and not ours and _wanted(call):
        data = next(iter(call.arguments.values()))
        origins.remember(result, trained, _dataset(call, trained, data), data)


@on("sklearn.base", "BaseEstimator.score", subclasses=True, lent_to=BOOSTING)
def score(call: Call) -> Generator[None, Any, None]:
    """Record the score of a recorded model."""
    from autolog.engine import origins

    trained = origins.trained(call.instance)
    value = yield
    if trained is not None and _wanted(call):
        dataset = _dataset(call, trained, next(iter(call.arguments.values())))
        metric = f"{trained.name}_score"
        _log(trained, metric, dataset, value, f"{trained.name}.score", call.arguments, call.caller)


@on("sklearn.metrics._scorer", "_BaseScorer.__call__", subclasses=True, lent_to=BOOSTING)
def scorer(call: Call) -> Generator[None, Any, None]:
    """Record what a scorer measured on a recorded model, under its metric's name and sign."""
    from autolog.engine import origins

    value = yield
    given = dict(call.arguments)
    trained = origins.trained(given.get("estimator"))
    if trained is not None and _wanted(call):
        metric = call.instance._score_func.__name__
        dataset = _dataset(call, trained, given["X"])
        _log(trained, metric, dataset, call.instance._sign * value, metric, given, call.caller)


def metric(call: Call) -> Generator[None, Any, None]:
    """Record a metric of predictions that a recorded model made."""
    from autolog.engine import origins

    value = yield
    if not _wanted(call):
        return
    given = call.arguments
    found = next(filter(None, map(origins.origin, given.values())), None)
    if found is not None:
        trained, dataset = found
        _log(trained, call.function, dataset, value, call.function, given, call.caller)


for name in PREDICTIONS:
    on("sklearn.base", f"BaseEstimator.{name}", subclasses=True, lent_to=BOOSTING)(predict)
for name in METRICS:
    # Not every version has all.
    on("sklearn.metrics", name, also=("sklearn.metrics",), lent_to=BOOSTING)(metric)


def _wanted(call: Call) -> bool:
    return call.options.get("log_post_training_metrics") is not False


def _dataset(call: Call, trained: Trained, data: Any) -> str:
    """What the user calls the data; a new evaluation set is listed in the run."""
    from autolog.engine.names import variable

    name = trained.dataset_name(data, variable(data, call.caller))
    listed = trained.sets_listed
    if call.options.log_datasets and name not in listed and len(listed) < MOST_EVALUATION_SETS:
        from autolog.sklearn.data import indexable
        from flavors.dataset import describe

        listed.add(name)
        trained.run.log_inputs([describe(indexable(data), name=name, context="eval")])
    return name


def _log(
    trained: Trained, metric: str, dataset: str, value: Any, function: str,
    arguments: Mapping[str, Any], frame: FrameType,
) -> None:  # fmt: skip
    from numbers import Real

    from autolog.engine.names import call_text

    if not isinstance(value, Real) or isinstance(value, bool):
        return
    key = trained.metric_key(metric, dataset)
    trained.run.log_metrics({key: float(value)})
    trained.call_texts[key] = call_text(function, arguments, frame)
    if not trained.texts_waiting:
        trained.texts_waiting = True
        trained.run.later(_log_call_texts, trained)


def _log_call_texts(trained: Trained) -> None:
    trained.texts_waiting = False
    texts = {trained.run.prefix + k: text for k, text in sorted(trained.call_texts.items())}
    trained.run.log_dict(texts, "metric_info.json")
    trained.run.run.complete_models()
