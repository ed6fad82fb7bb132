"""What looks on from outside: calls that are told of afterwards, and a module's own hooks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import autolog
from autolog.engine import after, before, while_on
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
