"""Hooks of pyspark.ml: fits, predictions of what was fitted, and evaluators of them."""

from __future__ import annotations

from autolog.engine import on

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any

    from autolog.engine.call import Call


@on("pyspark.ml.base", "Estimator.fit", subclasses=True)
def fit(call: Call) -> Generator[None, Any, None]:
    """Record a fit that the user asked for; a search fits its candidates in threads of its own."""
    prepares_data = type(call.instance).__module__.startswith("pyspark.ml.feature")
    if prepares_data or call.is_internal:
        yield
        return
    from autolog.pyspark.ml.training import Training

    training = Training(call)
    training.before()
    model = yield
    training.after(model)


@on("pyspark.ml.base", "Transformer.transform", subclasses=True)
def transform(call: Call) -> Generator[None, Any, None]:
    """Note which recorded model made these predictions, and from what."""
    from autolog.pyspark.ml import evaluation

    predictions = yield
    evaluation.predicted(call, predictions)


@on("pyspark.ml.evaluation", "Evaluator.evaluate", subclasses=True)
def evaluate(call: Call) -> Generator[None, Any, None]:
    """Record what an evaluator found in such predictions."""
    from autolog.pyspark.ml import evaluation

    value = yield
    evaluation.evaluated(call, value)
