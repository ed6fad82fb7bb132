"""The candidates of a search: a child run each, made from ``cv_results_`` when all is done."""

from __future__ import annotations

from itertools import accumulate
from numbers import Number
from typing import TYPE_CHECKING, Any

from autolog.engine.guard import guarded
from autolog.engine.texts import text, texts
from autolog.sklearn import params, training

if TYPE_CHECKING:
    from core_client.run import ActiveRun

# Columns that are no metrics of a candidate: its params, and single splits.
NO_METRICS = ("param", "split")


def log(search: training.Training, ended: int) -> None:
    """Best score and params, the table of all candidates, and a run for each of the best.

    Args:
        search: the record of the search's fit.
        ended: when the fit returned, in ms since 1970.
    """
    estimator, run = search.estimator, search.run
    results = getattr(estimator, "cv_results_", None)
    best = getattr(estimator, "best_params_", None)
    with guarded("sklearn best candidate"):
        if best is not None:
            run.log_params({f"best_{key}": text(value) for key, value in best.items()})
        run.log_metrics(best_scores(estimator))
    if not results:
        return
    with guarded("sklearn cv_results.csv"):
        # Not list(): iterating changes a masked array, which is the user's.
        table = {k: c.tolist() if hasattr(c, "tolist") else list(c) for k, c in results.items()}
        search.later.append((lambda: run.log_text(as_csv(table), "cv_results.csv"),))
    with guarded("sklearn candidates"):
        _log_candidates(search, results, ended)


def best_scores(search: Any) -> dict[str, float]:
    """``best_cv_score`` and, of several metrics, ``best_cv_<name>`` for each."""
    found = {}
    if hasattr(search, "best_score_"):
        found["best_cv_score"] = float(search.best_score_)
    if getattr(search, "multimetric_", False) and hasattr(search, "best_index_"):
        for key, column in search.cv_results_.items():
            if key.startswith("mean_test_"):
                name = key.removeprefix("mean_test_")
                found[f"best_cv_{name}"] = float(column[search.best_index_])
    return found


def _log_candidates(search: training.Training, results: dict[str, Any], ended: int) -> None:
    estimator, run = search.estimator, search.run
    seed = estimator.estimator
    base = texts(params.values(seed, deep=not params.is_search(seed)))
    tags = training.estimator_tags(seed) | {"mlflow.autologging": "sklearn"}
    columns = {
        key: column
        for key, column in results.items()
        if not key.startswith(NO_METRICS) and isinstance(column[0], Number)
    }
    times = spans(estimator, results, search.started, ended)
    for row in chosen(results, search.options.max_tuning_runs):
        began, done = times[row]
        child: ActiveRun = run.child(tags=tags, start_time=began)
        child.log_params(base | texts(results["params"][row]))
        values = {key: float(column[row]) for key, column in columns.items()}
        child.log_metrics(values, timestamp=done)
        if search.inputs:
            child.log_inputs(search.inputs)
        child.end(end_time=done)


def chosen(results: dict[str, Any], most: int | None) -> list[int]:
    """Rows of the candidates that get a run: the `most` best, or all, in the order of trial."""
    count = len(results["params"])
    if most is None or most >= count:
        return list(range(count))
    ranks = results.get("rank_test_score")
    if ranks is None:  # several metrics: the first one decides
        ranks = next((c for key, c in results.items() if key.startswith("rank_test_")), None)
    if ranks is None:
        return list(range(most))
    return sorted(sorted(range(count), key=lambda row: ranks[row])[:most])


def spans(search: Any, results: dict[str, Any], began: int, ended: int) -> list[tuple[int, int]]:
    """Start and end of each candidate, in ms since 1970.

    One after the other their times add up. Candidates that ran side by side leave no trace of
    when each began: they get the span of the whole search.
    """
    count, splits = len(results["params"]), getattr(search, "n_splits_", 1)
    if getattr(search, "n_jobs", None) not in (None, 1) or "mean_fit_time" not in results:
        return [(began, ended)] * count
    seconds = [
        splits * (float(fit) + float(score))
        for fit, score in zip(results["mean_fit_time"], results["mean_score_time"], strict=True)
    ]
    marks = [began + round(1000 * passed) for passed in accumulate(seconds, initial=0.0)]
    if marks[-1] > ended:
        return [(began, ended)] * count
    return [(marks[row], marks[row + 1]) for row in range(count)]


def as_csv(table: dict[str, list[Any]]) -> str:
    """The table as comma-separated text, a column for each key."""
    import csv
    from io import StringIO

    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table)
    for row in zip(*table.values(), strict=True):
        writer.writerow(["" if cell is None else cell for cell in row])
    return text.getvalue()
