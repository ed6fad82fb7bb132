"""A small table, and Learners for it."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pandas as pd
import torch
from fastai.callback.schedule import Learner
from fastai.tabular.all import (
    Categorify,
    CategoryBlock,
    Normalize,
    TabularDataLoaders,
    accuracy,
    tabular_learner,
)


def table() -> Any:
    state = np.random.default_rng(0)
    data = pd.DataFrame(state.random((64, 2)), columns=["a", "b"])
    data["kind"] = np.where(data["a"] > 0.5, "x", "y")
    data["target"] = np.where(data["a"] + data["b"] > 1, "yes", "no")
    return data


def learner(**more: Any) -> Learner:
    random.seed(0)
    torch.manual_seed(0)
    loaders = TabularDataLoaders.from_df(
        table(), procs=[Categorify, Normalize], cat_names=["kind"], cont_names=["a", "b"],
        y_names="target", y_block=CategoryBlock(), valid_idx=list(range(16)), bs=16,
    )  # fmt: skip
    return tabular_learner(loaders, layers=[8], metrics=accuracy, **more)
