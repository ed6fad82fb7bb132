"""Gluon: each training by an Estimator becomes a run with its params, curves, data and model."""

from __future__ import annotations

from autolog.engine import configure
from autolog.gluon import training  # noqa: F401  # declare the hooks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flavors.gluon import load_model, log_model, save_model

__all__ = ["autolog", "load_model", "log_model", "save_model"]

_OF_THE_FLAVOR = ("load_model", "log_model", "save_model")


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
    """Record every `fit` of a Gluon Estimator from now on.

    A training inside a run of yours is written to that run; any other one gets a run of its own.

    Args:
        log_models: keep the trained network, if it is a ``HybridBlock``.
        log_datasets: keep name, digest, schema and size of training and validation data.
        disable: switch Gluon autologging off.
        exclusive: leave the runs that you start yourself alone.
        disable_for_unsupported_versions: record nothing under a version of MXNet that this
            release was not tested with.
        silent: show no warnings of autologging.
        registered_model_name: register each model under this name.
        extra_tags: tags for the runs that autologging opens.
    """
    configure("gluon", locals())


def __getattr__(name: str) -> Any:
    if name in _OF_THE_FLAVOR:
        from flavors import gluon

        return getattr(gluon, name)
    raise AttributeError(f"module 'autolog.gluon' has no attribute '{name}'")
