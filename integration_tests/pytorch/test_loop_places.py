"""Which steps are one training, and which losses are a step's: told by where they are called."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import mse_loss

import autolog
from core_client.client import Client
from integration_tests.reading import only_run, runs

STEPS = 3


@pytest.fixture(autouse=True)
def on() -> None:
    torch.manual_seed(0)
    autolog.pytorch.autolog()


def losses(run: Any, key: str = "loss") -> list[float]:
    return [point.value for point in Client().get_metric_history(run.info.run_id, key)]


def loss_of(model: Any, factor: float = 1.0) -> Any:
    return factor * mse_loss(model(torch.ones(4, 3)), torch.zeros(4, 1))


def pair() -> tuple[Any, Any]:
    model = nn.Linear(3, 1)
    return model, torch.optim.SGD(model.parameters(), lr=0.1)


def adversaries(step: Callable[..., None]) -> None:
    one, other = pair(), pair()
    for _ in range(STEPS):
        step(*one, *other)


# Steps


def both(one: Any, of_one: Any, other: Any, of_other: Any) -> None:
    of_one.zero_grad()
    loss_of(one).backward()
    of_one.step()
    of_other.zero_grad()
    loss_of(other, 2.0).backward()
    of_other.step()


def single(model: Any, optimizer: Any) -> None:
    optimizer.zero_grad()
    loss_of(model).backward()
    optimizer.step()


def each(one: Any, of_one: Any, other: Any, of_other: Any) -> None:
    single(one, of_one)
    loss_of(other).backward()
    of_other.step()


@pytest.mark.parametrize("step", [both, each])
def test_a_function_that_makes_the_steps_of_two_optimizers(step: Callable[..., None]) -> None:
    adversaries(step)
    run = only_run()
    assert len(losses(run)) == len(losses(run, "optimizer_2.loss")) == STEPS


def test_a_generator_that_learns_in_every_second_call() -> None:
    def call(number: int) -> None:
        single(critic, of_critic)
        if number % 2:
            loss_of(generator).backward()
            of_generator.step()

    (critic, of_critic), (generator, of_generator) = pair(), pair()
    for number in range(2 * STEPS):
        call(number)
    run = only_run()
    assert len(losses(run)) == 2 * STEPS
    assert len(losses(run, "optimizer_2.loss")) == STEPS


def test_trainings_of_each_fold_are_runs_of_their_own() -> None:
    def train(model: Any, optimizer: Any) -> None:
        for _ in range(STEPS):
            single(model, optimizer)

    def fold() -> None:
        train(*pair())
        train(*pair())

    for _ in range(2):
        fold()
    assert [len(losses(run)) for run in runs()] == [STEPS] * 4


# Losses


def by_hand(model: Any) -> None:
    """A loop without an optimizer."""
    for _ in range(5):
        loss_of(model, 100.0).backward()
        with torch.no_grad():
            for one in model.parameters():
                one -= 0.01 * one.grad
                one.grad = None


def accumulated(model: Any, optimizer: Any) -> float:
    optimizer.zero_grad()
    total = 0.0
    for factor in (1.0, 2.0):
        loss = loss_of(model, factor)
        loss.backward()
        total += loss.item()
    optimizer.step()
    return total


def test_a_loop_without_an_optimizer_leaves_nothing_behind() -> None:
    model, optimizer = pair()
    by_hand(model)
    seen = []
    for _ in range(STEPS):
        loss = loss_of(model)
        loss.backward()
        optimizer.step()
        seen.append(loss.item())
    assert losses(only_run()) == seen


def test_what_was_tried_before_leaves_nothing_behind() -> None:
    def train() -> None:
        model, optimizer = pair()
        loss_of(model, 100.0).backward()
        for _ in range(2000):
            loss_of(model, 100.0).backward()
        for _ in range(STEPS):
            seen.append(accumulated(model, optimizer))

    seen: list[float] = []
    train()
    assert losses(only_run()) == pytest.approx(seen)


def test_between_two_epochs_gradients_may_be_wanted_for_something_else() -> None:
    def epoch() -> None:
        for _ in range(STEPS):
            seen.append(accumulated(model, optimizer))

    seen: list[float] = []
    model, optimizer = pair()
    epoch()
    by_hand(model)
    epoch()
    assert losses(only_run()) == pytest.approx(seen)


def test_a_single_step_has_all_its_losses() -> None:
    seen = accumulated(*pair())
    assert losses(only_run()) == pytest.approx([seen])


def test_a_step_in_every_second_call_has_the_losses_of_both() -> None:
    def call(number: int) -> None:
        loss = loss_of(model)
        loss.backward()
        seen.append(loss.item())
        if number % 2:
            optimizer.step()
            optimizer.zero_grad()

    seen: list[float] = []
    model, optimizer = pair()
    for number in range(4):
        call(number)
    assert losses(only_run()) == pytest.approx([seen[0] + seen[1], seen[2] + seen[3]])


def test_a_loss_may_come_from_a_generator() -> None:
    def backwards(model: Any) -> Iterator[float]:
        while True:
            loss = loss_of(model)
            loss.backward()
            yield loss.item()

    seen = []
    model, optimizer = pair()
    for number in backwards(model):
        optimizer.step()
        optimizer.zero_grad()
        seen.append(number)
        if len(seen) == STEPS:
            break
    assert losses(only_run()) == pytest.approx(seen)


def test_cells_of_a_notebook_one_for_each_call() -> None:
    names: dict[str, Any] = {"pair": pair, "loss_of": loss_of, "__name__": "cell"}

    def cell(code: str) -> None:
        exec(compile(code, "cell", "exec"), names)  # noqa: S102 - as notebooks do it

    cell("model, optimizer = pair()")
    cell("loss = loss_of(model); loss.backward()")
    cell("optimizer.step()")
    assert losses(only_run()) == [names["loss"].item()]
    cell("loss_of(model, 100.0).backward()")
    cell("for _ in range(2):\n    loss = loss_of(model); loss.backward(); optimizer.step()")
    assert len(losses(only_run())) == 3
    assert losses(only_run())[2] == names["loss"].item()
    assert losses(only_run())[1] < 100.0 * losses(only_run())[0]
