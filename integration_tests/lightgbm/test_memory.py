"""However many rounds a training has, nothing of ours piles up meanwhile."""

from __future__ import annotations

import tracemalloc

import lightgbm as lgb
import numpy as np

import autolog
from integration_tests.xgboost.boosted_data import EARLY, LATE, MOST_GROWTH, held_by_us


def test_memory_does_not_grow_with_the_rounds():
    draw = np.random.RandomState(0)
    data = lgb.Dataset(draw.rand(200, 3), label=draw.rand(200))
    params = {"num_leaves": 2, "metric": ["l2", "l1"], "num_threads": 1, "verbose": -1}
    held: list[int] = []

    def watch(env):
        if env.iteration in (EARLY, LATE):
            held.append(held_by_us())

    autolog.lightgbm.autolog(log_models=False)
    tracemalloc.start()
    try:
        lgb.train(params, data, LATE + 10, valid_sets=[data], callbacks=[watch])
    finally:
        tracemalloc.stop()
    early, late = held
    assert late - early < MOST_GROWTH
    (run,) = autolog.search_runs(output_format="list")
    assert len(autolog.Client().get_metric_history(run.info.run_id, "training-l1")) == LATE + 10
