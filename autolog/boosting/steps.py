"""Which trainings are steps of a larger one, and are not recorded for themselves."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from autolog.engine.call import Call


def is_step(call: Call) -> bool:
    """Whether a search, pipeline, ensemble or cross-validation makes this call, not the user.

    An estimator of the user's own that trains a booster is no such thing: what the booster tells
    belongs to its run.
    """
    outer = call.outer
    if outer is None or (outer.instance is not None and outer.instance is call.instance):
        return False
    if outer.instance is None:
        return True
    from autolog.sklearn import params

    return any(hasattr(value, "fit") for value in params.values(outer.instance).values())
