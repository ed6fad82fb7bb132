"""Train with a loop of your own, write scalars for TensorBoard, and find them in the run.

pip install '.[tensorflow]' && python examples/tensorflow_summary.py
"""

import tensorflow as tf

import autolog

autolog.autolog()  # all that a training script needs

tf.random.set_seed(0)
X = tf.random.normal((256, 4))
y = tf.reduce_sum(X, axis=1, keepdims=True)
train = tf.data.Dataset.from_tensor_slices((X[:192], y[:192])).batch(32)
weights = tf.Variable(tf.zeros((4, 1)))
train_logs = tf.summary.create_file_writer("logs/train")
test_logs = tf.summary.create_file_writer("logs/test")


def loss_of(X, y):
    return tf.reduce_mean((X @ weights - y) ** 2)


@tf.function  # the scalar is written from within the graph
def train_step(X, y, step):
    with tf.GradientTape() as tape:
        loss = loss_of(X, y)
    weights.assign_sub(0.1 * tape.gradient(loss, weights))
    with train_logs.as_default():
        tf.summary.scalar("loss", loss, step=step)


with autolog.start_run(run_name="own loop") as active:
    autolog.log_param("learning_rate", 0.1)
    step = tf.Variable(0, dtype=tf.int64)
    for _ in range(5):
        for batch, target in train:
            train_step(batch, target, step)
            step.assign_add(1)
        with test_logs.as_default():
            tf.summary.scalar("loss", loss_of(X[192:], y[192:]), step=step)

# From here on: what the lines above left behind, read back.
client = autolog.MlflowClient()
run = client.get_run(active.run_id)
print(f"run {run.info.run_name} ({run.info.status})")
for name in ("loss", "test/loss"):
    curve = client.get_metric_history(run.info.run_id, name)
    shown = "  ".join(f"{point.step}: {point.value:.4f}" for point in curve[:: len(curve) // 5])
    print(f"  {name}, {len(curve)} values  {shown}")
