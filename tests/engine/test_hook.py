"""Every order of import, autolog, disable and reload; and faults that never break an import."""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import random
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import autolog
from autolog.engine import hook
from tests.conftest import Faults
from tests.engine.conftest import Toy


@pytest.fixture
def seen(toy: Toy) -> list[Any]:
    """The name of each recorded call."""
    calls: list[Any] = []

    @toy.on("Base.fit", subclasses=True)
    @toy.on("Other.build")
    @toy.on("train", "toylib", also=("toylib.training",))
    def any_call(call: Any) -> Iterator[None]:
        calls.append(call.function)
        yield

    return calls


def everything(toy: Toy, seen: list[Any]) -> list[Any]:
    """Call all there is, by names looked up now; what was recorded of it."""
    seen.clear()
    base, training, toylib = map(toy.load, ("toylib.base", "toylib.training", "toylib"))
    base.Base().fit(1)
    base.Child().fit(2)
    base.Heir().fit(3)
    base.Other.build()
    training.train({})
    toylib.train({})
    return list(seen)


ALL = ["fit", "fit", "fit", "build", "train", "train"]
STEPS = ("import", "autolog", "disable", "reload")
MODULES = ("toylib.training", "toylib", "toylib.base")


def apply_steps(toy: Toy, steps: tuple[str, ...]) -> bool:
    """Do the steps in their order; whether autologging is on at the end."""
    is_on = False
    for step in steps:
        if step == "import":
            toy.load("toylib.base")
        elif step == "autolog":
            toy.autolog()
            is_on = True
        elif step == "disable":
            autolog.disable()
            is_on = False
        elif step == "forget":
            for name in MODULES:
                sys.modules.pop(name, None)
        elif "toylib.base" in sys.modules:
            for name in MODULES:
                importlib.reload(sys.modules[name])
    return is_on


@pytest.mark.parametrize("steps", itertools.permutations(STEPS), ids=" ".join)
def test_every_order(toy: Toy, seen: list[Any], steps: tuple[str, ...]) -> None:
    is_on = apply_steps(toy, steps)
    assert everything(toy, seen) == (ALL if is_on else [])
    autolog.disable()
    assert everything(toy, seen) == []
    assert hook._finder not in sys.meta_path
    toy.autolog()
    assert everything(toy, seen) == ALL


@pytest.mark.parametrize("seed", range(40))
def test_long_random_orders(toy: Toy, seen: list[Any], seed: int) -> None:
    draw = random.Random(seed)
    steps = tuple(draw.choices((*STEPS, "forget"), k=12))
    is_on = apply_steps(toy, steps)
    assert everything(toy, seen) == (ALL if is_on else []), steps


def test_objects_from_before_a_reload_are_restored_too(toy: Toy, seen: list[Any]) -> None:
    toy.autolog()
    old = toy.load("toylib.base").Base
    raw = vars(old)["fit"].__wrapped__
    importlib.reload(toy.load("toylib.base"))
    old().fit(1)
    toy.load("toylib.base").Base().fit(1)
    assert seen == ["fit", "fit"]
    autolog.disable()
    assert vars(old)["fit"] is raw


def test_autolog_imports_nothing(toy: Toy, seen: list[Any]) -> None:
    toy.autolog()
    assert not [name for name in sys.modules if name.startswith("toylib")]


def test_autolog_while_the_framework_is_being_imported(toy: Toy, seen: list[Any]) -> None:
    toy.write(
        "toylib.base",
        """
        import builtins
        builtins.switch_on()
        class Base:
            def fit(self, X): return self
        class Child(Base):
            def fit(self, X): return super().fit(X)
        class Heir(Base): pass
        class Other:
            @classmethod
            def build(cls): return cls
        """,
    )
    import builtins

    builtins.switch_on = toy.autolog  # type: ignore[attr-defined]
    toy.load("toylib.base")
    assert type(sys.modules["toylib.base"].__spec__).__name__ == "ModuleSpec"
    assert everything(toy, seen) == ALL


def test_autolog_while_another_thread_imports_the_framework(toy: Toy, seen: list[Any]) -> None:
    toy.write(
        "toylib.slow",
        """
        import builtins
        builtins.begun.set()
        assert builtins.go_on.wait(20)
        def train(): return 1
        """,
    )
    import builtins

    builtins.begun, builtins.go_on = threading.Event(), threading.Event()  # type: ignore

    @toy.on("train", "toylib.slow")
    def train(call: Any) -> Iterator[None]:
        seen.append("slow")
        yield

    importer = threading.Thread(target=toy.load, args=("toylib.slow",))
    importer.start()
    assert builtins.begun.wait(20)  # type: ignore[attr-defined]
    toy.autolog()
    builtins.go_on.set()  # type: ignore[attr-defined]
    importer.join(20)
    assert toy.load("toylib.slow").train() == 1
    assert seen == ["slow"]


def test_an_import_that_fails_raises_its_own_error_and_may_be_tried_again(
    toy: Toy, seen: list[Any]
) -> None:
    good = (toy.folder / "toylib/base.py").read_text()
    toy.write("toylib.base", "raise RuntimeError('broken')\n")
    toy.autolog()
    for _ in range(2):
        with pytest.raises(RuntimeError, match=r"^broken$") as error:
            toy.load("toylib.base")
        assert error.value.__context__ is None
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'toylib.nothing'$"):
        toy.load("toylib.nothing")
    toy.write("toylib.base", good + "\n# repaired, with another size\n")
    assert everything(toy, seen) == ALL


def test_a_hook_that_does_not_fit_never_breaks_an_import(toy: Toy, faults: Faults) -> None:
    ran = []

    @toy.on("Base.fit")
    @toy.on("Base.nothing")
    @toy.on("Nobody.fit")
    @toy.on("nothing")
    def fit(call: Any) -> Iterator[None]:
        ran.append(call.function)
        yield

    toy.autolog()
    toy.load("toylib.base").Base().fit(1)
    assert ran == ["fit"]
    faults.expect("no 'nothing'", "no 'Nobody.fit'", "no 'Base.nothing'")


def test_a_copy_that_is_not_there_is_no_fault(toy: Toy) -> None:
    ran = []

    @toy.on("train", "toylib.training", also=("toylib.base", "toylib"))
    def train(call: Any) -> Iterator[None]:
        ran.append(call.function)
        yield

    toy.autolog()
    toy.load("toylib.base")
    toy.load("toylib").train({})
    assert ran == ["train"]


def test_copies_that_the_framework_keeps_are_replaced(toy: Toy) -> None:
    ran = []
    toy.write("toylib.copy", "from toylib.training import train\n")
    copied = toy.load("toylib.copy")

    @toy.on("train", "toylib.training", also=("toylib.copy", "toylib"))
    def train(call: Any) -> Iterator[None]:
        ran.append(call.function)
        yield

    raw = copied.train
    toy.autolog()
    assert copied.train is toy.load("toylib").train is toy.load("toylib.training").train
    copied.train({})
    assert ran == ["train"]
    autolog.disable()
    assert copied.train is toy.load("toylib").train is toy.load("toylib.training").train is raw


def test_the_module_sees_its_own_loader(toy: Toy, seen: list[Any]) -> None:
    toy.write("toylib.plain", "loader = __loader__\nspec = __spec__\n")
    toy.write(
        "toylib.base", (toy.folder / "toylib/base.py").read_text() + "\nloader = __loader__\n"
    )
    toy.autolog()
    plain, base = toy.load("toylib.plain"), toy.load("toylib.base")
    assert type(base.loader) is type(base.__loader__) is type(base.__spec__.loader)
    assert type(base.loader) is type(plain.loader)
    assert importlib.util.find_spec("toylib.base") is base.__spec__


def test_other_finders_and_lazy_modules_go_on_working(toy: Toy, seen: list[Any]) -> None:
    toy.autolog()
    asked = []

    class Finder:
        def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
            asked.append(name)

    finder: Any = Finder()
    sys.meta_path.insert(0, finder)
    try:
        toy.load("toylib")
        spec = importlib.util.find_spec("toylib.base")
        assert spec is not None
        assert spec.loader is not None
        assert "Fit the model" in spec.loader.get_source("toylib.base")  # type: ignore
        spec.loader = importlib.util.LazyLoader(spec.loader)
        lazy = importlib.util.module_from_spec(spec)
        sys.modules["toylib.base"] = lazy
        assert spec.loader is not None
        spec.loader.exec_module(lazy)
        assert seen == []
        lazy.Base().fit(1)
    finally:
        sys.meta_path.remove(finder)
    assert seen == ["fit"]
    assert "toylib.base" in asked


@pytest.mark.parametrize("first", ["ours", "theirs"])
def test_beside_other_import_hooks(toy: Toy, seen: list[Any], first: str) -> None:
    import wrapt

    name, told = f"toylib.beside_{first}", []  # wrapt remembers modules by name for good
    toy.write(name, "def train(): return 1\n")

    @toy.on("train", name)
    def train(call: Any) -> Iterator[None]:
        seen.append("train")
        yield

    if first == "ours":
        toy.autolog()
    wrapt.register_post_import_hook(told.append, name)
    toy.autolog()
    module = toy.load(name)
    assert told == [module]
    assert module.train() == 1
    importlib.reload(module)
    assert module.train() == 1
    assert seen == ["train", "train"]


def test_many_threads_switch_on_and_off(toy: Toy, seen: list[Any]) -> None:
    base = toy.load("toylib.base")
    raw = vars(base.Base)["fit"]
    errors: list[BaseException] = []

    def work(seed: int) -> None:
        draw = random.Random(seed)
        try:
            for _ in range(30):
                draw.choice((toy.autolog, autolog.disable))()
                model = base.Heir()
                assert model.fit(seed) is model
        except BaseException as error:  # noqa: BLE001 - looked at below
            errors.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    autolog.disable()
    assert vars(base.Base)["fit"] is raw
    toy.autolog()
    assert everything(toy, seen) == ALL


def test_a_framework_file_that_is_loaded_again_replaces_its_handlers(toy: Toy) -> None:
    toy.write(
        "toy_autolog",
        """
        from autolog.engine import configure, on
        VERSION = 1
        ran = []
        def autolog(disable=False):
            configure("other", locals())
        @on("toylib.base", "Base.fit", subclasses=True)
        def fit(call):
            ran.append(VERSION)
            yield
        """,
    )
    file = toy.load("toy_autolog")
    file.autolog()
    base = toy.load("toylib.base")
    base.Base().fit(1)
    assert file.ran == [1]
    path = toy.folder / "toy_autolog.py"
    path.write_text(path.read_text().replace("VERSION = 1", "VERSION = 12345"))
    importlib.reload(file)
    base.Base().fit(1)
    assert file.ran == [12345]
    autolog.disable()
    base.Base().fit(1)
    assert file.ran == [12345]
    assert "__wrapped__" not in dir(vars(base.Base)["fit"])


def test_a_redefined_class_in_a_notebook_is_covered(toy: Toy, seen: list[Any]) -> None:
    toy.autolog()
    base = toy.load("toylib.base")
    for _ in range(3):  # a cell that is run again

        class Mine(base.Base):  # type: ignore[misc]
            def fit(self, X: Any) -> Any:
                return super().fit(X)

        toy.autolog()
        Mine().fit(1)
    assert seen == ["fit"] * 3
