"""pyspark.ml: every fit becomes a run with its params, searches, metrics, dataset and model."""

from __future__ import annotations

from autolog.engine import configure
from autolog.pyspark.ml import hooks  # noqa: F401  # declare them

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["autolog"]


def autolog(
    log_models: bool = True,
    log_datasets: bool = True,
    disable: bool = False,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = False,
    silent: bool = False,
    log_post_training_metrics: bool = True,
    registered_model_name: str | None = None,
    log_input_examples: bool = False,
    log_model_signatures: bool = True,
    log_model_allowlist: str | None = None,
    extra_tags: dict[str, Any] | None = None,
) -> None:
    """Record every fit of pyspark.ml from now on: estimators, pipelines and searches.

    A fit inside a run of yours is written to that run; any other fit gets a run of its own.
    Estimators of ``pyspark.ml.feature`` are recorded as stages of a pipeline, not alone.

    Args:
        log_models: keep the fitted model; saving it runs small jobs of Spark.
        log_datasets: keep name, digest, columns and source of training and evaluation data.
        disable: switch autologging of pyspark.ml off.
        exclusive: leave the runs that you start yourself alone.
        disable_for_unsupported_versions: record nothing under a version of pyspark that this
            release was not tested with.
        silent: show no warnings of autologging.
        log_post_training_metrics: record what an evaluator finds in the predictions of a recorded
            model, in that model's run.
        registered_model_name: register each model under this name.
        log_input_examples: keep the first five rows of the training data beside the model, which
            takes a job of Spark.
        log_model_signatures: keep the columns and types that the model takes and gives.
        log_model_allowlist: a file with the full names of model classes, one a line, ``*`` for
            any part, ``#`` before a comment: no other models are kept. None: all are.
        extra_tags: tags for the runs that autologging opens.
    """
    configure("pyspark.ml", locals())
