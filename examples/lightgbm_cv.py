"""Choose the number of rounds by cross-validation, then train with it; both are kept.

pip install '.[lightgbm]' && python examples/lightgbm_cv.py
"""

import lightgbm as lgb
from sklearn.datasets import load_diabetes

import autolog

autolog.autolog()  # all that a training script needs

data, target = load_diabetes(return_X_y=True, as_frame=True)
params = {"objective": "regression", "metric": "l2", "learning_rate": 0.05, "verbose": -1}
stop = lgb.early_stopping(20, verbose=False)
result = lgb.cv(params, lgb.Dataset(data, target), 500, nfold=5, stratified=False, callbacks=[stop])
cv_run = autolog.last_active_run()
rounds = len(next(iter(result.values())))
lgb.train(params, lgb.Dataset(data, target), rounds)
train_run = autolog.last_active_run()

# From here on: what the lines above left behind, read back.
client = autolog.MlflowClient()
run = client.get_run(cv_run.info.run_id)
mean, deviation = (
    client.get_metric_history(run.info.run_id, f"valid-l2-{what}") for what in ("mean", "std")
)
print(f"cross-validation: run {run.info.run_name} ({run.info.status})")
print(f"  best after {run.data.metrics['best_iteration']:.0f} rounds")
for point, spread in list(zip(mean, deviation))[::25]:
    print(f"  round {point.step:3}: {point.value:8.1f} +- {spread.value:.1f}")

run = client.get_run(train_run.info.run_id)
print(f"training: run {run.info.run_name}, {run.data.params['num_boost_round']} rounds")
print(f"  files: {', '.join(f.path for f in client.list_artifacts(run.info.run_id))}")
model = autolog.lightgbm.load_model(f"runs:/{run.info.run_id}/model")
print(f"  loaded again: {model.num_trees()} trees")
