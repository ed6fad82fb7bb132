"""Spark: where the data of a run was read from, of every format, with no JAR; and its models."""

from __future__ import annotations

from autolog.engine import configure
from autolog.engine.flavor import from_flavor
from autolog.spark import hooks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flavors.spark import load_model, log_model, save_model

__all__ = ["autolog", "load_model", "log_model", "save_model"]


def autolog(disable: bool = False, silent: bool = False) -> None:
    """Record where Spark reads data from: path, version and format, in every active run.

    What was read while no run was active is recorded in the runs that begin later. A session
    that is there already is watched from now on, and so is every later one.

    Args:
        disable: switch it off.
        silent: show no warnings of autologging.
    """
    was_on = hooks.options() is not None
    configure("spark", locals())
    if hooks.options() is not None:
        hooks.begin(anew=not was_on)


__getattr__, __dir__ = from_flavor("spark", __all__)
