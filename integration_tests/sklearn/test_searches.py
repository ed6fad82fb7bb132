"""A search is a run with a child for each candidate."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import loguniform
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    RandomizedSearchCV,
)
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import autolog
from core_client.client import Client
from integration_tests.sklearn.sklearn_runs import DIABETES, IRIS, artifacts, runs


@pytest.fixture(autouse=True)
def recording():
    autolog.sklearn.autolog(max_tuning_runs=None)
    yield
    autolog.sklearn.autolog(disable=True)


def parent_and_children():
    found = runs()
    (parent,) = (run for run in found if "mlflow.parentRunId" not in run.data.tags)
    children = [run for run in found if run is not parent]
    assert {run.data.tags["mlflow.parentRunId"] for run in children} <= {parent.info.run_id}
    return parent, children


def check_children(search, children):
    """Each child holds one row of cv_results_."""
    results = search.cv_results_
    names = [
        key for key in results if not key.startswith(("param", "split"))
        and np.issubdtype(np.asarray(results[key]).dtype, np.number)
    ]  # fmt: skip
    rows = [{key: float(results[key][i]) for key in names} for i in range(len(results["params"]))]
    found = [run.data.metrics for run in children]
    for row in rows:
        assert row in found
    seed = search.estimator
    for run in children:
        assert set(run.data.params) == set(seed.get_params(deep=True))
        assert run.data.tags["estimator_name"] == type(seed).__name__
        assert run.info.status == "FINISHED"
        assert run.info.start_time <= run.info.end_time


def test_a_grid():
    search = GridSearchCV(SVC(), {"C": [0.1, 1, 10], "kernel": ["linear", "rbf"]}, cv=3)
    search.fit(*IRIS)
    parent, children = parent_and_children()
    assert len(children) == 6
    check_children(search, children)
    tried = {(run.data.params["C"], run.data.params["kernel"]) for run in children}
    assert tried == {(str(p["C"]), p["kernel"]) for p in search.cv_results_["params"]}
    assert parent.data.metrics["best_cv_score"] == search.best_score_
    assert parent.data.params["best_C"] == str(search.best_params_["C"])
    assert parent.data.params["cv"] == "3"
    assert "estimator__C" not in parent.data.params
    assert parent.data.metrics["training_score"] == search.score(*IRIS)
    assert {"model", "best_estimator", "cv_results.csv", "estimator.html"} <= artifacts(parent)
    starts = sorted(run.info.start_time for run in children)
    assert parent.info.start_time <= starts[0]
    assert starts[-1] <= parent.info.end_time
    best = autolog.sklearn.load_model(f"runs:/{parent.info.run_id}/best_estimator")
    assert search.best_params_["C"] == best.C


def test_the_table():
    search = GridSearchCV([Ridge()][0], [{"alpha": [1.0, 2.0]}, {"fit_intercept": [False]}], cv=2)
    search.fit(*DIABETES)
    parent, _ = parent_and_children()
    text = Client().download_artifacts(parent.info.run_id, "cv_results.csv")
    rows = list(csv.DictReader(io.StringIO(Path(text).read_text())))
    assert list(rows[0]) == list(search.cv_results_)
    assert [row["param_alpha"] for row in rows] == ["1.0", "2.0", ""]
    assert [float(row["mean_test_score"]) for row in rows] == list(
        search.cv_results_["mean_test_score"]
    )


def test_only_the_best_few():
    autolog.sklearn.autolog(max_tuning_runs=2)
    search = RandomizedSearchCV(Ridge(), {"alpha": loguniform(1e-2, 1e2)}, n_iter=6, cv=2)
    search.fit(*DIABETES)
    _, children = parent_and_children()
    ranks = sorted(run.data.metrics["rank_test_score"] for run in children)
    assert ranks == [1, 2]


def test_several_scores():
    search = GridSearchCV(
        LogisticRegression(), {"C": [0.1, 1]}, cv=2, scoring=["accuracy", "f1_macro"],
        refit="accuracy",
    ).fit(*IRIS)  # fmt: skip
    parent, children = parent_and_children()
    check_children(search, children)
    best = search.best_index_
    assert parent.data.metrics["best_cv_score"] == search.best_score_
    for name in ("accuracy", "f1_macro"):
        value = search.cv_results_[f"mean_test_{name}"][best]
        assert parent.data.metrics[f"best_cv_{name}"] == value


def test_several_scores_without_refit():
    search = GridSearchCV(
        LogisticRegression(), {"C": [0.1, 1]}, cv=2, scoring=["accuracy", "f1_macro"], refit=False
    ).fit(*IRIS)
    parent, children = parent_and_children()
    check_children(search, children)
    assert "cv_results.csv" in artifacts(parent)


@pytest.mark.parametrize("kind", [HalvingGridSearchCV, HalvingRandomSearchCV])
def test_halving(kind):
    search = kind(LogisticRegression(), {"C": [0.01, 0.1, 1, 10]}, cv=2, random_state=0)
    search.fit(*IRIS)
    _, children = parent_and_children()
    assert len(children) == len(search.cv_results_["params"])
    check_children(search, children)
    assert {run.data.metrics["n_resources"] for run in children} == set(
        map(float, search.n_resources_)
    )


def test_a_search_of_the_user():
    class Two(BaseSearchCV):
        def __init__(self, estimator, cv=None):
            super().__init__(estimator, cv=cv)

        def _run_search(self, evaluate_candidates):
            evaluate_candidates([{"alpha": 1.0}, {"alpha": 2.0}])

    Two(Ridge(), cv=2).fit(*DIABETES)
    _, children = parent_and_children()
    assert sorted(run.data.params["alpha"] for run in children) == ["1.0", "2.0"]


def test_a_pipeline_and_worker_processes():
    steps = make_pipeline(StandardScaler(), LogisticRegression())
    GridSearchCV(steps, {"logisticregression__C": [0.1, 1]}, cv=2, n_jobs=2).fit(*IRIS)
    parent, children = parent_and_children()
    assert {run.data.params["logisticregression__C"] for run in children} == {"0.1", "1"}
    for run in children:  # side by side: when each began is not known
        assert run.info.start_time >= parent.info.start_time
