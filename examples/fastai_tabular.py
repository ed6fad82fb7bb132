"""Fine-tune a small table model with fastai, and look at both parts of the training.

pip install '.[fastai]' && python examples/fastai_tabular.py
"""

from fastai.tabular.all import (
    CategoryBlock,
    Normalize,
    TabularDataLoaders,
    accuracy,
    set_seed,
    tabular_learner,
)
from sklearn.datasets import load_breast_cancer

import autolog

autolog.autolog()  # all that a training script needs

set_seed(0)
table = load_breast_cancer(as_frame=True).frame
names = [name for name in table.columns if name != "target"]
data = TabularDataLoaders.from_df(
    table, procs=[Normalize], cont_names=names, y_names="target", y_block=CategoryBlock(), bs=64
)
learn = tabular_learner(data, layers=[32, 16], metrics=accuracy)
with learn.no_bar(), learn.no_logging():
    learn.fine_tune(3)

# From here on: what the lines above left behind, read back.
client = autolog.MlflowClient()
run = client.get_run(autolog.last_active_run().info.run_id)
params = run.data.params
print(
    f"run {run.info.run_name} ({run.info.status}): {params['model']}, {params['parameters']} values"
)
for name in ("freeze_valid_loss", "valid_loss", "accuracy"):
    curve = client.get_metric_history(run.info.run_id, name)
    print(f"  {name}  " + "  ".join(f"{point.step}: {point.value:.3f}" for point in curve))
print(f"  highest learning rates: {params['freeze_lr_max']} frozen, then {params['lr_max']}")
print(f"  files: {', '.join(f.path for f in client.list_artifacts(run.info.run_id))}")

loaded = autolog.pyfunc.load_model(f"runs:/{run.info.run_id}/model")
print("  predictions of the loaded model:", len(loaded.predict(table[names].head())))
