"""A training on a DMatrix: the data in it, and the booster as a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autolog.boosting import sources
from autolog.engine.guard import guarded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from autolog.engine.call import Call
    from autolog.engine.recorder import Recorder


class Native:
    """The record of data and model of one call of `train` or `cv`.

    Args:
        call: the call.
        run: where it is recorded.
        matrix: the training data.
    """

    def __init__(self, call: Call, run: Recorder, matrix: Any) -> None:
        self.call, self.run, self.matrix = call, run, matrix
        self.name = sources.variable(matrix, call.caller, "dataset")

    def log_datasets(self, evals: Iterable[tuple[Any, str]]) -> None:
        """The training data and each eval set."""
        if not self.call.options.log_datasets:
            return
        import xgboost

        sets = [(self.matrix, self.name, "train"), *((data, name, "eval") for data, name in evals)]
        for matrix, name, context in sets:
            if not isinstance(matrix, xgboost.DMatrix):
                continue  # XGBoost will say so
            with self._part(f"dataset '{name}'"):
                self.run.log_inputs([_described(matrix, name, context)])

    def log_model(self, booster: Any) -> None:
        """The booster, and from now on the metrics of what it predicts."""
        options = self.call.options
        if options.log_models:
            example, signature = None, None
            with self._part("signature"):
                example = sources.head(self.matrix)
                if example is None:
                    example = _sample(self.matrix)[0][:5]
                if options.log_model_signatures:
                    signature = _signature(booster, example)
            self.run.log_model(
                booster,
                flavor="xgboost",
                signature=signature,
                input_example=example if options.log_input_examples else None,
                model_format=options.model_format,
            )
            self.run.explain_no_registry(options.registered_model_name)
        sources.register(booster, self.run, "Booster", self.matrix, self.name)

    def _part(self, what: str) -> guarded:
        return guarded(f"xgboost: {what}", lambda: self.run.name, self.run.silent)


def _described(matrix: Any, name: str, context: str) -> Any:
    from flavors.dataset import describe

    given = sources.given(matrix)
    if given is not None:
        return describe(*given, name=name, context=context)
    data, label = _sample(matrix)
    return describe(data, label, name=name, context=context, rows=matrix.num_row())


def _sample(matrix: Any) -> tuple[Any, Any]:
    """Some rows and labels out of the matrix itself; none of one that cannot be sliced."""
    import numpy as np
    import xgboost

    rows = matrix.num_row()
    try:
        part = matrix.slice(list(range(0, rows, max(1, rows // sources.SAMPLE_ROWS))))
    except xgboost.core.XGBoostError:  # its rows are quantiles, or in external memory
        return np.empty((0, matrix.num_col()), np.float32), None
    data = part.get_data().toarray()
    if matrix.feature_names is not None:
        import pandas

        data = pandas.DataFrame(data, columns=matrix.feature_names)
    label = part.get_label()
    return data, label if len(label) else None


def _signature(booster: Any, example: Any) -> Any:
    import xgboost

    from flavors.signature import infer_signature

    names = booster.feature_names
    rows = xgboost.DMatrix(example, feature_names=names, enable_categorical=True)
    return infer_signature(example, booster.predict(rows))
