"""A loop in PyTorch written by hand: a small network for images of 28 x 28, 2000 steps."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from benchmarks.measure import Row, measure

STEPS, BATCH, ROUNDS = 2000, 64, 5


def loop() -> Callable[[], float]:
    """A training that gives its mean seconds per step, the first one left out."""
    import torch
    from torch import nn

    torch.set_num_threads(1)
    images, labels = torch.rand(BATCH, 784), torch.randint(0, 10, (BATCH,))

    def train() -> float:
        model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
        optimizer = torch.optim.Adam(model.parameters())
        began = 0.0
        for _ in range(STEPS + 1):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            began = began or time.perf_counter()
        return (time.perf_counter() - began) / STEPS

    return train


@measure(
    Row("PyTorch, own loop of 2000 steps, small MLP", "x", at_most=1.03),
    Row("PyTorch, own loop, added to each step", "us"),
    pairs=3,
)
def own_loop(library: str) -> list[float]:
    train = loop()
    train()
    mlflow: Any = importlib.import_module(library)
    bare, recorded = [], []
    for _ in range(ROUNDS):  # in turns, so that a machine that slows down favours nobody
        mlflow.pytorch.autolog(disable=True, silent=True)
        bare.append(train())
        mlflow.pytorch.autolog(silent=True)
        recorded.append(train())
        mlflow.flush_async_logging()
    if not mlflow.search_runs(search_all_experiments=True, output_format="list"):
        raise RuntimeError("nothing recorded")
    return [median(recorded) / median(bare), (median(recorded) - median(bare)) * 1e6]
