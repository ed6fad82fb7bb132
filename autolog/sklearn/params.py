"""An estimator's parameters, and what they tell about it."""

from __future__ import annotations

from autolog.engine.guard import guarded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from autolog.engine.call import Call

# Code of these distributions leaves the data it is given alone.
TRUSTED = ("sklearn", "xgboost", "lightgbm", "numpy", "scipy", "builtins")

# Transformers that are no model by themselves; other transformers of scikit-learn are.
PREPARING = (
    "sklearn.preprocessing",
    "sklearn.impute",
    "sklearn.feature_extraction",
    "sklearn.feature_selection",
    "sklearn.compose._column_transformer",
)

# What trains on a cluster. To ask such an estimator for predictions is to start work there.
ON_CLUSTERS = ("xgboost.dask", "xgboost.spark", "lightgbm.dask")


def values(estimator: Any, deep: bool = True) -> dict[str, Any]:
    """The parameters as objects; none if the estimator cannot tell them."""
    with guarded("sklearn get_params"):
        return dict(estimator.get_params(deep=deep))
    return {}


def is_search(estimator: Any) -> bool:
    """Whether it tries several candidates and tells in ``cv_results_`` how each did."""
    return any(base.__name__.endswith("SearchCV") for base in type(estimator).__mro__)


def is_pipeline(estimator: Any) -> bool:
    """Whether it is scikit-learn's own pipeline; told without importing it."""
    kind = type(estimator)
    return (kind.__module__, kind.__name__) == ("sklearn.pipeline", "Pipeline")


def is_on_a_cluster(call: Call) -> bool:
    """Whether dask or Spark trains: through a class of its own, or as one of its workers."""
    modules = [call.made_in, *(base.__module__ for base in type(call.instance).__mro__)]
    return any(module.startswith(ON_CLUSTERS) for module in modules)


def only_prepares_data(estimator: Any) -> bool:
    """Whether it is a transformer that is no model by itself."""
    kind = type(estimator)
    if kind.__module__.startswith("sklearn."):
        return kind.__module__.startswith(PREPARING)
    if any(base.__module__.startswith(PREPARING) for base in kind.__mro__):
        return True
    return hasattr(kind, "transform") and not hasattr(kind, "predict")


def may_change_data(params: dict[str, Any], estimator: Any) -> bool:
    """Whether fitting or predicting could write into the data: told to, or foreign code."""
    if not _trusted(type(estimator)):
        return True
    for key, value in params.items():
        if value is False and key.rpartition("__")[2] in ("copy", "copy_X", "copy_x"):
            return True
        if hasattr(value, "get_params"):
            if not _trusted(value if isinstance(value, type) else type(value)):
                return True
        elif callable(value) and not _trusted(value):
            return True
    return False


def draws_at_random(estimator: Any, params: dict[str, Any]) -> bool:
    """Whether predictions may use a random generator, of the user or of the process."""
    parts: Iterable[Any] = [estimator, *(v for v in params.values() if hasattr(v, "get_params"))]
    kinds = [part if isinstance(part, type) else type(part) for part in parts]
    return any(not _trusted(kind) or kind.__module__ == "sklearn.dummy" for kind in kinds)


def generators(params: dict[str, Any]) -> list[Any]:
    """The random generators among the parameters."""
    return [v for v in params.values() if hasattr(v, "bit_generator") or hasattr(v, "set_state")]


def _trusted(definition: Any) -> bool:
    module = getattr(definition, "__module__", None)
    if module is None:  # numpy's ufuncs
        module = type(definition).__module__
    return module.partition(".")[0] in TRUSTED
