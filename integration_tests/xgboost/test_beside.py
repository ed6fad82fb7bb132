"""What a training costs the thread it runs in: a line per round, no figure, no query, no copy."""

from __future__ import annotations

import threading

import xgboost as xgb

import autolog
from integration_tests.reading import artifacts, only_run, runs
from integration_tests.xgboost.boosted_data import (
    X,
    Y,
    at_work,
    curve,
    rounds_on_disk,
)  # fmt: skip


class Watch(xgb.callback.TrainingCallback):
    """Sees after each round what is on disk by then, and who has asked the database."""

    def __init__(self, threads: dict[str, set[str]]) -> None:
        super().__init__()
        self.threads = threads
        self.seen: list[int] = []

    def before_training(self, model):
        self.threads["database"].clear()
        return model

    def after_iteration(self, model, epoch, evals_log):
        self.seen.append(rounds_on_disk())
        assert "MainThread" not in self.threads["database"]
        return False


def test_a_round_is_a_line_on_disk_and_all_else_happens_elsewhere():
    autolog.xgboost.autolog()
    data = xgb.DMatrix(X, Y)
    with autolog.start_run(), at_work() as threads:
        watch = Watch(threads)
        xgb.train(
            {"eval_metric": ["rmse", "mae"]}, data, 5, evals=[(data, "a"), (data, "b")],
            callbacks=[watch], verbose_eval=False,
        )  # fmt: skip
        autolog.flush_async_logging()
    first = watch.seen[0]  # old versions of XGBoost call callbacks in any order
    assert watch.seen == list(range(first, first + 5))
    assert rounds_on_disk() == 5
    assert threads["figures"] == {"autolog-background"}
    assert "feature_importance_weight.png" in artifacts(only_run())


def test_trainings_in_threads_are_a_run_each():
    autolog.xgboost.autolog()

    def train(depth):
        data = xgb.DMatrix(X, Y)
        params = {"max_depth": depth, "nthread": 1}
        xgb.train(params, data, 4, evals=[(data, "d")], verbose_eval=False)

    threads = [threading.Thread(target=train, args=(depth,)) for depth in (1, 2, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = runs()
    assert sorted(run.data.params["max_depth"] for run in found) == ["1", "2", "3", "4"]
    assert all(curve(run, "d-rmse")[0] == [0, 1, 2, 3] for run in found)
    assert all("model" in artifacts(run) for run in found)
