"""Train a network until its validation stops improving, and look at the curve that was kept.

pip install '.[keras]' && python examples/keras_early_stopping.py
"""

import keras
import numpy as np

import autolog

autolog.autolog()  # all that a training script needs

keras.utils.set_random_seed(0)
angle, turn = np.random.uniform(0, 6, 600), np.random.randint(0, 2, 600)  # two arms of a spiral
X = np.stack([np.sin(angle + np.pi * turn), np.cos(angle + np.pi * turn)], axis=1)
X = X * angle[:, None] / 6 + np.random.normal(0, 0.03, (600, 2))
X_train, X_test, y_train, y_test = X[:400], X[400:], turn[:400], turn[400:]
model = keras.Sequential(
    [
        keras.Input((2,)),
        keras.layers.Dense(64, activation="relu"),
        keras.layers.Dense(64, activation="relu"),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile(keras.optimizers.Adam(0.03), "binary_crossentropy", metrics=["accuracy"])
stopping = keras.callbacks.EarlyStopping(patience=5, restore_best_weights=True)
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
    print(f"  {name}  " + "  ".join(f"{point.step}: {point.value:.3f}" for point in curve[::5]))
print(f"  accuracy_X_test: {metrics['accuracy_X_test']:.4f}")
print(f"  files: {', '.join(f.path for f in client.list_artifacts(run.info.run_id))}")

loaded = autolog.keras.load_model(f"runs:/{run.info.run_id}/model")
print(f"  loaded again: {loaded.count_params()} weights")
