"""What the small trainings with LightGBM here start from."""

from __future__ import annotations

import inspect

import lightgbm as lgb

from integration_tests.xgboost.boosted_data import TRAIN, VALID, X, Y

PARAMS = {"objective": "binary", "metric": ["auc", "binary_logloss"], "seed": 3, "verbose": -1}
QUIET = {"verbose": -1, "min_data_in_leaf": 5}
# Old versions take early stopping, and where the results go, as arguments.
OLD = "evals_result" in inspect.signature(lgb.train).parameters


def datasets(y=Y):
    dtrain = lgb.Dataset(X[TRAIN], y[TRAIN])
    return dtrain, lgb.Dataset(X[VALID], y[VALID], reference=dtrain)
