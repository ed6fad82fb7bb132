"""What users and their data do wrong: the training goes as it would, the run says how."""

from __future__ import annotations

import re

import lightgbm as lgb
import numpy as np
import pytest

import autolog
from autolog.engine import guard
from integration_tests.lightgbm.trainings import OLD, PARAMS, QUIET, datasets
from integration_tests.sklearn.sklearn_runs import artifacts, only_run, runs
from integration_tests.xgboost.boosted_data import TARGET, TRAIN, X, Y, curve

pytestmark = pytest.mark.usefixtures("recording")


@pytest.mark.parametrize("error", [ValueError("at seven"), KeyboardInterrupt("by hand")])
def test_an_objective_that_raises(error):
    rounds = []

    def objective(predicted, data):
        if len(rounds) == 7:
            raise error
        rounds.append(1)
        return predicted - data.get_label(), np.ones_like(predicted)

    dtrain, valid = datasets(TARGET)
    params = QUIET | {"metric": "l2"}
    more = {"fobj": objective} if OLD else {}
    if not OLD:
        params["objective"] = objective
    with pytest.raises(type(error), match=str(error)) as caught:
        lgb.train(params, dtrain, 20, valid_sets=[valid], valid_names=["v"], **more)
    assert caught.value is error
    run = only_run()
    assert run.info.status == "FAILED"
    assert str(error) in run.data.tags["autolog.error"]
    assert curve(run, "v-l2")[0] == list(range(7))
    assert "model" not in artifacts(run)


NAMES = ["a/b", "/a", "a//b", "../a", "a@5", "a-b", "with space", "ärger", "a,b", "", "名前"]


@pytest.mark.parametrize("name", [*NAMES, "a" * 300])
def test_names_of_eval_sets(name):
    dtrain, valid = datasets()
    lgb.train(PARAMS | {"metric": "auc"}, dtrain, 2, valid_sets=[valid], valid_names=[name])
    run = only_run()
    (key,) = run.data.metrics
    assert curve(run, key)[0] == [0, 1]
    expected = {"a@5": "a_at_5-auc", "with space": "with space-auc", "a/b": "a/b-auc"}
    assert key == expected.get(name, key)


def test_two_eval_sets_of_one_name():
    dtrain, valid = datasets()
    other = lgb.Dataset(X[TRAIN][:50], Y[TRAIN][:50], reference=dtrain)
    lgb.train(PARAMS, dtrain, 3, valid_sets=[valid, other], valid_names=["same", "same"])
    run = only_run()
    assert curve(run, "same-auc")[0] == curve(run, "same-2-auc")[0] == [0, 1, 2]
    assert curve(run, "same-auc")[1] != curve(run, "same-2-auc")[1]


@pytest.mark.parametrize("sets", [None, []])
def test_without_eval_sets(sets):
    lgb.train(PARAMS, datasets()[0], 3, valid_sets=sets)
    run = only_run()
    assert run.data.metrics == {}
    assert "model" in artifacts(run)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_odd_values(value):
    dtrain, valid = datasets(TARGET)
    lgb.train(
        QUIET | {"metric": "none"}, dtrain, 3, valid_sets=[valid], valid_names=["v"],
        feval=lambda predicted, data: ("odd", value, False),
    )  # fmt: skip
    steps, values = curve(only_run(), "v-odd")
    assert steps == [0, 1, 2]
    assert repr(values) == repr([value] * 3)


def test_a_value_that_is_none(faults):
    dtrain, valid = datasets(TARGET)
    lgb.train(
        QUIET | {"metric": "l2"}, dtrain, 1, valid_sets=[valid], valid_names=["v"],
        feval=lambda predicted, data: ("odd", None, False),
    )  # fmt: skip
    assert set(only_run().data.metrics) == {"v-l2"}
    faults.expect("which is not one number")


def test_two_thousand_metrics():
    dtrain, valid = datasets(TARGET)
    many = [(f"m{i}", float(i), False) for i in range(2000)]
    lgb.train(
        QUIET | {"metric": "none"}, dtrain, 2, valid_sets=[valid], valid_names=["v"],
        feval=lambda predicted, data: many,
    )  # fmt: skip
    metrics = only_run().data.metrics
    assert len(metrics) == 2000
    assert metrics["v-m1999"] == 1999.0


def test_a_model_that_cannot_be_saved(monkeypatch, caplog):
    from flavors import lightgbm

    def refuse(*given):
        raise OSError("disk full")

    monkeypatch.setattr(lightgbm, "_dump", refuse)
    monkeypatch.setattr(guard, "collected", None)  # faults are told, as users are told of them
    for _ in range(2):
        assert lgb.train(PARAMS, datasets()[0], 2).num_trees() == 2
    for run in runs():
        assert run.info.status == "FINISHED"
        assert "model" not in artifacts(run)
    (told,) = caplog.messages
    assert "disk full" in told


def test_wrong_calls_raise_what_lightgbm_raises():
    for call in (
        lambda: lgb.train(),
        lambda: lgb.train(PARAMS),
        lambda: lgb.train(PARAMS, X),
        lambda: lgb.train(PARAMS, datasets()[0], nonsense=1),
        lambda: lgb.train(PARAMS | {"objective": "no such"}, datasets()[0]),
        lambda: lgb.train(PARAMS, datasets()[0], valid_sets=["x"]),
        lambda: lgb.train(PARAMS, datasets()[0], 0),
    ):
        autolog.disable()
        with pytest.raises(Exception) as plain:  # noqa: PT011 (which one is the question)
            call()
        autolog.lightgbm.autolog()
        with pytest.raises(type(plain.value)) as recorded:
            call()
        texts = {re.sub("0x[0-9a-f]+", "", str(one.value)) for one in (plain, recorded)}
        assert len(texts) == 1
