"""What users and their data do wrong: the training goes as it would, the run says how."""

from __future__ import annotations

import re

import numpy as np
import pytest
import xgboost as xgb

import autolog
from autolog.engine import guard
from integration_tests.sklearn.sklearn_runs import artifacts, only_run, runs
from integration_tests.xgboost.boosted_data import TARGET, X, curve
from integration_tests.xgboost.trainings import PARAMS, matrices

pytestmark = pytest.mark.usefixtures("recording")


@pytest.mark.parametrize("error", [ValueError("at seven"), KeyboardInterrupt("by hand")])
def test_an_objective_that_raises(error):
    rounds = []

    def objective(predicted, data):
        if len(rounds) == 7:
            raise error
        rounds.append(1)
        return predicted - data.get_label(), np.ones_like(predicted)

    data = xgb.DMatrix(X, TARGET)
    with pytest.raises(type(error), match=str(error)) as caught:
        xgb.train({}, data, 20, evals=[(data, "d")], obj=objective, verbose_eval=False)
    assert caught.value is error
    run = only_run()
    assert run.info.status == "FAILED"
    assert str(error) in run.data.tags["autolog.error"]
    assert curve(run, "d-rmse")[0] == list(range(7))
    assert "model" not in artifacts(run)


NAMES = ["a/b", "/a", "a//b", "../a", "a@5", "ärger", "a,b", "", "名前", "a" * 300]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_eval_sets(name):
    dtrain, valid = matrices()
    xgb.train({"eval_metric": ["auc"]}, dtrain, 2, evals=[(valid, name)], verbose_eval=False)
    run = only_run()
    (key,) = run.data.metrics
    assert curve(run, key)[0] == [0, 1]
    expected = {"a@5": "a_at_5-auc", "a,b": "a_b-auc", "a/b": "a/b-auc", "ärger": "ärger-auc"}
    assert key == expected.get(name, key)


def test_two_eval_sets_of_one_name():
    dtrain, valid = matrices()
    result = {}
    xgb.train(
        PARAMS, dtrain, 3, evals=[(dtrain, "same"), (valid, "same")], evals_result=result,
        verbose_eval=False,
    )  # fmt: skip
    run = only_run()
    values = result["same"]["auc"]
    assert curve(run, "same-auc")[1] == values[::2]
    assert curve(run, "same-2-auc")[1] == values[1::2]


@pytest.mark.parametrize("evals", [None, [], ()])
def test_without_eval_sets(evals):
    xgb.train(PARAMS, matrices()[0], 3, evals=evals)
    run = only_run()
    assert run.data.metrics == {}
    assert "model" in artifacts(run)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_odd_values(value):
    dtrain, valid = matrices()
    xgb.train(
        {"disable_default_eval_metric": 1}, dtrain, 3, evals=[(valid, "v")],
        custom_metric=lambda predicted, data: ("odd", value), verbose_eval=False,
    )  # fmt: skip
    steps, values = curve(only_run(), "v-odd")
    assert steps == [0, 1, 2]
    assert repr(values) == repr([value] * 3)


def test_two_thousand_metrics():
    dtrain, valid = matrices()
    many = [(f"m{i}", float(i)) for i in range(2000)]
    xgb.train(
        {"disable_default_eval_metric": 1}, dtrain, 2, evals=[(valid, "v")],
        custom_metric=lambda predicted, data: many, verbose_eval=False,
    )  # fmt: skip
    metrics = only_run().data.metrics
    assert len(metrics) == 2000
    assert metrics["v-m1999"] == 1999.0


def test_a_model_that_cannot_be_saved(monkeypatch, caplog):
    def refuse(self, fname):
        raise OSError("disk full")

    monkeypatch.setattr(xgb.Booster, "save_model", refuse)
    monkeypatch.setattr(guard, "collected", None)  # faults are told, as users are told of them
    for _ in range(2):
        assert xgb.train(PARAMS, matrices()[0], 2).num_boosted_rounds() == 2
    for run in runs():
        assert run.info.status == "FINISHED"
        assert "model" not in artifacts(run)
    (told,) = caplog.messages
    assert "disk full" in told


def test_wrong_calls_raise_what_xgboost_raises():
    dtrain, valid = matrices()
    given = {"dtrain": dtrain, "evals": [(valid, "v")]}
    for call in (
        lambda: xgb.train(),
        lambda: xgb.train(PARAMS),
        lambda: xgb.train(PARAMS, X),
        lambda: xgb.train(PARAMS, matrices()[0], nonsense=1),
        lambda: xgb.train({"objective": "no:such"}, matrices()[0]),
        lambda: xgb.train(PARAMS, matrices()[0], evals=[("x", "y")]),
        # A name or a value that XGBoost itself cannot read back.
        lambda: xgb.train(PARAMS, matrices()[0], evals=[(matrices()[1], "with space")]),
        lambda: xgb.train(PARAMS, **given, custom_metric=lambda *_: ("odd", None)),
    ):
        autolog.disable()
        with pytest.raises(Exception) as plain:  # noqa: PT011 (which one is the question)
            call()
        autolog.xgboost.autolog()
        with pytest.raises(type(plain.value)) as recorded:
            call()
        if not isinstance(plain.value, xgb.core.XGBoostError):  # those hold a time
            texts = {re.sub("0x[0-9a-f]+", "", str(one.value)) for one in (plain, recorded)}
            assert len(texts) == 1
