"""scikit-learn: every fit becomes a run with its params, scores, figures, datasets and model."""

from __future__ import annotations

from autolog.engine import configure
from autolog.engine.flavor import from_flavor
from autolog.sklearn import estimators, post_training  # noqa: F401  # declare the hooks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flavors.sklearn import load_model, log_model, save_model

__all__ = ["autolog", "load_model", "log_model", "save_model"]


def autolog(
    log_input_examples: bool = False,
    log_model_signatures: bool = True,
    log_models: bool = True,
    log_datasets: bool = True,
    disable: bool = False,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = False,
    silent: bool = False,
    max_tuning_runs: int | None = 5,
    log_post_training_metrics: bool = True,
    serialization_format: str | None = None,
    registered_model_name: str | None = None,
    pos_label: Any = None,
    extra_tags: dict[str, str] | None = None,
) -> None:
    """Record every scikit-learn training from now on: estimators, pipelines and searches.

    A fit inside a run of yours is written to that run; any other fit gets a run of its own.

    Args:
        log_input_examples: keep the first five rows of the training data beside the model.
        log_model_signatures: keep the columns and types that the model takes and gives.
        log_models: keep the fitted model.
        log_datasets: keep name, digest, schema and size of training and evaluation data.
        disable: switch scikit-learn autologging off.
        exclusive: leave the runs that you start yourself alone.
        disable_for_unsupported_versions: record nothing under a version of scikit-learn that
            this release was not tested with.
        silent: show no warnings of autologging.
        max_tuning_runs: candidates of a search that get a run, the best first; None for all.
        log_post_training_metrics: record ``sklearn.metrics`` of what a recorded model predicts,
            and its scores, in that model's run.
        serialization_format: ``"skops"``, ``"cloudpickle"`` or ``"pickle"``; None takes skops
            where it can hold the model, else cloudpickle.
        registered_model_name: register each model under this name.
        pos_label: the class of a binary classifier that precision, recall and F1 are about;
            None averages them over the classes, weighted by their size.
        extra_tags: tags for the runs that autologging opens.
    """
    configure("sklearn", locals())


__getattr__, __dir__ = from_flavor("sklearn", __all__)
