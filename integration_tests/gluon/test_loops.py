"""Loops as users write them: recorded with no line added to them, and trained as without us."""

from __future__ import annotations

import gc
import threading

import mxnet as mx
import numpy as np
import pytest
from mxnet import autograd, gluon
from mxnet.base import MXNetError

import autolog
from autolog.engine import guard
from autolog.gluon import values
from autolog.loops.part import Part
from core_client import background
from core_client.client import Client
from integration_tests.gluon.networks import BATCH, X, Y, estimator, loader, network, weights
from integration_tests.reading import artifacts, only_run, runs

STEPS = 4
softmax = gluon.loss.SoftmaxCrossEntropyLoss()
DATA, LABELS = mx.nd.array(X), mx.nd.array(Y)


@pytest.fixture(autouse=True)
def on():
    autolog.gluon.autolog(log_gradient_norm=True)
    yield
    autolog.disable()


def history(run, name):
    points = Client().get_metric_history(run.info.run_id, name)
    assert [one.step for one in points] == list(range(len(points)))
    return [one.value for one in points]


def loss_of(net, reduced=False):
    with autograd.record():
        loss = softmax(net(DATA[:BATCH]), LABELS[:BATCH])
        return loss.mean() if reduced else loss


def steps(net, trainer, number=STEPS, seen=None):
    for _ in range(number):
        loss = loss_of(net)
        loss.backward()
        trainer.step(BATCH)
        if seen is not None:
            seen.append(loss.mean().asscalar())


def trainer_of(net, optimizer="sgd", **settings):
    return gluon.Trainer(net.collect_params(), optimizer, settings or {"learning_rate": 0.1})


# Styles of loops; each gives what it has trained.


def epochs_with_a_schedule():
    net = network()
    schedule = mx.lr_scheduler.FactorScheduler(step=2, factor=0.5, base_lr=0.2)
    trainer = trainer_of(net, "sgd", learning_rate=0.2, momentum=0.9, lr_scheduler=schedule)
    for _ in range(2):
        for data, labels in loader():
            with autograd.record():
                loss = softmax(net(data), labels)
            loss.backward()
            trainer.step(data.shape[0])
    return [net]


def several_devices():
    places = [mx.cpu(0), mx.cpu(1)]
    net = network(place=places)
    trainer = trainer_of(net, "adam")
    for data, labels in loader():
        xs = gluon.utils.split_and_load(data, places)
        ys = gluon.utils.split_and_load(labels, places)
        with autograd.record():
            losses = [softmax(net(x), y) for x, y in zip(xs, ys, strict=True)]
        for loss in losses:
            loss.backward()
        trainer.step(data.shape[0])
    return [net]


def several_losses_at_once():
    net = network(hybridized=False)
    trainer = trainer_of(net)
    for _ in range(STEPS):
        with autograd.record():
            losses = [softmax(net(DATA[i::2]), LABELS[i::2]) for i in range(2)]
        autograd.backward(losses)
        trainer.step(len(X))
    return [net]


def accumulated():
    net = network()
    net.collect_params().setattr("grad_req", "add")
    trainer = trainer_of(net)
    for _ in range(STEPS):
        for _ in range(3):
            loss_of(net).backward()
        trainer.step(3 * BATCH)
        net.collect_params().zero_grad()
    return [net]


def clipped():
    net = network()
    trainer = gluon.Trainer(net.collect_params(), "sgd", update_on_kvstore=False)
    for _ in range(STEPS):
        loss_of(net, reduced=True).backward()
        trainer.allreduce_grads()
        gluon.utils.clip_global_norm([one.grad() for one in net.collect_params().values()], 0.1)
        trainer.update(1)
    return [net]


def adversaries():
    g, d = network(), network()
    of_g, of_d = trainer_of(g, "adam"), trainer_of(d)
    for _ in range(STEPS):
        loss_of(g).backward()
        of_g.step(BATCH)
        loss_of(d).backward()
        of_d.step(BATCH)
    return [g, d]


def dropped_out():
    net = gluon.nn.HybridSequential()
    net.add(gluon.nn.Dense(8), gluon.nn.Dropout(0.5), gluon.nn.BatchNorm(), gluon.nn.Dense(2))
    net.initialize(mx.init.Xavier())
    steps(net, trainer_of(net, "rmsprop"))
    return [net]


LOOPS = [
    epochs_with_a_schedule, several_devices, several_losses_at_once, accumulated, clipped,
    adversaries, dropped_out,
]  # fmt: skip


def trained(loop):
    """Weights, and what the random numbers have come to."""
    mx.random.seed(1)
    np.random.seed(1)
    nets = loop()
    found = [one.tolist() for net in nets for one in weights(net)]
    return found, mx.random.uniform(shape=3).asnumpy().tolist(), np.random.random(3).tolist()


@pytest.mark.parametrize("loop", LOOPS)
def test_the_weights_are_the_same_with_and_without(loop):
    ours = trained(loop)
    run = only_run()
    assert run.info.status == "FINISHED"
    assert len(history(run, "loss")) >= 3
    autolog.disable()
    assert trained(loop) == ours
    assert len(runs()) == 1


def test_a_loop_in_a_function():
    seen, rates = [], []

    def train():
        net = network()
        trainer = trainer_of(net, "adam", learning_rate=0.05, epsilon=1e-7)
        for epoch in range(2):
            for data, labels in loader():
                with autograd.record():
                    loss = softmax(net(data), labels)
                loss.backward()
                trainer.step(data.shape[0])
                seen.append(loss.mean().asscalar())
                rates.append(trainer.learning_rate)
            trainer.set_learning_rate(0.05 / (epoch + 2))

    train()
    run = only_run()
    assert run.info.status == "FINISHED"
    assert run.data.tags["mlflow.autologging"] == "gluon"
    expected = {
        "model": "HybridSequential", "num_layers": "2", "parameters": "58",
        "trainable_parameters": "58", "optimizer_name": "Adam", "learning_rate": "0.05",
        "epsilon": "1e-07", "beta1": "0.9", "wd": "0.0",
    }  # fmt: skip
    assert run.data.params.items() >= expected.items()
    assert "num_update" not in run.data.params
    assert history(run, "loss") == pytest.approx(seen)
    points = Client().get_metric_history(run.info.run_id, "learning_rate")
    assert [(one.step, one.value) for one in points] == [(0, rates[0]), (3, rates[3])]
    assert len(history(run, "gradient_norm")) == 6
    per_second = run.data.metrics["samples_per_second"] / run.data.metrics["steps_per_second"]
    assert per_second == pytest.approx(BATCH)
    assert artifacts(run) == {"model_summary.txt"}


def test_the_usual_loop_of_gluoncv():
    from gluoncv.model_zoo import get_model

    images = mx.nd.random.uniform(shape=(16, 3, 32, 32))
    data = gluon.data.DataLoader(
        gluon.data.ArrayDataset(images, mx.nd.array([0, 1] * 8)), batch_size=8
    )
    places = [mx.cpu(0), mx.cpu(1)]
    seen = []

    def train():
        net = get_model("cifar_resnet20_v1", classes=2)
        net.initialize(mx.init.Xavier(), ctx=places)
        net.hybridize()
        trainer = gluon.Trainer(
            net.collect_params(), "nag", {"learning_rate": 0.1, "momentum": 0.9, "wd": 1e-4}
        )
        accuracy = mx.metric.Accuracy()
        for batch in data:
            xs = gluon.utils.split_and_load(batch[0], ctx_list=places, batch_axis=0)
            ys = gluon.utils.split_and_load(batch[1], ctx_list=places, batch_axis=0)
            with autograd.record():
                output = [net(x) for x in xs]
                losses = [softmax(z, y) for z, y in zip(output, ys, strict=True)]
            for loss in losses:
                loss.backward()
            trainer.step(8)
            seen.append(sum(loss.sum().asscalar() for loss in losses) / 8)
            accuracy.update(ys, output)

    train()
    run = only_run()
    assert run.data.params["model"] == "CIFARResNetV1"
    assert run.data.params["optimizer_name"] == "NAG"
    assert int(run.data.params["num_layers"]) > 20
    total = int(run.data.params["parameters"])
    assert 200_000 < int(run.data.params["trainable_parameters"]) < total < 300_000
    assert history(run, "loss") == pytest.approx(seen)
    folder = Client().download_artifacts(run.info.run_id, "model_summary.txt")
    with open(folder, encoding="utf-8") as file:
        assert f"parameters: {total:,}" in file.read()


def test_the_rate_is_that_of_the_step_and_no_scheduler_is_asked():
    class Counting(mx.lr_scheduler.LRScheduler):
        calls = 0

        def __call__(self, num_update):
            self.calls += 1
            return 0.1 / num_update

    schedule = Counting()

    def train():
        net = network()
        steps(net, trainer_of(net, "sgd", lr_scheduler=schedule))

    train()
    assert history(only_run(), "learning_rate") == [0.1, 0.05, 0.1 / 3, 0.025]
    ours, schedule.calls = schedule.calls, 0
    autolog.disable()
    train()
    assert schedule.calls == ours


def test_the_mean_of_a_loss_is_recorded_as_it_is():
    seen = []

    def train():
        net = network()
        trainer = trainer_of(net)
        autolog.gluon.watch(net, batch_size=BATCH)
        for number in range(STEPS):
            loss = loss_of(net, reduced=True)
            loss.backward()
            autolog.gluon.record(accuracy=mx.nd.array([number / 4]), epoch=number)
            trainer.step(1)
            seen.append(loss.asscalar())

    train()
    run = only_run()
    assert history(run, "loss") == pytest.approx(seen)
    assert history(run, "accuracy") == [0, 0.25, 0.5, 0.75]
    assert history(run, "epoch") == [0, 1, 2, 3]
    per_second = run.data.metrics["samples_per_second"] / run.data.metrics["steps_per_second"]
    assert per_second == pytest.approx(BATCH)


def test_accumulated_gradients_have_the_mean_of_all():
    accumulated()
    net = network()
    run = only_run()
    assert history(run, "loss")[0] == pytest.approx(loss_of(net).mean().asscalar())


def test_two_trainers_are_one_training():
    adversaries()
    run = only_run()
    assert len(history(run, "loss")) == len(history(run, "optimizer_2.loss")) == STEPS
    assert run.data.params["optimizer_name"] == "Adam"
    assert run.data.params["optimizer_2.optimizer_name"] == "SGD"
    assert run.data.params["optimizer_2.model"] == "HybridSequential"


def test_each_training_is_a_run_and_those_in_a_run_of_the_users_share_it():
    clipped()
    clipped()
    assert [run.info.status for run in runs()] == ["FINISHED"] * 2
    with autolog.start_run() as mine:
        clipped()
        clipped()
    run = runs()[-1]
    assert run.info.run_id == mine.info.run_id
    assert "mlflow.autologging" not in run.data.tags
    assert len(history(run, "loss")) == len(history(run, "HybridSequential-2.loss")) == STEPS


def test_a_function_for_one_epoch_is_no_run_of_its_own():
    net = network()
    trainer = trainer_of(net)
    for epoch in range(3):
        steps(net, trainer)
        autolog.log_metric("accuracy", epoch / 3, step=epoch)
    assert len(history(only_run(), "loss")) == 3 * STEPS
    assert history(only_run(), "accuracy") == [0, 1 / 3, 2 / 3]


def test_the_loop_of_an_estimator_is_recorded_once():
    estimator(network()).fit(loader(), epochs=1)
    run = only_run()
    assert "training accuracy" in run.data.metrics
    assert not {"loss", "steps_per_second"} & set(run.data.metrics)
    assert "parameters" not in run.data.params


def test_a_loop_before_and_after_an_estimator():
    net = network()
    trainer = trainer_of(net)
    with autolog.start_run():
        steps(net, trainer)
        estimator(net).fit(loader(), epochs=1)
        steps(net, trainer)
    run = only_run()
    assert len(history(run, "loss")) == 2 * STEPS
    assert "Estimator.training accuracy" in run.data.metrics


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_function_that_raises_leaves_a_failed_run(error):
    def train():
        net = network()
        steps(net, trainer_of(net))
        raise error("the data is gone")

    def called():
        net = network()
        trainer = trainer_of(net)
        for number in range(3):
            steps(net, trainer, number=1)
            if number:
                raise error("the data is gone")

    with pytest.raises(error):
        called()
    run = only_run()
    assert run.info.status == "FAILED"
    assert len(history(run, "loss")) == 2
    assert autolog.active_run() is None


def test_an_error_of_mxnets_engine_comes_to_the_user():
    """MXNet raises an error of a computation once: to who asks first for what depends on it."""

    net = network()

    def train():
        trainer = trainer_of(net)
        steps(net, trainer)
        with autograd.record():
            wrong = mx.nd.random.normal(0, -1, shape=(BATCH, 2))  # a negative deviation
            loss = softmax(net(DATA[:BATCH]) + wrong, LABELS[:BATCH])
        loss.backward()
        trainer.step(BATCH)
        background.wait(timeout=0.5)  # what is recorded has been looked at
        loss.asnumpy()

    with pytest.raises(MXNetError, match="scale parameter"):
        train()
    run = only_run()
    assert run.info.status == "FAILED"
    assert len(history(run, "loss")) == STEPS


def test_nothing_is_added_that_waits_for_mxnet():
    called = []
    here = threading.get_ident()

    def watch(patch, owner, name):
        original = getattr(owner, name)

        def method(*args, **kwargs):
            if threading.get_ident() == here:
                called.append(name)
            return original(*args, **kwargs)

        patch.setattr(owner, name, method)

    def train():
        net = network()
        steps(net, trainer_of(net), number=300)

    with pytest.MonkeyPatch.context() as patch:
        for name in ("asnumpy", "asscalar", "wait_to_read", "__bool__"):
            watch(patch, mx.nd.NDArray, name)
        watch(patch, mx.nd, "waitall")
        train()
        background.wait()
        assert called == []
        mx.nd.ones(1).asscalar()
        assert called == ["asscalar", "asnumpy"]  # they would have been seen
    assert only_run().data.metrics["loss"] > 0


def test_memory_stays_flat():
    def arrays():
        gc.collect()
        alive = sum(issubclass(type(one), mx.nd.NDArray) for one in gc.get_objects())
        return alive - len(values._free)  # as many as were ever on their way at once

    net = network()
    trainer = trainer_of(net)
    counts = []
    for _ in range(2):
        steps(net, trainer, number=1000)
        background.wait()
        counts.append(arrays())
    assert counts[0] == counts[1]


def test_of_a_long_loop_ever_fewer_steps_are_recorded():
    def train(number):
        net = network()
        steps(net, trainer_of(net), number)

    train(121)
    points = Client().get_metric_history(only_run().info.run_id, "loss")
    assert [one.step for one in points] == [*range(100), 100, 110, 120]
    autolog.gluon.autolog(log_every_n_step=3)
    train(7)
    points = Client().get_metric_history(runs()[-1].info.run_id, "loss")
    assert [one.step for one in points] == [0, 3, 6]


def test_a_network_made_before_is_found():
    autolog.disable()
    net = network()
    trainer = trainer_of(net)
    autolog.gluon.autolog()
    steps(net, trainer)
    assert only_run().data.params["model"] == "HybridSequential"


def test_arrays_as_in_numpy():
    mx.npx.set_np()
    seen = []
    try:
        net = gluon.nn.Dense(2)
        net.initialize()
        trainer = trainer_of(net)
        data, labels = mx.np.array(X[:BATCH]), mx.np.array(Y[:BATCH])
        for reduced in (False, True):
            with autograd.record():
                loss = softmax(net(data), labels)
                loss = loss.mean() if reduced else loss
            loss.backward()
            trainer.step(1 if reduced else BATCH)
            seen.append(loss.mean().item())
        assert history(only_run(), "loss") == pytest.approx(seen)
    finally:
        mx.npx.reset_np()


def test_threads_have_a_run_each():
    threads = [threading.Thread(target=clipped) for _ in range(2)]
    for one in threads:
        one.start()
        one.join()
    assert [len(history(run, "loss")) for run in runs()] == [STEPS] * 2


def test_errors_of_the_users_are_raised_as_they_are():
    net = network()
    trainer = trainer_of(net)
    with pytest.raises(MXNetError):  # nothing was recorded for gradients
        mx.nd.ones(2).backward()
    loss_of(net)
    with pytest.raises(UserWarning, match="has not been updated"):
        trainer.step(BATCH)
    with pytest.raises(TypeError):
        trainer.step()
    assert runs() == []


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_is_recorded_as_it_is(value):
    def train():
        net = network()
        trainer = trainer_of(net)
        with autograd.record():
            loss = softmax(net(DATA[:BATCH]), LABELS[:BATCH]) * value
        loss.backward()
        trainer.step(BATCH)

    train()
    assert history(only_run(), "loss") == pytest.approx([value], nan_ok=True)


def test_weighted_gradients_are_those_of_a_weighted_loss():
    def train():
        net = network()
        trainer = trainer_of(net)
        with autograd.record():
            output = net(DATA[:BATCH])
        output.backward(mx.nd.full((BATCH, 2), 0.5))
        trainer.step(BATCH)
        return output.mean().asscalar() / 2

    expected = train()
    assert history(only_run(), "loss") == pytest.approx([expected])


@pytest.mark.parametrize("rank", ["0", "1"])
def test_rank_zero_alone_records(rank, monkeypatch):
    monkeypatch.setenv("RANK", rank)
    clipped()
    assert len(runs()) == (1 if rank == "0" else 0)


@pytest.mark.parametrize("place", ["describe", "record"])
def test_a_fault_of_ours_costs_a_loop_nothing(place, monkeypatch, caplog):
    def broken(*_):
        raise RuntimeError(f"no {place}")

    autolog.disable()
    plain = trained(accumulated)
    monkeypatch.setattr(guard, "collected", None)  # as it is for a user
    monkeypatch.setattr(guard, "_reported", set())
    monkeypatch.setattr(Part, place, broken)
    autolog.gluon.autolog()
    assert trained(accumulated) == plain
    assert caplog.text.count(f"RuntimeError: no {place}") == 1
    assert [run.info.status for run in runs()] == ["FINISHED"]


def test_off_is_off():
    clipped()
    autolog.disable()
    clipped()
    assert len(runs()) == 1
    for function in (mx.nd.NDArray.backward, autograd.backward, gluon.Trainer.step):
        assert type(function).__name__ == "function"
