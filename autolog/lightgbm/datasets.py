"""What can be told from a LightGBM Dataset itself, and predictions for data as users have it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import lightgbm
import numpy as np

from autolog.boosting.native import Library


def named(sets: Any, names: Any) -> Iterator[tuple[Any, str]]:
    """The eval sets of a training with the names that LightGBM calls them by."""
    sets = [sets] if isinstance(sets, lightgbm.Dataset) else sets or ()
    names = [names] if isinstance(names, str) else names or ()
    for position, data in enumerate(sets):
        yield data, names[position] if position < len(names) else f"valid_{position}"


def sample(dataset: Any) -> tuple[Any, Any, int] | None:
    """No rows, which a dataset does not give; columns and the number of rows where it is built."""
    try:
        rows, columns = dataset.num_data(), dataset.num_feature()
    except lightgbm.basic.LightGBMError:  # it is built by the training, from a file or in parts
        return None
    return np.empty((0, columns)), None, rows


def predict(booster: Any, rows: Any) -> Any:
    """The booster's predictions for a DataFrame, array or sparse matrix."""
    return booster.predict(rows)


LIBRARY = Library("lightgbm", lightgbm.Dataset, sample, predict)
