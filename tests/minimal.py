"""The wheel with no extra: import, log, read back. Run by `nox -s minimal` in an empty folder."""

from __future__ import annotations

import importlib.util
import os
import tempfile

os.chdir(tempfile.mkdtemp())
os.environ["AUTOLOG_HOME"] = os.getcwd()

import autolog

for framework in ("numpy", "sklearn", "pandas", "matplotlib"):
    assert importlib.util.find_spec(framework) is None, f"{framework} is installed here"

autolog.autolog()
with autolog.start_run(run_name="minimal") as run:
    autolog.log_param("depth", 3)
    for step in range(10):
        autolog.log_metric("loss", 1 / (step + 1), step=step)
    autolog.log_text("all is well", "notes/today.txt")

read = autolog.get_run(run.info.run_id)
assert read.info.status == "FINISHED", read
assert read.data.params == {"depth": "3"}, read
assert read.data.metrics == {"loss": 0.1}, read
history = autolog.tracking.MlflowClient().get_metric_history(run.info.run_id, "loss")
assert [point.step for point in history] == list(range(10)), history
assert autolog.artifacts.load_text(f"{run.info.artifact_uri}/notes/today.txt") == "all is well"
assert [found.info.run_id for found in autolog.search_runs(output_format="list")] == [
    run.info.run_id
]
assert os.path.exists("mlflow.db")
print(f"ok: {autolog.__file__} imports, logs and reads back")
