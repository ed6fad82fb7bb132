"""Train a network until its validation stops improving, and look at the curve that was kept.

pip install '.[keras]' scikit-learn && python examples/keras_early_stopping.py
"""

import keras
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import scale

import autolog

autolog.autolog()  # all that a training script needs

data, target = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(scale(data), target, random_state=0)
keras.utils.set_random_seed(0)
model = keras.Sequential(
    [
        keras.Input((30,)),
        keras.layers.Dense(16, activation="relu"),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile(keras.optimizers.Adam(0.03), "binary_crossentropy", metrics=["accuracy"])
stopping = keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True)
model.fit(X_train, y_train, epochs=100, validation_split=0.25, callbacks=[stopping], verbose=0)
model.evaluate(X_test, y_test, verbose=0)  # kept as well, under the name of the data

# From here on: what the lines above left behind, read back.
client = autolog.MlflowClient()
run = client.get_run(autolog.last_active_run().info.run_id)
metrics = run.data.metrics
print(f"run {run.info.run_name} ({run.info.status}), {len(run.data.params)} params")
print(f"  stopped after epoch {metrics['stopped_epoch']:.0f} of {run.data.params['epochs']};")
print(f"  the weights are those of epoch {metrics['restored_epoch']:.0f}")
for name in ("loss", "val_loss"):
    curve = client.get_metric_history(run.info.run_id, name)
    print(f"  {name}  " + "  ".join(f"{point.step}: {point.value:.3f}" for point in curve))
print(f"  accuracy_X_test: {metrics['accuracy_X_test']:.4f}")
print(f"  files: {', '.join(f.path for f in client.list_artifacts(run.info.run_id))}")

loaded = autolog.keras.load_model(f"runs:/{run.info.run_id}/model")
print(f"  loaded again: {loaded.count_params()} weights")
