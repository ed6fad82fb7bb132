"""Gluon: trainings by an Estimator, and loops written by hand, become runs."""

from __future__ import annotations

from autolog.engine import configure
from autolog.engine.flavor import from_flavor
from autolog.gluon import training  # noqa: F401  # declare the hooks
from autolog.gluon.loops import record, watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flavors.gluon import load_model, log_model, save_model

__all__ = ["autolog", "load_model", "log_model", "record", "save_model", "watch"]


def autolog(
    log_models: bool = True,
    log_datasets: bool = True,
    disable: bool = False,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = False,
    silent: bool = False,
    registered_model_name: str | None = None,
    extra_tags: dict[str, str] | None = None,
    log_every_n_step: int | None = None,
    log_gradient_norm: bool = False,
) -> None:
    """Record every training with Gluon from now on.

    That is every `fit` of an Estimator, and every loop of your own that calls `backward` and a
    Trainer's `step`. A training inside a run of yours is written to that run; any other one gets
    a run of its own. That of a loop ends when the function returns that makes the steps, and goes
    on if the same Trainer goes on; its loss is the mean of what `backward` was called on since
    the step before. See `watch` and `record` for what a loop can tell beyond.

    Args:
        log_models: keep the network that an Estimator has trained, if it is a ``HybridBlock``.
        log_datasets: keep name, digest, schema and size of an Estimator's training and validation
            data.
        disable: switch Gluon autologging off.
        exclusive: leave the runs that you start yourself alone.
        disable_for_unsupported_versions: record nothing under a version of MXNet that this
            release was not tested with.
        silent: show no warnings of autologging.
        registered_model_name: register each model under this name.
        extra_tags: tags for the runs that autologging opens.
        log_every_n_step: record every n-th step of a loop. By default every step of the first
            hundred, every tenth of the first ten thousand, every hundredth of the first million.
        log_gradient_norm: record the norm of the gradients of a loop.
    """
    configure("gluon", locals())


__getattr__, __dir__ = from_flavor("gluon", __all__)
