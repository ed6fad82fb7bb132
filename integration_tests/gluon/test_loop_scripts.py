"""Whole scripts with a loop: how the process ends is how the run ends."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from core_client.client import Client
from tests.project import ROOT
from tests.scripts import run_script

LOOP = """
import mxnet as mx
from mxnet import autograd, gluon
import autolog

autolog.autolog()
net = gluon.nn.Dense(1)
net.initialize()
trainer = gluon.Trainer(net.collect_params(), "sgd")
data, last = mx.nd.ones((4, 3)), {last}
for number in range(5):
    with autograd.record():
        loss = net(data).square()
    loss.backward()
    trainer.step(4)
    if number == 2 and last:
        raise last
"""
# Automatic mixed precision; the gradients of the second step are too large.
SCALED = """
import mxnet as mx
from mxnet import autograd, gluon
from mxnet.contrib import amp
import autolog

autolog.gluon.autolog()
amp.init()

def train():
    net = gluon.nn.PReLU()
    net.initialize()
    trainer = gluon.Trainer(net.collect_params(), "sgd")
    amp.init_trainer(trainer)
    for number in range(4):
        with autograd.record():
            loss = net(mx.nd.full((4, 2), -1)) * (float("inf") if number == 1 else 1)
            with amp.scale_loss(loss, trainer) as scaled:
                autograd.backward(scaled)
        trainer.step(4)
        if number != 1:
            print(loss.mean().asscalar())

train()
"""


def run_of(tmp_path):
    client = Client(f"sqlite:///{tmp_path}/mlflow.db")
    (run,) = client.search_runs(["0"])
    return run, [one.value for one in client.get_metric_history(run.info.run_id, "loss")]


def test_a_loop_in_no_function_ends_with_the_script(tmp_path):
    run_script(LOOP.format(last=None), tmp_path)
    run, losses = run_of(tmp_path)
    assert run.info.status == "FINISHED"
    assert run.data.params["model"] == "Dense"
    assert len(losses) == 5


@pytest.mark.parametrize("error", ["ValueError", "KeyboardInterrupt"])
def test_an_error_that_ends_the_script_is_told(tmp_path, error):
    script = LOOP.format(last=f"{error}('in the middle')")
    (tmp_path / "script.py").write_text(script, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert f"{error}: in the middle" in done.stderr
    run, losses = run_of(tmp_path)
    assert run.info.status == "FAILED"
    assert run.data.tags["autolog.error"] == f"{error}: in the middle"
    assert len(losses) == 3


def test_a_scaled_loss_is_recorded_as_it_is(tmp_path):
    account = run_script(SCALED, tmp_path)
    run, losses = run_of(tmp_path)
    assert run.info.status == "FINISHED"
    assert losses == pytest.approx([float(line) for line in account.split()])
    assert len(losses) == 3
