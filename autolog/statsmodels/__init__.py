"""statsmodels: every fit becomes a run with its params, statistics, summary, dataset and model."""

from __future__ import annotations

from autolog.engine import configure
from autolog.engine.flavor import from_flavor
from autolog.statsmodels import fits  # noqa: F401  # declare the hooks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flavors.statsmodels import load_model, log_model, save_model

__all__ = ["autolog", "load_model", "log_model", "save_model"]


def autolog(
    log_models: bool = True,
    log_datasets: bool = True,
    disable: bool = False,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = False,
    silent: bool = False,
    registered_model_name: str | None = None,
    extra_tags: dict[str, str] | None = None,
) -> None:
    """Record every fit of a statsmodels model from now on.

    A fit inside a run of yours is written to that run; any other fit gets a run of its own.
    Fits that statsmodels makes itself, such as those in a test for unit roots, are not recorded.

    Args:
        log_models: keep the results object that fit returned.
        log_datasets: keep name, digest, schema and size of the data.
        disable: switch statsmodels autologging off.
        exclusive: leave the runs that you start yourself alone.
        disable_for_unsupported_versions: record nothing under a version of statsmodels that
            this release was not tested with.
        silent: show no warnings of autologging.
        registered_model_name: register each model under this name.
        extra_tags: tags for the runs that autologging opens.
    """
    configure("statsmodels", locals())


__getattr__, __dir__ = from_flavor("statsmodels", __all__)
