"""Training with XGBoost and LightGBM, 500 rounds with four metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.measure import Row, measure
from benchmarks.rows.sklearn import times_slower

ROUNDS = 500


def data() -> tuple[Any, Any]:
    from sklearn.datasets import make_classification

    features, target = make_classification(20_000, 20, random_state=0)
    return features, target


def xgboost_fit() -> Callable[[], object]:
    import xgboost

    features, target = data()
    train = xgboost.DMatrix(features[:15_000], target[:15_000])
    valid = xgboost.DMatrix(features[15_000:], target[15_000:])
    params = {"objective": "binary:logistic", "eval_metric": ["logloss", "error"], "nthread": 1}
    evals = [(train, "train"), (valid, "valid")]
    return lambda: xgboost.train(params, train, ROUNDS, evals=evals, verbose_eval=False)


def lightgbm_fit() -> Callable[[], object]:
    import lightgbm

    features, target = data()
    train = lightgbm.Dataset(features[:15_000], target[:15_000], free_raw_data=False)
    valid = train.create_valid(features[15_000:], target[15_000:])
    metrics = ["binary_logloss", "binary_error"]
    params = {"objective": "binary", "metric": metrics, "num_threads": 1, "verbose": -1}
    return lambda: lightgbm.train(
        params, train, ROUNDS, valid_sets=[train, valid], valid_names=["train", "valid"]
    )


@measure(Row("xgboost, 500 rounds x 4 metrics, models off", "x", at_most=1.05), pairs=3)
def xgboost_curves(library: str) -> list[float]:
    return [times_slower(library, xgboost_fit(), 5, of="xgboost", log_models=False)]


@measure(Row("xgboost, 500 rounds x 4 metrics, with the model", "x", at_most=1.10), pairs=3)
def xgboost_with_model(library: str) -> list[float]:
    return [times_slower(library, xgboost_fit(), 5, of="xgboost")]


@measure(Row("lightgbm, 500 rounds x 4 metrics, models off", "x", at_most=1.05), pairs=3)
def lightgbm_curves(library: str) -> list[float]:
    return [times_slower(library, lightgbm_fit(), 5, of="lightgbm", log_models=False)]
