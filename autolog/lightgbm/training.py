"""Hooks of LightGBM: trainings, cross-validations, and what leads from data to predictions."""

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
    "params", "train_set", "valid_sets", "valid_names", "fobj", "feval", "init_model",
    "learning_rates", "evals_result", "callbacks", "folds", "fpreproc",
)  # fmt: skip
IMPORTANCES = ("split", "gain")
EARLY_STOPPING = (
    "early_stopping_round", "early_stopping_rounds", "early_stopping", "n_iter_no_change",
)  # fmt: skip
ORDER_OF_EARLY_STOPPING = 30  # by which LightGBM sorts its own callbacks


@on("lightgbm.sklearn", "LGBMModel.fit", subclasses=True)
def fit(call: Call) -> Generator[None, Any, None]:
    """Record the datasets and the model of a wrapper; the rest is told by the `train` in it."""
    if is_step(call):
        yield
        return
    from autolog.boosting.wrappers import Fit

    fit = Fit(call, "lightgbm", "valid_")
    fit.before()
    yield
    fit.after()


@on("lightgbm.engine", "train", also=("lightgbm", "lightgbm.sklearn"), part_of=fit)
def train(call: Call) -> Generator[None, Any, None]:
    """Record one training, the user's own or a wrapper's."""
    wrapper = call.whole
    if is_step(wrapper or call):
        yield
        return
    from autolog.boosting.native import Native
    from autolog.boosting.rounds import Rounds
    from autolog.lightgbm.curve import Curve
    from autolog.lightgbm.datasets import LIBRARY, named

    given = call.arguments
    run = call.scope("Booster" if wrapper is None else type(wrapper.instance).__name__)
    native = None
    if wrapper is None:
        native = Native(LIBRARY, call, run, given["train_set"])
        native.log_datasets(named(given["valid_sets"], given["valid_names"]))
    run.log_params(_params(given))
    rounds = Rounds(run)
    Curve(rounds).watch(call)
    booster: Any = yield
    if booster.best_iteration > 0 and rounds.next_step:
        scores = [(d, m, v) for d, found in booster.best_score.items() for m, v in found.items()]
        names, values = [(d, m) for d, m, _ in scores], [v for _, _, v in scores]
        rounds.log_stop(rounds.next_step, booster.best_iteration, names, values)
    _log_importance(run, booster)
    if native is not None:
        native.log_built_datasets()
        native.log_model(booster)


@on("lightgbm.engine", "cv", also=("lightgbm",))
def cv(call: Call) -> Generator[None, Any, None]:
    """Record one cross-validation: mean and standard deviation of each metric, round by round."""
    if is_step(call):
        yield
        return
    from autolog.boosting.native import Native
    from autolog.boosting.rounds import Rounds
    from autolog.lightgbm.curve import Curve, last_of_cv
    from autolog.lightgbm.datasets import LIBRARY

    given = call.arguments
    run = call.scope("cv")
    native = Native(LIBRARY, call, run, given["train_set"])
    native.log_datasets(())
    run.log_params(_params(given))
    rounds = Rounds(run)
    Curve(rounds).watch(call)
    result: Any = yield
    native.log_built_datasets()
    if rounds.next_step and _stops_early(given):
        best, names, values = last_of_cv(result)  # what follows the best round is cut off
        rounds.log_stop(rounds.next_step, best, names, values)


@on("lightgbm.basic", "Dataset.__init__")
def dataset(call: Call) -> Generator[None, Any, None]:
    """Note which data of the user a dataset is made from: it frees it."""
    from autolog.boosting import sources

    yield
    sources.remember(call.instance, call.arguments.get("data"), call.arguments.get("label"))


@on("lightgbm.basic", "Booster.predict")
def predict(call: Call) -> Generator[None, Any, None]:
    """Note which booster, fed with what, made these predictions, for the metrics of them."""
    from autolog.boosting import sources

    predictions = yield
    sources.note_predictions(call, predictions, call.arguments["data"])


def _params(given: Mapping[str, Any]) -> dict[str, str]:
    """Params of the booster, and the call's own arguments."""
    from autolog.engine.texts import readable

    own = {key: value for key, value in given.items() if key not in NO_PARAMS}
    return readable(own | dict(given["params"] or {}))


def _stops_early(given: Mapping[str, Any]) -> bool:
    asked = [(given["params"] or {}).get(name) for name in EARLY_STOPPING]
    asked.append(given.get("early_stopping_rounds"))  # an argument of old versions
    orders = [getattr(one, "order", None) for one in given["callbacks"] or ()]
    return any(asked) or ORDER_OF_EARLY_STOPPING in orders


def _log_importance(run: Recorder, booster: Any) -> None:
    from autolog.boosting import importance
    from autolog.engine.guard import guarded

    for kind in IMPORTANCES:
        with guarded(f"lightgbm: feature importance '{kind}'", lambda: run.name, run.silent):
            values = booster.feature_importance(importance_type=kind).tolist()
            importance.log(run, kind, dict(zip(booster.feature_name(), values, strict=True)))
