"""Which trainings are steps of a larger one, and are not recorded for themselves."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

    from autolog.engine.call import Call

FOLDS = "sklearn.model_selection._validation"  # fits estimators to parts of the data


def is_step(call: Call) -> bool:
    """Whether a search, pipeline, ensemble, cross-validation or cluster makes this call.

    An estimator of the user's own that trains a booster is no such thing: what the booster tells
    belongs to its run.
    """
    from autolog.sklearn import params

    if params.is_on_a_cluster(call):
        return True
    outer = call.outer
    if outer is None:
        return _is_of_a_fold()
    if outer.instance is not None and outer.instance is call.instance:
        return False
    if outer.instance is None:
        return True
    return any(hasattr(value, "fit") for value in params.values(outer.instance).values())


def _is_of_a_fold() -> bool:
    """Whether scikit-learn cross-validates around us, though nobody records scikit-learn."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_globals.get("__name__") == FOLDS:
            return True
        frame = frame.f_back
    return False
