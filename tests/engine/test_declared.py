"""What looks on from outside: calls that are told of afterwards, and a module's own hooks."""

from __future__ import annotations

import copy
import functools
import inspect
import pickle
from collections.abc import Iterator
from typing import Any

import pytest
import wrapt

import autolog
from autolog.engine import after, before, hook, options, while_on
from tests.conftest import Faults
from tests.engine.conftest import Toy
from tests.engine.conftest import __name__ as toys


def test_a_call_is_told_of_when_it_has_returned(toy: Toy) -> None:
    told: list[Any] = []

    def fit(result: Any, model: Any, X: Any, y: Any = None, **more: Any) -> None:
        told.append((result is model, X, y, more))

    fit.__module__ = toys
    after("toylib.base", "Base.fit")(fit)
    toy.autolog()
    base = toy.load("toylib.base")
    base.Base().fit(1, 2, weight=3)
    with pytest.raises(ValueError, match="mine"):
        base.Base().fit(1, fail=ValueError("mine"))
    assert told == [(True, 1, 2, {"weight": 3})]
    toy.autolog(disable=True)
    base.Base().fit(1)
    assert len(told) == 1
    assert type(base.Base.fit).__name__ == "function"
    assert autolog.search_runs(output_format="list") == []


def test_a_call_is_told_of_before_it_is_made(toy: Toy, faults: Faults) -> None:
    told: list[Any] = []

    def fit(model: Any, X: Any, **more: Any) -> None:
        told.append((X, more))
        raise KeyError("ours")

    def train(*given: Any, **named: Any) -> None:
        told.append((given, named))

    fit.__module__ = train.__module__ = toys
    before("toylib.base", "Base.fit")(fit)
    before("toylib.training", "train")(train)
    toy.autolog()
    base = toy.load("toylib.base")
    with pytest.raises(ValueError, match="mine"):
        base.Base().fit(1, fail=ValueError("mine"))
    (X, named), *_ = told
    assert (X, str(named["fail"])) == (1, "mine")
    faults.expect("before fit: KeyError('ours')")
    toy.load("toylib.training").train({}, 3)
    assert told[1] == (({}, 3), {})
    toy.autolog(disable=True)
    base.Base().fit(1)
    assert len(told) == 2


def test_a_fault_of_who_is_told_stays_ours(toy: Toy, faults: Faults) -> None:
    def train(*_: Any, **__: Any) -> None:
        raise KeyError("ours")

    train.__module__ = toys
    after("toylib.training", "train")(train)
    toy.autolog()
    assert toy.load("toylib.training").train({})["rounds"] == 2
    faults.expect("after train: KeyError('ours')")


@pytest.mark.parametrize("plain", [True, False])
def test_who_looks_on_may_have_no_use_for_a_call(toy: Toy, faults: Faults, plain: bool) -> None:
    told: list[Any] = []
    answers: list[Any] = [True, False, KeyError("ours"), True]

    def wanted() -> bool:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return bool(answer)

    def train(result: Any, *_: Any, **__: Any) -> None:
        told.append(result["rounds"])

    train.__module__ = toys
    after("toylib.training", "train", when=wanted)(train)
    training = toy.load("toylib.training")
    if not plain:
        training.train = wrapt.FunctionWrapper(training.train, lambda f, _, a, k: f(*a, **k))
    toy.autolog()
    for rounds in (1, 2, 3, 4):
        assert training.train({}, rounds)["rounds"] == rounds
    assert told == [1, 4]
    faults.expect("after train: KeyError('ours')")


@pytest.mark.parametrize("loaded_before", [False, True])
def test_a_modules_own_hooks_are_used_while_the_framework_is_on(
    toy: Toy, loaded_before: bool
) -> None:
    toy.write("toylib.hooked", "callbacks = []")

    def callbacks(module: Any) -> Iterator[None]:
        module.callbacks.append("ours")
        yield
        module.callbacks.remove("ours")

    callbacks.__module__ = toys
    while_on("toylib.hooked")(callbacks)
    if loaded_before:
        toy.load("toylib.hooked")
    for _ in range(2):
        toy.autolog()
        assert toy.load("toylib.hooked").callbacks == ["ours"]
    toy.autolog(disable=True)
    assert toy.load("toylib.hooked").callbacks == []
    toy.autolog()
    assert toy.load("toylib.hooked").callbacks == ["ours"]


@pytest.fixture
def told(toy: Toy) -> list[Any]:
    """Results of `train` and `Other.fit`, which are looked on."""
    results: list[Any] = []

    def look(result: Any, *_: Any, **__: Any) -> None:
        results.append(result)

    look.__module__ = toys
    after("toylib.training", "train")(look)
    after("toylib.base", "Other.fit")(look)
    return results


def test_what_is_looked_on_looks_as_before(toy: Toy, told: list[Any]) -> None:
    def look() -> list[Any]:
        base, training = toy.load("toylib.base"), toy.load("toylib.training")
        return [
            (inspect.signature(one), inspect.getsource(one), one.__qualname__, one.__module__)
            for one in (training.train, base.Other.fit, base.Other().fit)
        ]

    plain = look()
    toy.autolog()
    base, training = toy.load("toylib.base"), toy.load("toylib.training")
    assert look() == plain
    assert pickle.loads(pickle.dumps(training.train)) is training.train
    assert pickle.loads(pickle.dumps(base.Other().fit))(3) == ("other", 3)
    assert copy.deepcopy(base.Other.fit) is base.Other.fit
    assert toy.load("toylib").train is training.train
    assert told == [("other", 3)]


def test_a_wrapper_above_what_is_looked_on_is_not_taken_for_ours(toy: Toy, told: list[Any]) -> None:
    base = toy.load("toylib.base")
    raw = base.Other.fit
    toy.autolog()
    ours = base.Other.fit
    theirs = base.Other.fit = functools.wraps(ours)(lambda self, X: ours(self, X))
    base.Other().fit(1)
    toy.autolog(disable=True)
    base.Other().fit(2)
    toy.autolog()
    base.Other().fit(3)
    assert base.Other.fit is theirs
    assert [X for _, X in told] == [1, 3]
    base.Other.fit = ours  # they undo theirs
    toy.autolog(disable=True)
    assert base.Other.fit is raw


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_function_may_be_recorded_and_looked_on(
    toy: Toy, told: list[Any], order: tuple[int, int]
) -> None:
    given: list[Any] = []

    def recorded(call: Any) -> Iterator[None]:
        given.append(call.arguments["params"])
        yield

    toy.on("train", "toylib.training")(recorded)
    training = toy.load("toylib.training")
    raw = training.train
    hooks = [one for one in options._declared if one.path == "train"]
    toy.autolog()
    training.train({"a": 1})
    assert (given, told) == ([{"a": 1}], [{"params": {"a": 1}, "rounds": 2}])
    for position in order:
        hook.remove([hooks[position]])
        training.train({})
    assert training.train is raw
