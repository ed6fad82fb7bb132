"""What a training costs the thread it runs in: a line per round, no figure, no query, no copy."""

from __future__ import annotations

import threading

import lightgbm as lgb

import autolog
from integration_tests.reading import artifacts, only_run, runs
from integration_tests.xgboost.boosted_data import (
    X,
    Y,
    at_work,
    curve,
    rounds_on_disk,
)  # fmt: skip

QUIET = {"verbose": -1, "num_threads": 1}


def test_a_round_is_a_line_on_disk_and_all_else_happens_elsewhere():
    autolog.lightgbm.autolog()
    train, seen = lgb.Dataset(X[:200], Y[:200]), []
    valid = lgb.Dataset(X[200:], Y[200:], reference=train)

    def watch(env):
        if not seen:
            threads["database"].clear()
        assert "MainThread" not in threads["database"]
        seen.append(rounds_on_disk())

    with autolog.start_run(), at_work() as threads:
        lgb.train(
            QUIET | {"metric": ["l1", "l2"]}, train, 5, valid_sets=[train, valid],
            callbacks=[watch],
        )  # fmt: skip
        autolog.flush_async_logging()
    assert seen == [1, 2, 3, 4, 5]
    assert threads["figures"] == {"autolog-background"}
    assert "feature_importance_gain.png" in artifacts(only_run())


def test_trainings_in_threads_are_a_run_each():
    autolog.lightgbm.autolog()

    def train(leaves):
        data = lgb.Dataset(X, Y)
        lgb.train(QUIET | {"num_leaves": leaves}, data, 4, valid_sets=[data], valid_names=["d"])

    threads = [threading.Thread(target=train, args=(leaves,)) for leaves in (2, 3, 4, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = runs()
    assert sorted(run.data.params["num_leaves"] for run in found) == ["2", "3", "4", "5"]
    assert all(curve(run, "d-l2")[0] == [0, 1, 2, 3] for run in found)
    assert all("model" in artifacts(run) for run in found)
