"""What the small trainings with XGBoost here start from."""

from __future__ import annotations

import xgboost as xgb

from integration_tests.xgboost.boosted_data import TRAIN, VALID, X, Y

PARAMS = {"objective": "binary:logistic", "eval_metric": ["auc", "logloss"], "seed": 3}


def matrices():
    return xgb.DMatrix(X[TRAIN], Y[TRAIN]), xgb.DMatrix(X[VALID], Y[VALID])
