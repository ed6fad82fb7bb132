"""LightGBM's callback that writes each round, and how its results are named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autolog.engine.guard import guarded

if TYPE_CHECKING:
    from autolog.boosting.rounds import Rounds
    from autolog.engine.call import Call

FOLDS = "cv_agg"  # what versions before 4.6 put for the set's name in a cross-validation


class Curve:
    """Writes the metrics of each round.

    Args:
        rounds: where to.
    """

    def __init__(self, rounds: Rounds) -> None:
        self.rounds = rounds
        # LightGBM sorts by it. The first sees the round in which a later one stops the training.
        self.order = float("-inf")
        run = rounds.run
        self._guard = guarded("lightgbm: a round's metrics", lambda: run.name, run.silent)

    def watch(self, call: Call) -> None:
        """Be called in each round of this training."""
        call.replace("callbacks", [self, *(call.arguments["callbacks"] or ())])

    def __call__(self, env: Any) -> None:
        """Write one round."""
        with self._guard:
            if not env.evaluation_result_list:
                return
            names: list[tuple[str, str]] = []
            values: list[float] = []
            for dataset, metric, value, _, *deviation in env.evaluation_result_list:
                if deviation and deviation[0] is not None:
                    if dataset == FOLDS:
                        dataset, metric = _of_cv(metric)
                    names += [(dataset, f"{metric}-mean"), (dataset, f"{metric}-std")]
                    values += [value, deviation[0]]
                else:
                    names.append((dataset, metric))
                    values.append(value)
            self.rounds.log(env.iteration, names, values)


def last_of_cv(result: dict[str, Any]) -> tuple[int, list[tuple[str, str]], list[float]]:
    """How many rounds a cross-validation gives back; names and values of the last of them."""
    curves = {key: values for key, values in result.items() if isinstance(values, list)}
    names = []
    for key in curves:
        dataset, metric = _of_cv(key)
        names.append((dataset, metric.removesuffix("v") if metric.endswith("-stdv") else metric))
    count = len(next(iter(curves.values()), ()))
    return count, names, [values[-1] for values in curves.values()]


def _of_cv(name: str) -> tuple[str, str]:
    """Set and metric: ``valid l2`` or, of old versions, ``l2``."""
    dataset, _, metric = name.partition(" ")
    return (dataset, metric) if dataset in ("train", "valid") and metric else ("valid", name)
