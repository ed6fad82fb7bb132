"""Trainings by an Estimator: what a run holds, and that the training is what it is without us."""

from __future__ import annotations

import json
import pickle

import mxnet as mx
import numpy as np
import pytest
from mxnet import gluon
from mxnet.gluon.contrib.estimator import (
    BatchEnd,
    EarlyStoppingHandler,
    EpochEnd,
    Estimator,
    StoppingHandler,
)

import autolog
from core_client.client import Client
from flavors.model import Model
from integration_tests.gluon.networks import BATCH, ROWS, X, Y, estimator, loader, network, weights
from integration_tests.reading import artifacts, only_run, runs


@pytest.fixture(autouse=True)
def on():
    autolog.gluon.autolog()
    yield
    autolog.disable()


def history(run, name):
    return [(one.step, one.value) for one in Client().get_metric_history(run.info.run_id, name)]


class Seen(EpochEnd, BatchEnd):
    """A handler of the user's own: what it sees of the training."""

    def __init__(self):
        self.epochs, self.batches = [], []

    def batch_end(self, estimator, *args, **kwargs):
        self.batches.append(estimator.train_metrics[0].get()[1])

    def epoch_end(self, estimator, *args, **kwargs):
        self.epochs.append(
            [one.get()[1] for one in (*estimator.train_metrics, *estimator.val_metrics)]
        )


def test_a_training_with_validation():
    train_data, val_data, seen = loader(), loader(X[:16], Y[:16]), Seen()
    net = network()
    est = estimator(net, "adam", learning_rate=0.05, epsilon=1e-7)
    est.fit(train_data, val_data, epochs=3, event_handlers=[seen])
    run = only_run()
    assert run.info.status == "FINISHED"
    assert run.data.tags["mlflow.autologging"] == "gluon"
    expected = {
        "num_layers": "2", "epochs": "3", "optimizer_name": "Adam", "learning_rate": "0.05",
        "epsilon": "1e-07", "beta1": "0.9", "batch_size": str(BATCH), "batch_axis": "0",
        "loss": "SoftmaxCrossEntropyLoss",
    }  # fmt: skip
    assert run.data.params.items() >= expected.items()
    assert "batches" not in run.data.params
    # As the user's own handler saw it.
    train, validation = zip(*seen.epochs, strict=True)
    assert history(run, "training accuracy") == list(enumerate(train))
    assert history(run, "validation accuracy") == list(enumerate(validation))
    assert history(run, "training accuracy_batch") == list(enumerate(seen.batches))
    assert history(run, "learning_rate") == [(0, 0.05), (1, 0.05), (2, 0.05)]
    # Data by the names of the user's variables.
    inputs = {one.dataset.name: one for one in run.inputs.dataset_inputs}
    assert {name: one.tags[0].value for name, one in inputs.items()} == {
        "train_data": "train",
        "val_data": "eval",
    }
    profile = json.loads(inputs["train_data"].dataset.profile)
    assert profile["features_shape"] == [ROWS, 4]
    # The model, by the signature of the batches that went through it.
    assert artifacts(run) == {"model"}
    loaded = autolog.gluon.load_model(f"runs:/{run.info.run_id}/model")
    assert np.array_equal(loaded(mx.nd.array(X)).asnumpy(), net(mx.nd.array(X)).asnumpy())
    folder = Client().download_artifacts(run.info.run_id, "model")
    signature = Model.load(folder).signature
    assert [(one.dtype, one.shape) for one in signature.inputs.inputs] == [("float32", (-1, 4))]
    assert [(one.dtype, one.shape) for one in signature.outputs.inputs] == [("float32", (-1, 2))]


def test_losses_or_the_users_own_metrics_of_training_and_validation():
    """Gluon computes losses as metrics where the user asks for no metrics of their own."""
    own = mx.metric.CustomMetric(lambda labels, _: float(labels.sum()), name="positives")
    for metrics in (None, [own]):
        net = network()
        est = Estimator(net, gluon.loss.SoftmaxCrossEntropyLoss(), metrics)
        est.logger.setLevel(40)
        est.fit(loader(), loader(), epochs=2)
    first, second = runs()
    for when in ("training", "validation"):
        assert len(history(first, f"{when} softmaxcrossentropyloss")) == 2
        assert len(history(second, f"{when} positives")) == 2
    assert history(second, "training positives")[0] == (0, float(Y.sum()) / 3)


def test_the_users_event_handlers_are_kept():
    seen, stop = Seen(), StoppingHandler(max_epoch=2)
    handlers = [seen, stop]
    estimator(network()).fit(loader(), epochs=2, event_handlers=handlers)
    assert [one for one in handlers if one in (seen, stop)] == [seen, stop]
    assert len(seen.epochs) == 2
    assert len(seen.batches) == 2 * ROWS / BATCH


@pytest.mark.parametrize("hybridized", [True, False])
def test_the_training_is_the_same(hybridized):
    def train():
        net = network(hybridized)
        seen = Seen()
        handlers = [seen]
        est = estimator(net, "sgd", learning_rate=0.1, momentum=0.9)
        est.fit(loader(), loader(), 2, handlers)
        kinds = [type(one).__name__ for one in handlers]
        state = mx.random.uniform(shape=3).asnumpy(), np.random.random(3)
        return weights(net), seen.epochs, kinds, state, net._active, bool(net._cached_graph)

    ours = train()
    autolog.disable()
    theirs = train()
    assert len(runs()) == 1
    for one, other in zip(ours[0], theirs[0], strict=True):
        assert np.array_equal(one, other)
    assert ours[1:3] == theirs[1:3]
    assert "Curve" not in ours[2]
    for one, other in zip(ours[3], theirs[3], strict=True):
        assert np.array_equal(one, other)
    assert ours[4:] == theirs[4:]


def test_early_stopping():
    est = estimator(network(), learning_rate=0.0)
    stop = EarlyStoppingHandler(monitor=est.val_metrics[0], patience=2, min_delta=0.1, mode="max")
    est.fit(loader(), loader(), epochs=9, event_handlers=stop)
    run = only_run()
    assert run.data.params.items() >= {
        "monitor": "validation accuracy", "patience": "2", "min_delta": "0.1",
    }.items()  # fmt: skip
    metrics = run.data.metrics
    assert metrics["stopped_epoch"] == stop.stopped_epoch == 2
    assert metrics["best_value"] == stop.best
    assert len(history(run, "training accuracy")) == 3


def test_batches_and_no_validation():
    estimator(network()).fit(loader(), batches=4)
    run = only_run()
    assert run.data.params["batches"] == "4"
    assert "epochs" not in run.data.params
    assert len(history(run, "training accuracy_batch")) == 4
    assert "validation accuracy" not in run.data.metrics


def test_what_raises_is_raised_and_the_run_has_failed():
    class Broken(BatchEnd):
        def batch_end(self, estimator, *args, **kwargs):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        estimator(network()).fit(loader(), epochs=2, event_handlers=[Broken()])
    run = only_run()
    assert run.info.status == "FAILED"
    assert run.data.tags["autolog.error"] == "KeyboardInterrupt"


@pytest.mark.parametrize(
    "arguments", [{"epochs": 1, "batches": 1}, {"epochs": 1, "event_handlers": [3]}, {"epoch": 1}]
)
def test_wrong_arguments_have_gluons_own_error(arguments):
    est = estimator(network())
    with pytest.raises((ValueError, TypeError)) as ours:
        est.fit(loader(), **arguments)
    autolog.disable()
    with pytest.raises(ours.type) as theirs:
        est.fit(loader(), **arguments)
    assert str(ours.value).split(" at 0x")[0] == str(theirs.value).split(" at 0x")[0]


def test_two_trainings_in_a_run_of_the_users():
    with autolog.start_run() as mine:
        est = estimator(network())
        est.fit(loader(), epochs=1)
        est.fit(loader(), epochs=2)
    run = only_run()
    assert run.info.run_id == mine.info.run_id
    assert run.data.params["epochs"] == "1"
    assert run.data.params["Estimator-2.epochs"] == "2"
    assert len(history(run, "Estimator-2.training accuracy")) == 2
    assert "mlflow.autologging" not in run.data.tags


def test_a_network_that_is_no_hybrid_is_trained_and_told(faults):
    class Plain(gluon.Block):
        def __init__(self):
            super().__init__()
            self.dense = gluon.nn.Dense(2)

        def forward(self, x):
            return self.dense(x)

    net = Plain()
    net.initialize()
    estimator(net).fit(loader(), epochs=1)
    run = only_run()
    assert run.info.status == "FINISHED"
    assert run.data.params["num_layers"] == "1"
    assert artifacts(run) == set()
    faults.expect("Plain is no HybridBlock")


def test_data_that_is_made_row_by_row_is_left_alone():
    class Drawn(gluon.data.Dataset):
        asked = 0

        def __len__(self):
            return 32

        def __getitem__(self, index):
            Drawn.asked += 1
            return X[index], Y[index]

    drawn = gluon.data.DataLoader(Drawn(), batch_size=BATCH)
    estimator(network()).fit(drawn, epochs=1)
    assert Drawn.asked == 32
    (dataset,) = only_run().inputs.dataset_inputs
    assert dataset.dataset.name == "drawn"
    assert json.loads(dataset.dataset.profile) == {"num_rows": 32}


def test_an_estimator_of_the_users_own():
    class Mine(Estimator):
        def fit(self, *args, **kwargs):
            return super().fit(*args, **kwargs)

    net = network()
    trainer = gluon.Trainer(net.collect_params(), "sgd")
    est = Mine(net, gluon.loss.L2Loss(), trainer=trainer)
    est.logger.setLevel(40)
    est.fit(loader(y=X[:, :2]), epochs=1)
    run = only_run()
    assert run.data.params["optimizer_name"] == "SGD"
    assert "training l2loss" in run.data.metrics
    assert pickle.loads(pickle.dumps(Estimator.fit)) == Estimator.fit


def test_switched_off_nothing_stays():
    autolog.gluon.autolog(disable=True)
    handlers = [StoppingHandler(max_epoch=1)]
    estimator(network()).fit(loader(), epochs=1, event_handlers=handlers)
    assert runs() == []


def test_a_model_of_gluoncv():
    from gluoncv.model_zoo import get_model

    images = mx.nd.random.uniform(shape=(8, 3, 32, 32))
    labels = mx.nd.array([0, 1] * 4)
    data = gluon.data.DataLoader(gluon.data.ArrayDataset(images, labels), batch_size=4)
    net = get_model("cifar_resnet20_v1", classes=2)
    net.initialize()
    estimator(net).fit(data, epochs=1)
    run = only_run()
    assert int(run.data.params["num_layers"]) > 20
    loaded = autolog.pyfunc.load_model(f"runs:/{run.info.run_id}/model")
    expected = net(images).asnumpy()
    assert np.allclose(loaded.predict(images.asnumpy()), expected, atol=1e-5)
