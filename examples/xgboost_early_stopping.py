"""Train a booster until its validation stops improving, and look at the curve that was kept.

pip install '.[xgboost]' && python examples/xgboost_early_stopping.py
"""

import xgboost as xgb
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

import autolog

autolog.autolog()  # all that a training script needs

data, target = load_breast_cancer(return_X_y=True, as_frame=True)
X, X_test, y, y_test = train_test_split(data, target, random_state=0)
X_train, X_valid, y_train, y_valid = train_test_split(X, y, random_state=0)
dtrain, valid, test = (
    xgb.DMatrix(X_train, y_train),
    xgb.DMatrix(X_valid, y_valid),
    xgb.DMatrix(X_test, y_test),
)
booster = xgb.train(
    {"objective": "binary:logistic", "eval_metric": ["auc", "logloss"], "learning_rate": 0.3},
    dtrain,
    num_boost_round=500,
    evals=[(dtrain, "train"), (valid, "valid")],
    early_stopping_rounds=10,
    verbose_eval=False,
)
roc_auc_score(y_test, booster.predict(test))  # kept as well, under the name of the data

# From here on: what the lines above left behind, read back.
client = autolog.MlflowClient()
run = client.get_run(autolog.last_active_run().info.run_id)
metrics = run.data.metrics
print(f"run {run.info.run_name} ({run.info.status}), {len(run.data.params)} params")
print(f"  stopped after round {metrics['stopped_iteration']:.0f}, the best was")
print(f"  round {metrics['best_iteration']:.0f} of {run.data.params['num_boost_round']}")
for name in ("train-logloss", "valid-logloss"):
    curve = client.get_metric_history(run.info.run_id, name)
    shown = "  ".join(f"{point.step}: {point.value:.4f}" for point in curve[::5])
    print(f"  {name}  {shown}")
print(f"  roc_auc_score_test: {metrics['roc_auc_score_test']:.4f}")
print(f"  files: {', '.join(f.path for f in client.list_artifacts(run.info.run_id))}")

loaded = autolog.xgboost.load_model(f"runs:/{run.info.run_id}/model")
print(f"  loaded again: {loaded.num_boosted_rounds()} rounds")
