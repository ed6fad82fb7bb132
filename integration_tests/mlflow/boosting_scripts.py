"""Trainings of boosted trees as users write them, run under MLflow, under autolog, and bare.

Each gives back its model, what to predict for, and how it was evaluated.
"""

from __future__ import annotations

import lightgbm as lgb
import numpy as np
import pandas as pd
import scipy.sparse
import xgboost as xgb
from sklearn import metrics

_random = np.random.RandomState(0)
X = _random.rand(200, 4)
Y = (X[:, 0] + 0.2 * _random.rand(200) > 0.6).astype(int)
CLASSES = np.digitize(X[:, 0], [0.3, 0.6])
TARGET = X[:, 0] + _random.rand(200)
FRAME = pd.DataFrame(X, columns=list("abcd"))
BINARY = {"objective": "binary:logistic", "eval_metric": ["auc", "logloss"]}
QUIET = {"objective": "binary", "metric": ["auc", "binary_logloss"], "verbose": -1}


def xgb_keywords():
    dtrain, valid, found = xgb.DMatrix(X[:150], Y[:150]), xgb.DMatrix(X[150:], Y[150:]), {}
    booster = xgb.train(
        params=BINARY, dtrain=dtrain, num_boost_round=5, evals_result=found,
        evals=[(dtrain, "train"), (valid, "valid")], verbose_eval=False,
    )  # fmt: skip
    return booster, valid, found


def xgb_positions():
    data = xgb.DMatrix(FRAME, Y)
    return xgb.train(BINARY, data, 4, evals=[(data, "d")], verbose_eval=False), data, None


def xgb_early_stopping():
    dtrain, valid = xgb.DMatrix(X[:150], TARGET[:150]), xgb.DMatrix(X[150:], TARGET[150:])
    found = {}
    booster = xgb.train(
        {"eval_metric": ["rmse", "mae"]}, dtrain, 60, evals=[(valid, "valid")],
        early_stopping_rounds=3, verbose_eval=False, evals_result=found,
    )  # fmt: skip
    return booster, valid, found


def xgb_ranking():
    data = xgb.DMatrix(X, CLASSES)
    data.set_group([100, 100])
    found = {}
    booster = xgb.train(
        {"objective": "rank:ndcg", "eval_metric": "ndcg@3"}, data, 3, evals=[(data, "t")],
        verbose_eval=False, evals_result=found,
    )  # fmt: skip
    return booster, data, found


def xgb_own_objective_and_metric():
    def squares(predicted, data):
        return predicted - data.get_label(), np.ones_like(predicted)

    def worst(predicted, data):
        return "worst", float(np.abs(predicted - data.get_label()).max())

    data = xgb.DMatrix(X, TARGET)
    booster = xgb.train({}, data, 3, evals=[(data, "d")], obj=squares, custom_metric=worst)
    return booster, data, None


def xgb_sparse():
    data = xgb.DMatrix(scipy.sparse.csr_matrix(X), Y)
    return xgb.train(BINARY, data, 3, evals=[(data, "d")], verbose_eval=False), data, None


def xgb_classifier():
    model = xgb.XGBClassifier(n_estimators=4, max_depth=2, eval_metric="logloss")
    model.fit(X[:150], Y[:150], eval_set=[(X[150:], Y[150:])], verbose=False)
    return model, X, model.evals_result()


def xgb_regressor_with_early_stopping():
    model = xgb.XGBRegressor(n_estimators=60, early_stopping_rounds=3)
    model.fit(FRAME[:150], TARGET[:150], eval_set=[(FRAME[150:], TARGET[150:])], verbose=False)
    return model, FRAME, model.evals_result()


def xgb_several_classes():
    return xgb.XGBClassifier(n_estimators=3).fit(X, CLASSES), X, None


def lgb_keywords():
    dtrain = lgb.Dataset(X[:150], Y[:150])
    valid = lgb.Dataset(X[150:], Y[150:], reference=dtrain)
    found = {}
    booster = lgb.train(
        params=QUIET, train_set=dtrain, num_boost_round=5, valid_sets=[dtrain, valid],
        valid_names=["train", "valid"], callbacks=[lgb.record_evaluation(found)],
    )  # fmt: skip
    return booster, X, found


def lgb_positions():
    dtrain = lgb.Dataset(FRAME, Y)
    return lgb.train(QUIET, dtrain, 4), FRAME, None


def lgb_early_stopping():
    dtrain = lgb.Dataset(X[:150], TARGET[:150])
    valid = lgb.Dataset(X[150:], TARGET[150:], reference=dtrain)
    booster = lgb.train(
        {"metric": ["l1", "l2"], "verbose": -1}, dtrain, 60, valid_sets=[valid],
        callbacks=[lgb.early_stopping(3, verbose=False)],
    )  # fmt: skip
    return booster, X, booster.best_score


def lgb_ranking():
    data = lgb.Dataset(X, CLASSES, group=[100, 100])
    params = {"objective": "lambdarank", "metric": "ndcg", "eval_at": [3], "verbose": -1}
    return lgb.train(params, data, 3, valid_sets=[data], valid_names=["t"]), X, None


def lgb_classifier():
    model = lgb.LGBMClassifier(n_estimators=4, num_leaves=5, verbose=-1)
    model.fit(X[:150], Y[:150], eval_set=[(X[150:], Y[150:])], eval_metric="auc")
    return model, X, model.evals_result_


def lgb_regressor_with_early_stopping():
    model = lgb.LGBMRegressor(n_estimators=60, verbose=-1)
    model.fit(
        FRAME[:150], TARGET[:150], eval_set=[(FRAME[150:], TARGET[150:])],
        callbacks=[lgb.early_stopping(3, verbose=False)],
    )  # fmt: skip
    return model, FRAME, model.evals_result_


def metrics_after_training(model):
    model.fit(X[:150], Y[:150])
    X_test, y_test = X[150:], Y[150:]
    area = metrics.roc_auc_score(y_test, model.predict_proba(X_test)[:, 1])
    accuracy = metrics.accuracy_score(y_test, model.predict(X_test))
    return model, X, (area, accuracy, model.score(X_test, y_test))


def xgb_metrics_after_training():
    return metrics_after_training(xgb.XGBClassifier(n_estimators=3))


def lgb_metrics_after_training():
    return metrics_after_training(lgb.LGBMClassifier(n_estimators=3, verbose=-1))


SCRIPTS = {
    f.__name__: f
    for f in (
        xgb_keywords, xgb_positions, xgb_early_stopping, xgb_ranking,
        xgb_own_objective_and_metric, xgb_sparse, xgb_classifier,
        xgb_regressor_with_early_stopping, xgb_several_classes, lgb_keywords, lgb_positions,
        lgb_early_stopping, lgb_ranking, lgb_classifier, lgb_regressor_with_early_stopping,
        xgb_metrics_after_training, lgb_metrics_after_training,
    )
}  # fmt: skip


def fingerprint(model, rows, evaluation):
    """The bytes of the model as they are saved, its predictions, and its evaluation."""
    booster = getattr(model, "booster_", None) or (
        model.get_booster() if hasattr(model, "get_booster") else model
    )
    is_xgboost = isinstance(booster, xgb.Booster)
    saved = booster.save_raw("ubj") if is_xgboost else booster.model_to_string().encode()
    return [saved.hex(), np.asarray(model.predict(rows)).tobytes().hex(), repr(evaluation)]


if __name__ == "__main__":  # mlflow, autolog or nothing, then the file for what it recorded
    import importlib
    import json
    import sys

    from integration_tests.side_by_side import curves, model_of, runs_of, told

    if sys.argv[1] == "nothing":
        record = {name: {"result": fingerprint(*script())} for name, script in SCRIPTS.items()}
    else:
        tracker = importlib.import_module(sys.argv[1])
        for library in (tracker.xgboost, tracker.lightgbm):
            library.autolog()
        results = {}
        for name, script in SCRIPTS.items():
            tracker.set_experiment(name)
            results[name] = fingerprint(*script())
        client, record = tracker.MlflowClient(), {}
        for name in SCRIPTS:
            (run,) = runs_of(tracker, name)
            about = {"curves": curves(client, run), "result": results[name]}
            about["model"] = model_of(tracker, run)
            record[name] = told(client, run) | about
    with open(sys.argv[2], "w") as file:
        json.dump(record, file)
