"""Trains a small residual network on generated images, twice: by an Estimator and by a plain loop.

Run it with `pip install 'mlautolog[gluon]' && pip install --no-deps gluoncv==0.10.5.post0`, then
`autolog runs`.
"""

import mxnet as mx
from gluoncv.model_zoo import get_model
from mxnet import autograd, gluon
from mxnet.gluon.contrib.estimator import EarlyStoppingHandler, Estimator

import autolog

autolog.gluon.autolog()

mx.random.seed(0)
images = mx.nd.random.uniform(shape=(64, 3, 32, 32))
labels = (images.mean(axis=(1, 2, 3)) > 0.5).astype("int32")
train_data = gluon.data.DataLoader(gluon.data.ArrayDataset(images, labels), batch_size=16)
val_data = gluon.data.DataLoader(gluon.data.ArrayDataset(images[:16], labels[:16]), batch_size=16)
loss_of = gluon.loss.SoftmaxCrossEntropyLoss()


def network():
    net = get_model("cifar_resnet20_v1", classes=2)
    net.initialize(mx.init.Xavier())
    net.hybridize()
    return net, gluon.Trainer(net.collect_params(), "adam", {"learning_rate": 0.001})


def by_estimator():
    net, trainer = network()
    estimator = Estimator(net, loss_of, train_metrics=mx.metric.Accuracy(), trainer=trainer)
    stop = EarlyStoppingHandler(monitor=estimator.val_metrics[0], patience=2, mode="max")
    estimator.fit(train_data, val_data, epochs=3, event_handlers=[stop])


def by_loop():
    net, trainer = network()
    for _ in range(3):
        for data, label in train_data:
            with autograd.record():
                loss = loss_of(net(data), label)
            loss.backward()
            trainer.step(data.shape[0])


by_estimator()
run = autolog.last_active_run()
print("by an Estimator:", run.info.run_name, run.info.status)
print({name: run.data.params[name] for name in ("epochs", "optimizer_name", "learning_rate")})
print({name: round(value, 3) for name, value in run.data.metrics.items()})
loaded = autolog.gluon.load_model(f"runs:/{run.info.run_id}/model")
print("predictions:", loaded(images[:4]).argmax(axis=1).asnumpy())

by_loop()
run = autolog.last_active_run()
print("by a loop:", run.info.run_name, run.info.status)
print({name: run.data.params[name] for name in ("model", "parameters", "optimizer_name")})
print("loss in 12 steps, at the end:", round(run.data.metrics["loss"], 3))
