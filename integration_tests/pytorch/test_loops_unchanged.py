"""Loops in many styles leave the same weights with autologging and without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import mse_loss
from torch.utils.data import DataLoader, TensorDataset

import autolog
from autolog.engine import guard
from autolog.loops.part import Part
from core_client.client import Client
from integration_tests.reading import runs

STEPS = 12


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Dropout(0.2), nn.Linear(5, 1))


def loss_of(model: Any) -> Any:
    return mse_loss(model(torch.rand(4, 3)), torch.ones(4, 1))


def steps(model: Any, optimizer: Any, number: int = STEPS) -> None:
    for _ in range(number):
        optimizer.zero_grad()
        loss_of(model).backward()
        optimizer.step()


def epochs_with_a_scheduler() -> list[Any]:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 3)
    data = TensorDataset(torch.rand(16, 3), torch.rand(16, 1))
    for _ in range(3):
        for x, y in DataLoader(data, batch_size=4, shuffle=True):
            optimizer.zero_grad()
            mse_loss(model(x), y).backward()
            optimizer.step()
        scheduler.step()
    return [model]


def groups_and_clipped_gradients() -> list[Any]:
    model: Any = network()
    groups = [{"params": model[0].parameters(), "lr": 0.1}, {"params": model[3].parameters()}]
    optimizer = torch.optim.AdamW(groups, lr=0.01, amsgrad=True)
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss_of(model).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.1)
        optimizer.step()
    return [model]


def accumulated() -> list[Any]:
    model = network()
    optimizer = torch.optim.RMSprop(model.parameters(), lr=0.01)
    for number in range(STEPS):
        (loss_of(model) / 3).backward()
        if number % 3 == 2:
            optimizer.step()
            optimizer.zero_grad()
    return [model]


def closures() -> list[Any]:
    model = network()
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=3)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = loss_of(model)
        loss.backward()
        return loss

    for _ in range(STEPS):
        optimizer.step(closure)
    return [model]


def scaled() -> list[Any]:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127)  # too large for the first steps
    for _ in range(STEPS):
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = loss_of(model)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
    return [model]


def adversaries() -> list[Any]:
    g, d = network(), network()
    of_g, of_d = torch.optim.Adam(g.parameters()), torch.optim.SGD(d.parameters(), lr=0.1)
    for _ in range(STEPS):
        of_d.zero_grad()
        loss_of(d).backward()
        of_d.step()
        of_g.zero_grad()
        loss = loss_of(g)
        loss.backward(retain_graph=True)
        loss.backward()
        of_g.step()
    return [g, d]


def compiled() -> list[Any]:
    model = network()
    steps(torch.compile(model, backend="eager"), torch.optim.SGD(model.parameters(), lr=0.1))
    return [model]


def a_vector_of_losses() -> list[Any]:
    model = network()
    optimizer = torch.optim.Adagrad(model.parameters(), lr=0.1)
    for _ in range(STEPS):
        optimizer.zero_grad()
        model(torch.rand(4, 3)).backward(torch.full((4, 1), 0.5))
        optimizer.step()
    return [model]


def frozen_then_whole() -> list[Any]:
    model: Any = network()
    steps(model, torch.optim.SGD(model[3].parameters(), lr=0.1))
    steps(model, torch.optim.Adam(model.parameters(), foreach=True))
    return [model]


LOOPS = [
    epochs_with_a_scheduler, groups_and_clipped_gradients, accumulated, closures, scaled,
    adversaries, compiled, a_vector_of_losses, frozen_then_whole,
]  # fmt: skip


def trained(loop: Callable[[], list[Any]]) -> tuple[list[Any], list[int]]:
    """Weights and what the random numbers have come to."""
    torch.manual_seed(1)
    weights = [one.tolist() for model in loop() for one in model.parameters()]
    return weights, torch.get_rng_state().tolist()


@pytest.mark.parametrize("loop", LOOPS)
def test_the_weights_are_the_same_with_and_without(loop: Callable[[], list[Any]]) -> None:
    plain = trained(loop)
    autolog.pytorch.autolog(log_gradient_norm=True)
    assert trained(loop) == plain
    assert {run.info.status for run in runs()} == {"FINISHED"}
    points = [Client().get_metric_history(run.info.run_id, "loss") for run in runs()]
    assert sum(map(len, points)) >= 4


@pytest.mark.parametrize("place", ["describe", "record"])
def test_a_fault_of_ours_costs_a_loop_nothing(
    place: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError(f"no {place}")

    plain = trained(accumulated)
    monkeypatch.setattr(guard, "collected", None)  # as it is for a user
    monkeypatch.setattr(guard, "_reported", set())
    monkeypatch.setattr(Part, place, broken)
    autolog.pytorch.autolog()
    assert trained(accumulated) == plain
    assert caplog.text.count(f"RuntimeError: no {place}") == 1
    assert [run.info.status for run in runs()] == ["FINISHED"]
