"""fastai: each fit of a Learner becomes a run with its schedule, its curves and the Learner."""

from __future__ import annotations

from autolog.engine import configure
from autolog.engine.flavor import from_flavor
from autolog.fastai import fitting  # noqa: F401  # declare the hooks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flavors.fastai import load_model, log_model, save_model

__all__ = ["autolog", "load_model", "log_model", "save_model"]


def autolog(
    log_models: bool = True,
    disable: bool = False,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = False,
    silent: bool = False,
    registered_model_name: str | None = None,
    extra_tags: dict[str, str] | None = None,
) -> None:
    """Record every `fit`, `fit_one_cycle`, `fit_flat_cos` and `fine_tune` from now on.

    A training inside a run of yours is written to that run; any other one gets a run of its own.
    Of `fine_tune`, all names of the frozen part begin with ``freeze_``. `lr_find` is no training.

    Args:
        log_models: keep the Learner, as `Learner.export` would, without its data.
        disable: switch fastai autologging off.
        exclusive: leave the runs that you start yourself alone.
        disable_for_unsupported_versions: record nothing under a version of fastai that this
            release was not tested with.
        silent: show no warnings of autologging.
        registered_model_name: register each Learner under this name.
        extra_tags: tags for the runs that autologging opens.
    """
    configure("fastai", locals())


__getattr__, __dir__ = from_flavor("fastai", __all__)
