"""Trainings of boosted trees as users write them, run under MLflow and under autolog."""

from __future__ import annotations

import lightgbm as lgb
import numpy as np
import pandas as pd
import scipy.sparse
import xgboost as xgb

_random = np.random.RandomState(0)
X = _random.rand(200, 4)
Y = (X[:, 0] + 0.2 * _random.rand(200) > 0.6).astype(int)
CLASSES = np.digitize(X[:, 0], [0.3, 0.6])
TARGET = X[:, 0] + _random.rand(200)
FRAME = pd.DataFrame(X, columns=list("abcd"))
BINARY = {"objective": "binary:logistic", "eval_metric": ["auc", "logloss"]}
QUIET = {"objective": "binary", "metric": ["auc", "binary_logloss"], "verbose": -1}


def xgb_keywords():
    dtrain, valid = xgb.DMatrix(X[:150], Y[:150]), xgb.DMatrix(X[150:], Y[150:])
    xgb.train(
        params=BINARY, dtrain=dtrain, num_boost_round=5,
        evals=[(dtrain, "train"), (valid, "valid")], verbose_eval=False,
    )  # fmt: skip


def xgb_positions():
    data = xgb.DMatrix(FRAME, Y)
    xgb.train(BINARY, data, 4, evals=[(data, "d")], verbose_eval=False)


def xgb_early_stopping():
    dtrain, valid = xgb.DMatrix(X[:150], TARGET[:150]), xgb.DMatrix(X[150:], TARGET[150:])
    xgb.train(
        {"eval_metric": ["rmse", "mae"]}, dtrain, 60, evals=[(valid, "valid")],
        early_stopping_rounds=3, verbose_eval=False,
    )  # fmt: skip


def xgb_ranking():
    data = xgb.DMatrix(X, CLASSES)
    data.set_group([100, 100])
    xgb.train(
        {"objective": "rank:ndcg", "eval_metric": "ndcg@3"}, data, 3, evals=[(data, "t")],
        verbose_eval=False,
    )  # fmt: skip


def xgb_own_objective_and_metric():
    def squares(predicted, data):
        return predicted - data.get_label(), np.ones_like(predicted)

    def worst(predicted, data):
        return "worst", float(np.abs(predicted - data.get_label()).max())

    data = xgb.DMatrix(X, TARGET)
    xgb.train({}, data, 3, evals=[(data, "d")], obj=squares, custom_metric=worst)


def xgb_sparse():
    data = xgb.DMatrix(scipy.sparse.csr_matrix(X), Y)
    xgb.train(BINARY, data, 3, evals=[(data, "d")], verbose_eval=False)


def xgb_classifier():
    model = xgb.XGBClassifier(n_estimators=4, max_depth=2, eval_metric="logloss")
    model.fit(X[:150], Y[:150], eval_set=[(X[150:], Y[150:])], verbose=False)


def xgb_regressor_with_early_stopping():
    model = xgb.XGBRegressor(n_estimators=60, early_stopping_rounds=3)
    model.fit(FRAME[:150], TARGET[:150], eval_set=[(FRAME[150:], TARGET[150:])], verbose=False)


def xgb_several_classes():
    xgb.XGBClassifier(n_estimators=3).fit(X, CLASSES)


def lgb_keywords():
    dtrain = lgb.Dataset(X[:150], Y[:150])
    valid = lgb.Dataset(X[150:], Y[150:], reference=dtrain)
    lgb.train(
        params=QUIET, train_set=dtrain, num_boost_round=5, valid_sets=[dtrain, valid],
        valid_names=["train", "valid"],
    )  # fmt: skip


def lgb_positions():
    dtrain = lgb.Dataset(FRAME, Y)
    lgb.train(QUIET, dtrain, 4)


def lgb_early_stopping():
    dtrain = lgb.Dataset(X[:150], TARGET[:150])
    valid = lgb.Dataset(X[150:], TARGET[150:], reference=dtrain)
    lgb.train(
        {"metric": ["l1", "l2"], "verbose": -1}, dtrain, 60, valid_sets=[valid],
        callbacks=[lgb.early_stopping(3, verbose=False)],
    )  # fmt: skip


def lgb_ranking():
    data = lgb.Dataset(X, CLASSES, group=[100, 100])
    params = {"objective": "lambdarank", "metric": "ndcg", "eval_at": [3], "verbose": -1}
    lgb.train(params, data, 3, valid_sets=[data], valid_names=["t"])


def lgb_classifier():
    model = lgb.LGBMClassifier(n_estimators=4, num_leaves=5, verbose=-1)
    model.fit(X[:150], Y[:150], eval_set=[(X[150:], Y[150:])], eval_metric="auc")


def lgb_regressor_with_early_stopping():
    model = lgb.LGBMRegressor(n_estimators=60, verbose=-1)
    model.fit(
        FRAME[:150], TARGET[:150], eval_set=[(FRAME[150:], TARGET[150:])],
        callbacks=[lgb.early_stopping(3, verbose=False)],
    )  # fmt: skip


SCRIPTS = {
    f.__name__: f
    for f in (
        xgb_keywords, xgb_positions, xgb_early_stopping, xgb_ranking,
        xgb_own_objective_and_metric, xgb_sparse, xgb_classifier,
        xgb_regressor_with_early_stopping, xgb_several_classes, lgb_keywords, lgb_positions,
        lgb_early_stopping, lgb_ranking, lgb_classifier, lgb_regressor_with_early_stopping,
    )
}  # fmt: skip


if __name__ == "__main__":  # mlflow or autolog, then the file for what it recorded
    import importlib
    import json
    import sys

    tracker = importlib.import_module(sys.argv[1])
    for library in (tracker.xgboost, tracker.lightgbm):
        library.autolog(log_models="models" in sys.argv)
    for name, script in SCRIPTS.items():
        tracker.set_experiment(name)
        script()
    client, record = tracker.MlflowClient(), {}
    for name in SCRIPTS:
        (run,) = tracker.search_runs(experiment_names=[name], output_format="list")
        record[name] = {
            "status": run.info.status,
            "params": run.data.params,
            "curves": {
                key: [(p.step, p.value) for p in client.get_metric_history(run.info.run_id, key)]
                for key in run.data.metrics
            },
            "autologging": run.data.tags["mlflow.autologging"],
            "artifacts": [file.path for file in client.list_artifacts(run.info.run_id)],
            "contexts": [given.tags[0].value for given in run.inputs.dataset_inputs],
        }
    with open(sys.argv[2], "w") as file:
        json.dump(record, file)
