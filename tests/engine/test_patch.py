"""What a patch covers, what it leaves visible, and that nothing of it stays."""

from __future__ import annotations

import copy
import functools
import inspect
import pickle
import subprocess
import sys
import types
from collections.abc import Iterator
from typing import Any

import cloudpickle
import pytest

import autolog
from autolog.engine import configure, on
from tests.engine.conftest import Toy


@pytest.fixture
def seen(toy: Toy) -> list[Any]:
    """Class, function and arguments of each recorded call; every method and function is hooked."""
    calls: list[Any] = []

    @toy.on("Base.fit", subclasses=True)
    @toy.on("Base.fit_more", subclasses=True)
    @toy.on("Other.fit")
    @toy.on("Other.build")
    @toy.on("Other.measure")
    @toy.on("train", "toylib", also=("toylib.training", "toylib.user"))
    def any_call(call: Any) -> Iterator[None]:
        kind = type(call.instance) if call.instance is not None else None
        calls.append((kind and kind.__name__, call.function))
        yield

    return calls


def snapshot(base: types.ModuleType) -> dict[tuple[str, str], Any]:
    """Everything in the namespaces of a module and of its classes."""
    spaces = {"": base, **{k: v for k, v in vars(base).items() if isinstance(v, type)}}
    return {
        (space, name): value
        for space, owner in spaces.items()
        for name, value in vars(owner).items()
        if not name.startswith("__") or name == "__init_subclass__"
    }


def test_disable_restores_the_raw_descriptors(toy: Toy, seen: list[Any]) -> None:
    base, training, toylib = map(toy.load, ("toylib.base", "toylib.training", "toylib"))
    before = snapshot(base), snapshot(training), toylib.train
    for _ in range(3):
        toy.autolog()
        toy.autolog()
        assert snapshot(base) != before[0]
        assert toylib.train is training.train is not before[2]
        base.Heir().fit(1)
        toylib.train({})
        autolog.disable()
        assert snapshot(base) == before[0]
        assert {id(v) for v in snapshot(base).values()} == {id(v) for v in before[0].values()}
        assert snapshot(training) == before[1]
        assert toylib.train is before[2]
        base.Heir().fit(1)
        toylib.train({})
    assert seen == [("Heir", "fit"), (None, "train")] * 3


def test_subclasses_old_and_new_are_covered_once(toy: Toy, seen: list[Any]) -> None:
    base = toy.load("toylib.base")

    class Before(base.Base):  # type: ignore[misc]
        def fit(self, X: Any) -> Any:
            return super().fit(X)

    toy.autolog()

    class After(Before):
        def fit(self, X: Any) -> Any:
            return super().fit(X)

    class Plain(After):
        pass

    for kind in (base.Base, base.Child, base.Heir, Before, After, Plain):
        model = kind()
        assert model.fit("X") is model
        assert model.seen == ("X", None, 1)
    names = ["Base", "Child", "Heir", "Before", "After", "Plain"]
    assert seen == [(name, "fit") for name in names]
    assert "fit" not in vars(Plain)


def test_a_method_from_outside_the_family_is_covered_for_the_family_only(
    toy: Toy, seen: list[Any]
) -> None:
    toy.autolog()
    base = toy.load("toylib.base")

    class Mixin:
        def fit_more(self, X: Any) -> Any:
            "Fit more."
            return type(self).__name__, X

    class Model(Mixin, base.Base):  # type: ignore[misc]
        pass

    class Louder(Mixin):
        def fit_more(self, X: Any) -> Any:
            return "louder", super().fit_more(X)

    class Both(Model, Louder):
        pass

    assert Mixin().fit_more(1) == ("Mixin", 1)
    assert seen == []
    assert Model().fit_more(2) == ("Model", 2)
    assert Model.fit_more(Model(), 2) == ("Model", 2)
    assert Both().fit_more(3) == ("louder", ("Both", 3))
    assert seen == [("Model", "fit_more")] * 2 + [("Both", "fit_more")]
    assert Model.fit_more.__doc__ == "Fit more."
    assert inspect.signature(Model().fit_more) == inspect.signature(Mixin().fit_more)
    autolog.disable()
    assert "fit_more" not in vars(Model)
    assert Both().fit_more(3) == ("louder", ("Both", 3))


def test_classes_that_are_made_anew_by_a_decorator(toy: Toy, seen: list[Any]) -> None:
    import dataclasses

    toy.autolog()
    base = toy.load("toylib.base")

    class Mixin:
        __slots__ = ()

        def fit_more(self, X: Any) -> Any:
            return X

    @dataclasses.dataclass(slots=True)
    class Mine(Mixin, base.Base):  # type: ignore[misc]
        depth: int = 1

        def fit(self, X: Any) -> Any:
            return X

    class Louder(Mine):
        def fit_more(self, X: Any) -> Any:
            return "louder", super().fit_more(X)

    for kind in (Mine, Louder):
        assert kind().fit(1) == 1
    assert Mine().fit_more(2) == 2
    assert Louder().fit_more(3) == ("louder", 3)
    assert [function for _, function in seen] == ["fit", "fit", "fit_more", "fit_more"]
    autolog.disable()
    assert Louder().fit_more(3) == ("louder", 3)
    assert Mine().fit(1) == 1
    assert len(seen) == 4


def test_subclasses_with_bases_written_in_c(toy: Toy) -> None:
    seen = []
    toy.write(
        "toylib.special",
        """
        class Base(list):
            def fit(self, X): return self
        class Dict(dict): pass
        """,
    )

    @toy.on("Base.fit", "toylib.special", subclasses=True)
    @toy.on("Dict.update", "toylib.special", subclasses=True)
    def record(call: Any) -> Iterator[None]:
        seen.append((type(call.instance).__name__, call.function))
        yield

    toy.autolog()
    base = toy.load("toylib.special")

    class Both(base.Base):  # type: ignore[misc]
        __slots__ = ()

    class Mine(base.Dict):  # type: ignore[misc]
        pass

    assert Both().fit(1) == []
    mine = Mine()
    mine.update(a=1)
    assert mine == {"a": 1}
    assert seen == [("Both", "fit"), ("Mine", "update")]
    autolog.disable()
    assert "update" not in vars(base.Dict)


def test_other_code_of_init_subclass_still_runs(toy: Toy) -> None:
    seen = []
    toy.write(
        "toylib.special",
        """
        class Base:
            def fit(self, X): return self
        class Counted:
            kinds = []
            def __init_subclass__(cls, note="none", **more):
                super().__init_subclass__(**more)
                Counted.kinds.append((cls.__name__, note))
        """,
    )

    @toy.on("Base.fit", "toylib.special", subclasses=True)
    def fit(call: Any) -> Iterator[None]:
        seen.append((type(call.instance).__name__, call.function))
        yield

    toy.autolog()
    base = toy.load("toylib.special")

    class Mine(base.Base, base.Counted, note="here"):  # type: ignore[misc]
        pass

    assert base.Counted.kinds == [("Mine", "here")]
    with pytest.raises(TypeError, match="no keyword arguments"):

        class Wrong(base.Base, nonsense=1):  # type: ignore[misc]
            pass

    Mine().fit(1)
    assert seen == [("Mine", "fit")]
    autolog.disable()
    assert "__init_subclass__" not in vars(base.Base)


def test_classes_do_not_outlive_their_users(toy: Toy, seen: list[Any]) -> None:
    import gc
    import weakref

    toy.autolog()
    base = toy.load("toylib.base")

    class Mine(base.Base):  # type: ignore[misc]
        def fit(self, X: Any) -> Any:
            return self

    Mine().fit(1)
    gone = weakref.ref(Mine)
    del Mine
    gc.collect()
    assert gone() is None


def test_properties_and_nones_are_left_alone(toy: Toy, seen: list[Any]) -> None:
    toy.autolog()
    base = toy.load("toylib.base")

    class NoFit(base.Base):  # type: ignore[misc]
        fit = None

    class Lazy(base.Base):  # type: ignore[misc]
        @property
        def fit(self) -> Any:
            return lambda X: X

    assert NoFit.fit is None
    assert Lazy().fit(3) == 3


def test_a_wrapper_of_other_code_above_ours_stays(toy: Toy, seen: list[Any]) -> None:
    toy.autolog()
    base = toy.load("toylib.base")
    ours = vars(base.Other)["fit"]
    counted = []

    @functools.wraps(ours)
    def theirs(self: Any, X: Any) -> Any:
        counted.append(X)
        return ours.__get__(self, type(self))(X)

    base.Other.fit = theirs
    base.Other().fit(1)
    autolog.disable()
    base.Other().fit(2)
    assert vars(base.Other)["fit"] is theirs
    toy.autolog()
    base.Other().fit(3)
    assert vars(base.Other)["fit"] is theirs
    assert counted == [1, 2, 3]
    assert seen == [("Other", "fit")] * 2
    base.Other.fit = ours  # they undo theirs
    autolog.disable()
    assert type(vars(base.Other)["fit"]) is types.FunctionType
    assert base.Other().fit(4) == ("other", 4)


def test_a_wrapper_of_other_code_below_ours_stays(toy: Toy, seen: list[Any]) -> None:
    base = toy.load("toylib.base")
    raw = base.Other.fit
    theirs = functools.wraps(raw)(lambda self, X: ("theirs", raw(self, X)))
    base.Other.fit = theirs
    toy.autolog()
    assert base.Other().fit(1) == ("theirs", ("other", 1))
    autolog.disable()
    assert vars(base.Other)["fit"] is theirs
    assert seen == [("Other", "fit")]


def test_two_hooks_on_one_method_come_off_in_any_order(toy: Toy) -> None:
    from autolog.engine import hook

    base = toy.load("toylib.base")
    raw = vars(base.Other)["fit"]
    for order in ((0, 1), (1, 0)):
        hooks = [hook.Hook("toylib.base", "Other.fit"), hook.Hook("toylib.base", "Other.fit")]
        hook.install(hooks)
        assert base.Other().fit(1) == ("other", 1)
        for position in order:
            hook.remove([hooks[position]])
            assert base.Other().fit(1) == ("other", 1)
        assert vars(base.Other)["fit"] is raw


def test_names_in_the_users_modules_follow(toy: Toy, seen: list[Any], monkeypatch: Any) -> None:
    toy.write("mine", "from toylib.training import train\nfrom toylib import train as other_name\n")
    mine, training = toy.load("mine"), toy.load("toylib.training")
    raw = training.train
    monkeypatch.setattr(sys.modules["__main__"], "train", raw, raising=False)
    for _ in range(2):
        toy.autolog()
        assert mine.train is mine.other_name is training.train is not raw
        assert sys.modules["__main__"].train is mine.train  # type: ignore[attr-defined]
        mine.train({})
        mine.other_name({})
        autolog.disable()
        assert mine.train is mine.other_name is training.train is raw
        assert sys.modules["__main__"].train is raw  # type: ignore[attr-defined]
        mine.train({})
    assert seen == [(None, "train")] * 4


def test_names_that_two_hooks_are_about_follow_both(toy: Toy) -> None:
    toy.write("mine", "from toylib.training import train\n")
    mine = toy.load("mine")
    raw, ran = mine.train, []

    @toy.on("train", "toylib.training")
    def first(call: Any) -> Iterator[None]:
        ran.append(1)
        yield

    @on("toylib.training", "train")
    def second(call: Any) -> Iterator[None]:
        ran.append(2)
        yield

    for _ in range(2):
        ran.clear()
        toy.autolog()
        configure("second", {"disable": False})
        mine.train({})
        assert sorted(ran) == [1, 2]
        autolog.disable()
        assert mine.train is toy.load("toylib.training").train is raw


def test_names_in_installed_packages_stay(toy: Toy, seen: list[Any]) -> None:
    toy.write("site-packages.installed", "from toylib.training import train\n")
    sys.path.insert(0, str(toy.folder / "site-packages"))
    installed = toy.load("installed")
    raw = installed.train
    toy.autolog()
    assert toy.load("toylib.training").train is not raw
    assert installed.train is raw


@pytest.mark.parametrize("dump", [pickle.dumps, cloudpickle.dumps])
def test_functions_and_bound_methods_pickle(toy: Toy, seen: list[Any], dump: Any) -> None:
    toy.autolog()
    base, training = toy.load("toylib.base"), toy.load("toylib.training")
    model = base.Heir(5)
    for thing in (training.train, toy.load("toylib").train, base.Other.build):
        assert pickle.loads(dump(thing)) == thing
    assert pickle.loads(dump(base.Other.measure))(1) == 3
    again = pickle.loads(dump(model.fit))
    assert type(again.__self__) is base.Heir
    assert again.__self__.depth == 5
    assert again("X") is again.__self__
    assert pickle.loads(dump(base.Base.fit)).__qualname__ == "Base.fit"
    assert pickle.loads(dump(base.Other().measure))(1) == 3
    assert len(dump(model)) == len(dump(base.Heir(5)))


def test_pickles_load_where_nothing_is_patched(toy: Toy, seen: list[Any]) -> None:
    toy.autolog()
    base, training = toy.load("toylib.base"), toy.load("toylib.training")

    class Mine(base.Base):  # type: ignore[misc]
        def fit(self, X: Any) -> Any:
            super().fit(X)
            return "mine", X

        @classmethod
        def fit_more(cls, X: Any) -> Any:
            return cls.__name__, X

    class Mixed(base.Other, base.Base):  # type: ignore[misc]
        pass

    things = [training.train, base.Heir(5).fit, Mine().fit, Mine.fit, Mine, Mixed]
    data = cloudpickle.dumps(things)
    script = """
import sys, pickle
train, heir, mine, mine_fit, Mine, Mixed = pickle.loads(sys.stdin.buffer.read())
print(train({}), heir(1).depth, mine(2), mine_fit(Mine(), 3), Mine().fit(4), Mine.fit_more(5))
print(Mixed().fit(6), "autolog.engine.options" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=data,
        capture_output=True,
        env={"PYTHONPATH": f"{toy.folder}:{':'.join(sys.path)}"},
        check=False,
    )
    assert done.stderr.decode() == ""
    assert done.stdout.decode().split("\n")[0] == (
        "{'params': {}, 'rounds': 2} 5 ('mine', 2) ('mine', 3) ('mine', 4) ('Mine', 5)"
    )
    assert done.stdout.decode().split("\n")[1].startswith("('other', 6)")


def test_copies(toy: Toy, seen: list[Any]) -> None:
    toy.autolog()
    base, train = toy.load("toylib.base"), toy.load("toylib.training").train
    assert copy.copy(train) is copy.deepcopy(train) is train
    assert copy.deepcopy(base.Other.measure)(1) == 3
    bound = base.Heir(5).fit
    assert copy.copy(bound).__self__ is bound.__self__
    again = copy.deepcopy({"bound": bound})["bound"]
    assert again.__self__ is not bound.__self__
    assert again.__self__.depth == 5


def test_introspection_sees_the_original(toy: Toy, seen: list[Any]) -> None:
    def look() -> list[Any]:
        base, training = toy.load("toylib.base"), toy.load("toylib.training")
        things = [
            training.train, base.Base.fit, base.Base().fit, base.Heir().fit, base.Child.fit,
            base.Other.build, base.Other.measure, base.Other().measure, base.Other().fit,
        ]  # fmt: skip
        return [
            (
                inspect.signature(thing), inspect.getsource(thing), thing.__name__, thing.__doc__,
                thing.__qualname__, thing.__module__, inspect.ismethod(thing),
                inspect.isfunction(thing), callable(thing),
            )
            for thing in things
        ]  # fmt: skip

    plain = look()
    toy.autolog()
    assert look() == plain
    assert [name for name, _ in inspect.getmembers(toy.load("toylib.base").Other())][-3:] == [
        "build", "fit", "measure",
    ]  # fmt: skip


def test_mock_patches_above_ours(toy: Toy, seen: list[Any]) -> None:
    from unittest import mock

    toy.autolog()
    base = toy.load("toylib.base")
    with mock.patch.object(base.Other, "fit", return_value="mocked"):
        assert base.Other().fit(1) == "mocked"
    assert base.Other().fit(1) == ("other", 1)
    with mock.patch("toylib.training.train") as train:
        train.return_value = 5
        assert toy.load("toylib.training").train({}) == 5
    assert seen == [("Other", "fit")]


def test_what_only_says_that_it_is_a_module_is_passed_over(
    toy: Toy, seen: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Libraries of extension modules stand in sys.modules under a class that is none."""

    class Library:
        __class__ = types.ModuleType  # type: ignore[assignment]

    assert isinstance(Library(), types.ModuleType)
    monkeypatch.setitem(sys.modules, "a_library", Library())  # type: ignore[arg-type]
    toy.write("mine", "from toylib.training import train\n")
    mine = toy.load("mine")
    toy.autolog()
    mine.train({})
    assert seen == [(None, "train")]
