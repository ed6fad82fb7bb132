"""A loop in PyTorch written by hand: a small network for images of 28 x 28, 2000 steps."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

from benchmarks.measure import Row, measure
from benchmarks.turns import Train, bare_and_recorded

STEPS, BATCH, TURN, ROUNDS = 2000, 64, 100, 5


def loop() -> Train:
    """A training that calls what it is given every so many steps."""
    import torch
    from torch import nn

    torch.set_num_threads(1)
    images, labels = torch.rand(BATCH, 784), torch.randint(0, 10, (BATCH,))

    def train(turn: Callable[[], None]) -> None:
        model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
        optimizer = torch.optim.Adam(model.parameters())
        for step in range(STEPS):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            if step % TURN == TURN - 1:
                turn()

    return train


@measure(
    Row("PyTorch, own loop of 2000 steps, small MLP", "x", at_most=1.03),
    Row("PyTorch, own loop, added to each step", "us"),
    pairs=3,
)
def own_loop(library: str) -> list[float]:
    seconds = bare_and_recorded(loop(), library, ROUNDS)
    added = median(recorded - bare for bare, recorded in seconds)
    return [median(recorded / bare for bare, recorded in seconds), added / STEPS * 1e6]
