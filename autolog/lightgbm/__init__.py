"""LightGBM: each training becomes a run with its params, curves, importances, data and model."""

from __future__ import annotations

from autolog.engine import configure
from autolog.engine.flavor import from_flavor
from autolog.lightgbm import training  # noqa: F401  # declare the hooks
from autolog.sklearn import post_training  # noqa: F401  # declare the hooks that it lends

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flavors.lightgbm import load_model, log_model, save_model

__all__ = ["autolog", "load_model", "log_model", "save_model"]

# As `autolog.status()` says. LightGBM itself has nothing for Spark; SynapseML has.
LEFT_ALONE = "lightgbm.dask is left alone; LightGBM on Spark is recorded by pyspark.ml"


def autolog(
    log_input_examples: bool = False,
    log_model_signatures: bool = True,
    log_models: bool = True,
    log_datasets: bool = True,
    disable: bool = False,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = False,
    silent: bool = False,
    registered_model_name: str | None = None,
    extra_tags: dict[str, str] | None = None,
) -> None:
    """Record every training with LightGBM from now on: `train`, `cv` and the wrappers.

    A training inside a run of yours is written to that run; any other one gets a run of its own.

    Args:
        log_input_examples: keep the first five rows of the training data beside the model.
        log_model_signatures: keep the columns and types that the model takes and gives.
        log_models: keep the trained model.
        log_datasets: keep name, digest, schema and size of training and evaluation data.
        disable: switch LightGBM autologging off.
        exclusive: leave the runs that you start yourself alone.
        disable_for_unsupported_versions: record nothing under a version of LightGBM that this
            release was not tested with.
        silent: show no warnings of autologging.
        registered_model_name: register each model under this name.
        extra_tags: tags for the runs that autologging opens.
    """
    configure("lightgbm", locals())


__getattr__, __dir__ = from_flavor("lightgbm", __all__)
