"""The summary of a module: told from what PyTorch knows, with nothing computed or moved."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from autolog.pytorch import summary


class Tower(nn.Module):
    """One layer after another, which must not be called."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(2000, 2000) for _ in range(depth))

    def forward(self, *_: Any) -> Any:
        raise AssertionError("a summary calls no module")


def test_a_large_module_is_summed_up_without_its_values() -> None:
    with torch.device("meta"):  # parameters that have a size and no values
        tower = Tower(1000)
    tower.layers[0].requires_grad_(False)
    lines = summary.text(tower).splitlines()
    assert lines[3].split() == ["layers.0", "Linear", "4,002,000"]
    assert lines[-4:-1] == [
        "parameters: 4,002,000,000",
        "trainable: 3,997,998,000",
        "not trainable: 4,002,000",
    ]


def test_of_very_many_layers_the_first_are_listed_and_all_are_counted() -> None:
    with torch.device("meta"):
        tower = Tower(3000)
    lines = summary.text(tower).splitlines()
    assert lines[2001] == "..."  # a line for each of 2000, below the heading
    assert "parameters: 12,006,000,000" in lines


def test_layers_that_take_their_size_from_the_first_batch_are_named() -> None:
    text = summary.text(nn.Sequential(nn.LazyLinear(3), nn.Linear(3, 1)))
    assert "LazyLinear" in text
    assert "parameters: 4\n" in text
