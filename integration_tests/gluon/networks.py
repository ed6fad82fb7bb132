"""Small networks and data for the tests of Gluon."""

from __future__ import annotations

import logging

import mxnet as mx
import numpy as np
from mxnet import gluon
from mxnet.gluon.contrib.estimator import Estimator

X = np.random.default_rng(0).normal(size=(48, 4)).astype("float32")
Y = (X[:, 0] > 0).astype("int32")
ROWS, BATCH = len(X), 16


def loader(x=X, y=Y):
    data = gluon.data.ArrayDataset(mx.nd.array(x), mx.nd.array(y))
    return gluon.data.DataLoader(data, batch_size=BATCH)


def network(hybridized=True, place=None):
    mx.random.seed(7)
    np.random.seed(7)
    net = gluon.nn.HybridSequential()
    net.add(gluon.nn.Dense(8, activation="relu"), gluon.nn.Dense(2))
    net.initialize(mx.init.Xavier(), ctx=place)
    if hybridized:
        net.hybridize()
    return net


def estimator(net, optimizer="adam", **settings):
    found = Estimator(
        net,
        gluon.loss.SoftmaxCrossEntropyLoss(),
        train_metrics=mx.metric.Accuracy(),
        trainer=gluon.Trainer(net.collect_params(), optimizer, settings or {"learning_rate": 0.1}),
    )
    found.logger.setLevel(logging.WARNING)
    return found


def weights(net):
    return [param.data().asnumpy() for param in net.collect_params().values()]
