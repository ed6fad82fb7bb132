"""Hooks of training: fit and its kin of every estimator, and functions that fit many."""

from __future__ import annotations

from autolog.engine import on

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any

    from autolog.engine.call import Call


@on("sklearn.base", "BaseEstimator.fit", subclasses=True)
@on("sklearn.base", "BaseEstimator.fit_transform", subclasses=True)
@on("sklearn.base", "BaseEstimator.fit_predict", subclasses=True)
def fit(call: Call) -> Generator[None, Any, None]:
    """Record one training."""
    from autolog.sklearn import params

    if params.only_prepares_data(call.instance) or params.is_on_a_cluster(call):
        yield
        return
    from autolog.sklearn import batches
    from autolog.sklearn.training import Training

    batches.forget(call.instance)
    training = Training(call)
    training.before()
    result = yield
    training.after(result)


@on("sklearn.base", "BaseEstimator.partial_fit", subclasses=True)
def partial_fit(call: Call) -> Generator[None, Any, None]:
    """Record one more batch of an estimator's training."""
    from autolog.sklearn import params

    if params.only_prepares_data(call.instance) or params.is_on_a_cluster(call):
        yield
        return
    from autolog.sklearn import batches

    training = batches.begin(call)
    yield
    batches.end(training)


@on("sklearn.model_selection", "cross_val_score")
@on("sklearn.model_selection", "cross_validate")
def folds(call: Call) -> Generator[None, Any, None]:
    """Record the folds' scores in the user's run; without one, record nothing."""
    from core_client import context

    result = yield
    if context.active_run() is not None:
        from autolog.sklearn.folds import log

        log(call, result)


@on("sklearn.model_selection", "cross_val_predict")
@on("sklearn.model_selection", "learning_curve")
@on("sklearn.model_selection", "permutation_test_score")
@on("sklearn.model_selection", "validation_curve")
def many_fits(call: Call) -> Generator[None, Any, None]:
    """Open no run for any of the fits in here."""
    yield
