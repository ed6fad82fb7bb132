"""What a handler sees of a call, and that the user's call stays what it was, whatever it does."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

import autolog
from autolog.engine import guard
from tests.conftest import Faults
from tests.engine.conftest import Toy, runs


def test_a_call_is_recorded(toy: Toy) -> None:
    @toy.on("Base.fit")
    def fit(call: Any) -> Iterator[None]:
        call.run.log_params({"X": call.arguments["X"], "weight": call.arguments["weight"]})
        result: Any = yield
        call.run.log_metrics({"depth": result.depth})

    toy.autolog()
    model = toy.load("toylib.base").Base(3)
    assert model.fit("data") is model
    assert model.seen == ("data", None, 1)
    [run] = runs()
    assert run.data.params == {"X": "data", "weight": "1"}
    assert run.data.metrics == {"depth": 3}
    assert run.info.status == "FINISHED"
    assert run.data.tags["mlflow.autologging"] == "toy"


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        (({"a": 1},), {}),
        (({"a": 1}, 3), {}),
        (({"a": 1},), {"rounds": 3}),
        ((), {"params": {"a": 1}, "rounds": 3, "extra": 7}),
    ],
)
def test_arguments_have_names_and_defaults(toy: Toy, args: Any, kwargs: Any) -> None:
    seen = {}

    @toy.on("train", "toylib.training")
    def train(call: Any) -> Iterator[None]:
        seen.update(call.arguments)
        yield

    toy.autolog()
    toy.load("toylib").train(*args, **kwargs)
    expected = {"params": {"a": 1}, "rounds": 2, "callbacks": None}
    named = dict(zip(("params", "rounds"), args, strict=False))
    assert seen == expected | named | kwargs


def test_arguments_that_a_decorator_still_takes_by_position(toy: Toy) -> None:
    """A library that has made arguments keyword-only, and warns for a while before it refuses."""
    toy.write(
        "toylib.lenient",
        """
        import functools

        def lenient(function):
            @functools.wraps(function)
            def inner(*args, **kwargs):
                kwargs.update(zip(("a", "b", "callbacks"), args))
                return function(**kwargs)
            return inner

        @lenient
        def train(a, *, b=1, callbacks=None):
            return a, b, callbacks
        """,
    )

    @toy.on("train", "toylib.lenient")
    def train(call: Any) -> Iterator[None]:
        call.run.log_params({"a": call.arguments["a"], "b": call.arguments["b"]})
        call.append("callbacks", "ours")
        yield

    toy.autolog()
    lenient = toy.load("toylib.lenient")
    users = ["mine"]
    assert lenient.train(2, 3, users) == (2, 3, ["mine", "ours"])
    assert lenient.train(2, b=3) == (2, 3, ["ours"])
    assert users == ["mine"]
    assert [run.data.params for run in runs()] == [{"a": "2", "b": "3"}] * 2


def test_arguments_are_read_only(toy: Toy, faults: Faults) -> None:
    @toy.on("train", "toylib.training")
    def train(call: Any) -> Iterator[None]:
        call.arguments["rounds"] = 5
        yield

    toy.autolog()
    assert toy.load("toylib").train({})["rounds"] == 2
    faults.expect("does not support item assignment")


def test_instance_function_options_and_caller(toy: Toy) -> None:
    seen: list[Any] = []

    @toy.on("Other.fit")
    @toy.on("Other.build")
    @toy.on("Other.measure")
    @toy.on("train", "toylib.training")
    def any_call(call: Any) -> Iterator[None]:
        place = call.caller.f_code.co_name
        seen.append((call.function, call.instance, place, call.options.depth))
        yield

    toy.autolog(depth=4)
    other = toy.load("toylib.base").Other()
    assert other.fit(1) == ("other", 1)
    assert other.build(2) == (type(other), 2)
    assert type(other).build(depth=3) == (type(other), 3)
    assert other.measure(1) == 3
    assert type(other).measure(1, b=1) == 2
    assert type(other).fit(other, X=5) == ("other", 5)
    toy.load("toylib").train({})
    here = "test_instance_function_options_and_caller"
    names = ["fit", "build", "build", "measure", "measure", "fit", "train"]
    assert [row[0] for row in seen] == names
    assert {row[2:] for row in seen} == {(here, 4)}
    assert seen[0][1] is other
    assert seen[5][1] is other
    assert seen[1][1] is seen[2][1] is type(other)
    assert seen[6][1] is None


def test_caller_is_the_users_code_though_the_framework_calls_itself(toy: Toy) -> None:
    toy.write(
        "toylib.deep", "from toylib import training\ndef outer(): return training.train({})\n"
    )
    seen = []

    @toy.on("train", "toylib.training")
    def train(call: Any) -> Iterator[None]:
        seen.append((call.caller.f_code.co_name, call.is_internal, call.made_in))
        yield

    toy.autolog()
    toy.load("toylib.deep").outer()
    toy.load("toylib").train({})
    here = "test_caller_is_the_users_code_though_the_framework_calls_itself"
    assert seen == [(here, True, "toylib.deep"), (here, False, __name__)]


def test_a_warning_names_the_line_that_it_named_without_us(toy: Toy) -> None:
    toy.write(
        "toylib.warner",
        """
        import warnings
        class Base:
            def fit(self):
                warnings.warn("careful", stacklevel=2)
        class Child(Base):
            def fit(self):
                super().fit()
                warnings.warn("really", stacklevel=2)
        """,
    )

    @toy.on("Base.fit", "toylib.warner", subclasses=True)
    def fit(call: Any) -> Iterator[None]:
        yield

    def named() -> list[tuple[str, int]]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            toy.load("toylib.warner").Child().fit()
        return [(one.filename, one.lineno) for one in caught]

    without = named()
    toy.autolog()
    assert named() == without
    assert without[1][0] == __file__


def test_replace_and_append_leave_the_users_objects_alone(toy: Toy) -> None:
    steps: list[int] = []

    @toy.on("train", "toylib.training")
    def train(call: Any) -> Iterator[None]:
        call.append("callbacks", steps.append)
        call.append("callbacks", lambda step: steps.append(-step))
        call.replace("rounds", 3)
        call.replace("note", "new")
        assert len(call.arguments["callbacks"]) >= 2
        yield

    toy.autolog()
    mine: list[Any] = [lambda step: None]
    training = toy.load("toylib.training")
    training.train({"a": 1}, 1, callbacks=mine)
    assert len(mine) == 1
    params, rounds, callbacks, more = training.calls[0]
    assert (params, rounds, more) == ({"a": 1}, 3, {"note": "new"})
    assert callbacks[0] is mine[0]
    assert steps == [0, 0, 1, -1, 2, -2]
    training.train({"a": 1})
    assert training.calls[1][1] == 3


def test_a_call_keeps_its_style_when_nothing_is_changed(toy: Toy) -> None:
    toy.write(
        "toylib.style",
        """
        def train(a, b=1, *rest, **named): return None
        def spy(*args, **kwargs): return args, kwargs
        spy.__signature__ = __import__("inspect").signature(train)
        """,
    )

    @toy.on("spy", "toylib.style")
    def spy(call: Any) -> Iterator[None]:
        assert call.arguments["b"]
        yield

    toy.autolog()
    spied = toy.load("toylib.style").spy
    assert spied(1) == ((1,), {})
    assert spied(b=2, a=1) == ((), {"b": 2, "a": 1})
    assert spied(1, 2, 3, x=4) == ((1, 2, 3), {"x": 4})


def test_an_unknown_argument_cannot_be_replaced(toy: Toy, faults: Faults) -> None:
    @toy.on("Other.fit")
    def fit(call: Any) -> Iterator[None]:
        call.replace("X", 9)
        call.replace("nonsense", 1)
        yield

    toy.autolog()
    assert toy.load("toylib.base").Other().fit(1) == ("other", 1)
    faults.expect("no argument 'nonsense'")


def test_wrong_arguments_raise_the_functions_own_error(toy: Toy) -> None:
    @toy.on("Base.fit")
    @toy.on("train", "toylib.training")
    def any_call(call: Any) -> Iterator[None]:
        assert call.arguments
        yield

    base = toy.load("toylib.base").Base()
    train = toy.load("toylib.training").train
    plain = []
    for call in (base.fit, train, lambda: base.fit(1, 2, 3), lambda: base.fit(1, nonsense=2)):
        with pytest.raises(TypeError) as error:
            call()
        plain.append(str(error.value))
    toy.autolog()
    train = toy.load("toylib.training").train
    for call, message in zip(
        (base.fit, train, lambda: base.fit(1, 2, 3), lambda: base.fit(1, nonsense=2)),
        plain,
        strict=True,
    ):
        with pytest.raises(TypeError) as error:
            call()
        assert str(error.value) == message
    assert runs() == []


# Handlers that do something wrong, what the guard catches, and what is recorded nevertheless.


def raises_before(call: Any) -> Iterator[None]:
    call.replace("X", "changed")
    call.run.log_param("before", 1)
    raise ValueError("before")
    yield


def raises_after(call: Any) -> Iterator[None]:
    call.run.log_param("before", 1)
    yield
    raise ValueError("after")


def never_yields(call: Any) -> Iterator[None]:
    call.run.log_param("before", 1)
    if call is None:
        yield


def yields_twice(call: Any) -> Iterator[None]:
    call.run.log_param("before", 1)
    yield
    yield


def yields_thrice(call: Any) -> Iterator[None]:
    call.run.log_param("before", 1)
    for _ in range(3):
        with suppress(BaseException):
            yield


def swallows(call: Any) -> Iterator[None]:
    call.run.log_param("before", 1)
    with suppress(BaseException):
        yield


def raises_another(call: Any) -> Iterator[None]:
    call.run.log_param("before", 1)
    try:
        yield
    except BaseException as error:
        raise KeyError("another") from error


def returns_early(call: Any) -> Iterator[None]:
    call.run.log_param("before", 1)
    return
    yield


def no_generator(call: Any) -> None:
    call.run.log_param("before", 1)


def well_behaved(call: Any) -> Iterator[None]:
    call.run.log_param("before", 1)
    yield


HANDLERS: dict[Callable[..., Any], tuple[list[str], list[str]]] = {
    # handler: faults if the call returns, faults if the call raises
    well_behaved: ([], []),
    raises_before: (["before"], ["before"]),
    raises_after: (["after"], []),
    never_yields: ([], []),
    returns_early: ([], []),
    yields_twice: (["one yield"], []),
    yields_thrice: (["ignored GeneratorExit"], ["ignored GeneratorExit"]),
    swallows: ([], []),
    raises_another: ([], ["another"]),
    no_generator: (["not an iterator"], ["not an iterator"]),
}


@pytest.mark.parametrize("handler", HANDLERS)
def test_any_handler_leaves_the_result_alone(toy: Toy, faults: Faults, handler: Any) -> None:
    toy.on("Base.fit")(handler)
    toy.autolog()
    model = toy.load("toylib.base").Base()
    assert model.fit("data") is model
    assert model.seen == ("data", None, 1)
    faults.expect(*HANDLERS[handler][0])
    [run] = runs()
    assert run.info.status == "FINISHED"
    assert run.data.params == {"before": "1"}
    assert autolog.active_run() is None


ERRORS = [
    ValueError("mine"), KeyboardInterrupt(), SystemExit(3), StopIteration("mine"),
    GeneratorExit(), RuntimeError("mine"), StopAsyncIteration(),
]  # fmt: skip


@pytest.mark.parametrize("handler", HANDLERS)
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_any_handler_leaves_the_error_alone(
    toy: Toy, faults: Faults, handler: Any, error: BaseException
) -> None:
    toy.on("Base.fit")(handler)
    toy.autolog()
    model = toy.load("toylib.base").Base()
    cause = LookupError("cause")
    error.__cause__ = cause
    error.__traceback__ = None
    with pytest.raises(type(error)) as raised:
        model.fit("data", fail=error)
    assert raised.value is error
    assert error.__cause__ is cause
    assert error.__context__ is None
    frames = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    assert frames[0] == "test_any_handler_leaves_the_error_alone"
    assert frames[-1] == "fit"
    assert handler.__name__ not in frames
    faults.expect(*HANDLERS[handler][1])
    [run] = runs()
    assert run.info.status == "FAILED"
    told = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    assert run.data.tags["autolog.error"] == told
    assert autolog.active_run() is None


def test_faults_are_told_with_the_runs_name_unless_silent(
    toy: Toy, caplog: pytest.LogCaptureFixture
) -> None:
    @toy.on("Base.fit")
    def fit(call: Any) -> Iterator[None]:
        assert call.run
        with guard.guarded(f"a part {call.arguments['X']}"):
            raise ValueError("part")
        yield
        raise ValueError("rest")

    guard.collected = None
    base = toy.load("toylib.base")
    toy.autolog(silent=True)
    base.Base().fit("silently")
    assert caplog.messages == []
    toy.autolog()
    base.Base().fit("loudly")
    base.Base().fit("loudly")
    first, second = caplog.messages
    assert "a part loudly failed" in first
    assert "toy: after the call failed" in second
    name = runs()[-2].info.run_name
    assert f"'{name}'" in first
    assert f"'{name}'" in second


def test_switching_off_inside_a_call_ends_its_run_well(toy: Toy) -> None:
    toy.on("Base.fit", subclasses=True)(well_behaved)
    toy.autolog()
    base = toy.load("toylib.base")

    class Off(base.Base):  # type: ignore[misc]
        def fit(self, X: Any) -> Any:
            autolog.disable()
            return self

    Off().fit(1)
    base.Base().fit(1)
    [run] = runs()
    assert run.info.status == "FINISHED"
    assert autolog.active_run() is None


def test_an_interrupt_in_a_handler_passes_on(toy: Toy) -> None:
    @toy.on("Base.fit")
    def before(call: Any) -> Iterator[None]:
        call.run.log_param("a", 1)
        raise KeyboardInterrupt
        yield

    @toy.on("Other.fit")
    def after(call: Any) -> Iterator[None]:
        call.run.log_param("a", 1)
        yield
        raise KeyboardInterrupt

    toy.autolog()
    base = toy.load("toylib.base")
    for model in (base.Base(), base.Other()):
        with pytest.raises(KeyboardInterrupt):
            model.fit(1)
        assert autolog.active_run() is None
    assert [run.info.status for run in runs()] == ["FAILED", "FAILED"]
    assert base.Base().__dict__ == {"depth": 1}


def test_an_exit_while_a_failure_is_handled_ends_the_run(toy: Toy) -> None:
    @toy.on("Base.fit")
    def fit(call: Any) -> Iterator[None]:
        call.run.log_param("a", 1)
        try:
            yield
        except ValueError:
            raise SystemExit from None

    toy.autolog()
    with pytest.raises(SystemExit):
        toy.load("toylib.base").Base().fit(1, fail=ValueError("mine"))
    assert autolog.active_run() is None
    [run] = runs()
    assert run.info.status == "FAILED"


def test_the_reason_of_a_failure_has_a_bounded_length(toy: Toy) -> None:
    toy.on("Base.fit")(well_behaved)
    toy.autolog()
    with pytest.raises(ValueError, match="x"):
        toy.load("toylib.base").Base().fit(1, fail=ValueError("x" * 10_000))
    [run] = runs()
    assert len(run.data.tags["autolog.error"]) == 500


def test_a_handler_that_records_nothing_opens_no_run(toy: Toy) -> None:
    @toy.on("Base.fit")
    def fit(call: Any) -> Iterator[None]:
        assert call.arguments
        yield

    toy.autolog()
    toy.load("toylib.base").Base().fit(1)
    assert runs() == []
