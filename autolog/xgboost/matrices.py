"""What can be told from a DMatrix itself, and predictions for data as users have it."""

from __future__ import annotations

from typing import Any

import numpy as np
import xgboost

from autolog.boosting import sources
from autolog.boosting.native import Library


def sample(matrix: Any) -> tuple[Any, Any, int]:
    """Some rows and labels of a matrix; none where it cannot be sliced; the number of all rows."""
    rows = matrix.num_row()
    try:
        part = matrix.slice(list(range(0, rows, max(1, rows // sources.SAMPLE_ROWS))))
    except xgboost.core.XGBoostError:  # its rows are quantiles, or in external memory
        return np.empty((0, matrix.num_col()), np.float32), None, rows
    data = part.get_data().toarray()
    if matrix.feature_names is not None:
        import pandas

        data = pandas.DataFrame(data, columns=matrix.feature_names)
    label = part.get_label()
    return data, label if len(label) else None, rows


def predict(booster: Any, rows: Any) -> Any:
    """The booster's predictions for a DataFrame, array or sparse matrix."""
    names = booster.feature_names
    return booster.predict(xgboost.DMatrix(rows, feature_names=names, enable_categorical=True))


LIBRARY = Library("xgboost", xgboost.DMatrix, sample, predict)
