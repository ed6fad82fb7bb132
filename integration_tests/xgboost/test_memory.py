"""However many rounds a training has, nothing of ours piles up meanwhile."""

from __future__ import annotations

import tracemalloc

import numpy as np
import xgboost as xgb

import autolog
from integration_tests.xgboost.boosted_data import EARLY, LATE, MOST_GROWTH, held_by_us


class Watch(xgb.callback.TrainingCallback):
    """Measures at two rounds of one training."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[int] = []

    def after_iteration(self, model, epoch, evals_log):
        if epoch in (EARLY, LATE):
            self.held.append(held_by_us())
        return False


def test_memory_does_not_grow_with_the_rounds():
    draw = np.random.RandomState(0)
    data = xgb.DMatrix(draw.rand(60, 3), label=draw.rand(60))
    params = {"max_depth": 1, "eval_metric": ["rmse", "mae"], "nthread": 1}
    watch = Watch()
    autolog.xgboost.autolog(log_models=False)
    tracemalloc.start()
    try:
        xgb.train(params, data, LATE + 10, [(data, "train")], callbacks=[watch], verbose_eval=False)
    finally:
        tracemalloc.stop()
    early, late = watch.held
    assert late - early < MOST_GROWTH
    (run,) = autolog.search_runs(output_format="list")
    assert len(autolog.Client().get_metric_history(run.info.run_id, "train-mae")) == LATE + 10
