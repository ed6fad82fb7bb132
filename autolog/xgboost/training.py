"""Hooks of XGBoost: trainings, cross-validations, and what leads from data to predictions."""

from __future__ import annotations

from autolog.boosting.steps import is_step
from autolog.engine import on

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from typing import Any

    from autolog.engine.call import Call
    from autolog.engine.recorder import Recorder

# Arguments of `train` and `cv` that are no params: data, functions, and what has its own place.
NO_PARAMS = (
    "params", "dtrain", "evals", "obj", "feval", "evals_result", "xgb_model", "callbacks",
    "folds", "fpreproc",
)  # fmt: skip


@on("xgboost.sklearn", "XGBModel.fit", subclasses=True)
def fit(call: Call) -> Generator[None, Any, None]:
    """Record the datasets and the model of a wrapper; the rest is told by the `train` in it."""
    if is_step(call):
        yield
        return
    from autolog.boosting.wrappers import Fit

    fit = Fit(call, "xgboost", "validation_")
    fit.before()
    yield
    fit.after(model_format=call.options.model_format)


@on("xgboost.training", "train", also=("xgboost", "xgboost.sklearn"), part_of=fit)
def train(call: Call) -> Generator[None, Any, None]:
    """Record one training, the user's own or a wrapper's."""
    wrapper = call.whole
    if is_step(wrapper or call):
        yield
        return
    from autolog.boosting.native import Native
    from autolog.boosting.rounds import Rounds
    from autolog.xgboost.curve import Curve
    from autolog.xgboost.matrices import LIBRARY

    given = call.arguments
    run = call.scope("Booster" if wrapper is None else type(wrapper.instance).__name__)
    native = Native(LIBRARY, call, run, given["dtrain"]) if wrapper is None else None
    run.log_params(_params(given))
    if native is not None:
        native.log_datasets(given["evals"] or ())
    curve = Curve(Rounds(run), goes_on=given["xgb_model"] is not None)
    curve.watch(call)
    booster: Any = yield
    if _stops_early(given):
        curve.log_stop(booster.best_iteration - curve.first)
    _log_importance(run, booster, call.options.importance_types or ("weight",))
    if native is not None:
        native.log_model(booster, model_format=call.options.model_format)


@on("xgboost.training", "cv", also=("xgboost",))
def cv(call: Call) -> Generator[None, Any, None]:
    """Record one cross-validation: mean and standard deviation of each metric, round by round."""
    if is_step(call):
        yield
        return
    from autolog.boosting.native import Native
    from autolog.boosting.rounds import Rounds
    from autolog.xgboost.curve import Curve
    from autolog.xgboost.matrices import LIBRARY

    given = call.arguments
    run = call.scope("cv")
    run.log_params(_params(given))
    Native(LIBRARY, call, run, given["dtrain"]).log_datasets(())
    curve = Curve(Rounds(run))
    curve.watch(call)
    result: Any = yield
    if _stops_early(given):
        columns = result if isinstance(result, dict) else result.to_dict("list")
        curve.log_stop(len(next(iter(columns.values()))) - 1)  # what follows the best is cut off


@on("xgboost.core", "DMatrix.__init__", subclasses=True)
def matrix(call: Call) -> Generator[None, Any, None]:
    """Note which data of the user a matrix is made from: it does not give them back."""
    from autolog.boosting import sources

    yield
    sources.remember(call.instance, call.arguments.get("data"), call.arguments.get("label"))


@on("xgboost.core", "Booster.predict")
@on("xgboost.core", "Booster.inplace_predict")
def predict(call: Call) -> Generator[None, Any, None]:
    """Note which booster, fed with what, made these predictions, for the metrics of them."""
    from autolog.boosting import sources

    predictions = yield
    sources.note_predictions(call, predictions, call.arguments["data"])


def _params(given: Mapping[str, Any]) -> dict[str, str]:
    """Params of the booster, and the call's own arguments."""
    from autolog.engine.texts import readable

    pairs = given["params"] or {}
    booster: dict[str, Any] = {}
    for key, value in pairs.items() if hasattr(pairs, "items") else pairs:
        # In a list of pairs, `eval_metric` may come several times.
        booster[key] = [*_listed(booster[key]), value] if key in booster else value
    return readable({k: v for k, v in given.items() if k not in NO_PARAMS} | booster)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _stops_early(given: Mapping[str, Any]) -> bool:
    from xgboost.callback import EarlyStopping

    asked = bool(given["early_stopping_rounds"])
    return asked or any(isinstance(one, EarlyStopping) for one in given["callbacks"] or ())


def _log_importance(run: Recorder, booster: Any, kinds: Any) -> None:
    from autolog.boosting import importance
    from autolog.engine.guard import guarded

    if _would_crash(booster):
        return
    for kind in kinds:
        with guarded(f"xgboost: feature importance '{kind}'", lambda: run.name, run.silent):
            importance.log(run, kind, booster.get_score(importance_type=kind))


def _would_crash(booster: Any) -> bool:
    """XGBoost 2 ends the process when asked for the importances of trees with several targets."""
    import xgboost

    return xgboost.__version__.startswith("2.") and "multi_output_tree" in booster.save_config()
