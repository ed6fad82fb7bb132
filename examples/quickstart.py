"""Train a classifier and a small grid search, then look at what was kept about them.

pip install '.[sklearn]' && python examples/quickstart.py
"""

from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import autolog

autolog.autolog()  # all that a training script needs

data, target = load_breast_cancer(return_X_y=True, as_frame=True)
X_train, X_test, y_train, y_test = train_test_split(data, target, random_state=0)

forest = RandomForestClassifier(n_estimators=50, random_state=0)
forest.fit(X_train, y_train)
forest.score(X_test, y_test)  # kept as well, under the name of the data
forest_run = autolog.last_active_run()

pipeline = Pipeline([("scale", StandardScaler()), ("svc", SVC(random_state=0))])
search = GridSearchCV(pipeline, {"svc__C": [0.1, 1, 10], "svc__gamma": [0.01]}, cv=3)
search.fit(X_train, y_train)
search_run = autolog.last_active_run()

# From here on: what the lines above left behind, read back.
client = autolog.MlflowClient()
for recorded in (forest_run, search_run):
    run = client.get_run(recorded.info.run_id)
    files = [file.path for file in client.list_artifacts(run.info.run_id)]
    print(f"{run.data.tags['estimator_name']}: run {run.info.run_name} ({run.info.status})")
    print(f"  {len(run.data.params)} params, {len(run.inputs.dataset_inputs)} dataset input(s)")
    for name, value in sorted(run.data.metrics.items()):
        print(f"  {name:36} {value:.4f}")
    print(f"  artifacts: {', '.join(files)}\n")

print(f"Children of {search_run.info.run_name}, best first:")
print(f"  {'run':28} {'C':>6} {'mean_test_score':>16} {'mean_fit_time':>14}")
for child in autolog.search_runs(
    filter_string=f"tags.mlflow.parentRunId = '{search_run.info.run_id}'",
    order_by=["metrics.mean_test_score DESC"],
    output_format="list",
):
    score, seconds = child.data.metrics["mean_test_score"], child.data.metrics["mean_fit_time"]
    print(
        f"  {child.info.run_name:28} {child.data.params['svc__C']:>6} {score:16.4f} {seconds:14.4f}"
    )

print(f"\nAll of it is in {autolog.get_tracking_uri()}, files are in ./mlruns. Look at it with:")
print("  autolog runs")
print(f"  autolog show {forest_run.info.run_id}")
print("  mlflow ui --backend-store-uri sqlite:///mlflow.db    (if MLflow is installed)")
