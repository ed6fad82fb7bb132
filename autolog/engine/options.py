"""Which frameworks are on, with which options: the one place where that is held."""

from __future__ import annotations

import os
import sys
from contextvars import ContextVar
from importlib import import_module

from autolog.engine import guard, hook
from autolog.engine.call import Recording
from autolog.engine.declared import Declared, Observing, Preceding, Resident
from autolog.engine.session import TaskHook
from core_client.exceptions import invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, TypeVar

    from autolog.engine.call import Handler

    H = TypeVar("H", bound=Handler)
    F = TypeVar("F", bound=Callable[..., Any])

# A framework's file or package in autolog/ is one that defines this; nothing is registered.
MARK = b"\ndef autolog("
FOLDER = os.path.dirname(os.path.dirname(__file__))
GROUP = "autolog.frameworks"  # the entry points by which other packages add frameworks

SWITCHES = (
    "disable", "exclusive", "disable_for_unsupported_versions", "silent", "log_models",
    "log_datasets", "log_input_examples", "log_model_signatures", "log_traces",
)  # fmt: skip


class Options:
    """The keywords of a framework's `autolog(...)`, as attributes."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.__dict__.update(values)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def get(self, name: str) -> Any:
        """A keyword's value, None where the framework has no such keyword."""
        return self.__dict__.get(name)


class Framework:
    """One framework: its hooks, and how it was switched on or off.

    Args:
        name: as in `autolog.<name>`.
        home: the module or package that holds its hooks.
    """

    def __init__(self, name: str, home: str) -> None:
        self.name, self.home = name, home
        self.own: dict[str, Any] | None = None  # from its own autolog(...), which wins over
        self.shared: dict[str, Any] | None = None  # what came from the global one
        self.options: Options | None = None  # None while it is off
        self._problem: str | None = None  # of the installed version; None until it is looked at

    @property
    def chosen(self) -> dict[str, Any] | None:
        """The keywords in force."""
        return self.shared if self.own is None else self.own

    def holds(self, one: Declared) -> bool:
        """Whether a hook is declared in the framework's file or package."""
        module = one.handler.__module__
        return module == self.home or module.startswith(self.home + ".")

    def apply(self) -> None:
        """Bring the hooks in line with the options."""
        chosen = self.chosen
        is_on = chosen is not None and not chosen.get("disable")
        is_on = is_on and os.environ.get("AUTOLOG_MODE") != "disabled"
        self.options = Options(chosen) if chosen is not None and is_on else None
        hooks = [one for one in _declared if self.holds(one) or self.name in one.lent_to]
        lent = [one for one in hooks if one.lent_to]
        hooks = [one for one in hooks if not one.lent_to]
        for one in hooks:
            one.framework = self
        if self.options is None or (self.loaded() and not self.admitted()):
            hook.remove(hooks)
        else:
            hook.install(hooks)
        _lend(lent)

    def loaded(self) -> bool:
        """Whether the framework itself is imported."""
        return any(one.module in sys.modules for one in _declared if self.holds(one))

    def admitted(self) -> bool:
        """Whether the installed version may be patched; one outside the tested range is told."""
        if self._problem is None:
            from autolog.engine import versions

            self._problem = versions.problem(self.name, self.home)
        if self.options is None or not self._problem:
            return True
        if self.options.get("disable_for_unsupported_versions"):
            return False
        guard.notice(
            f"autolog: {self._problem}. Recording goes on, and may be incomplete. To leave such a "
            "version alone, use disable_for_unsupported_versions=True.",
            bool(self.options.get("silent")),
        )
        return True


frameworks: dict[str, Framework] = {}
_declared: list[Declared] = []
_tasks = TaskHook("joblib.parallel", "Parallel.__call__")
_global: dict[str, Any] | None = None  # the keywords of the last autolog.autolog(...)
_left_out: tuple[str, ...] = ()
_by_global: ContextVar[bool] = ContextVar("autolog_by_global", default=False)


def on(
    module: str,
    path: str,
    *,
    also: Sequence[str] = (),
    subclasses: bool = False,
    part_of: Handler | None = None,
    nested: bool = False,
    lent_to: Sequence[str] = (),
) -> Callable[[H], H]:
    """Record the calls of one function or method with the decorated handler.

    The handler is a generator with one ``yield``: the code before it sees the call
    (`autolog.engine.call.Call`), the yield gives the result, or raises the call's error.

    Args:
        module: the module that defines the function, such as ``sklearn.base``.
        path: its name there, such as ``train`` or ``BaseEstimator.fit``.
        also: further modules that hold a copy of it.
        subclasses: the methods of all subclasses too, whoever defines them, now or later.
        part_of: the handler of another hook of the framework, whose function calls this one for
            a part of its work: such a call is recorded too. Other calls that a recorded call of
            the same framework makes are not.
        nested: such other calls too, whichever recorded call makes them.
        lent_to: frameworks that need the hook too: the first of them that is on has it while this
            one is off.
    """

    def declare(handler: H) -> H:
        _declare(Recording(handler, part_of, nested, lent_to, module, path, also, subclasses))
        return handler

    return declare


def after(module: str, path: str, when: Callable[[], bool] = lambda: True) -> Callable[[F], F]:
    """Have the decorated function told of each call of one function or method, when it is over.

    For what is called so often that a recorded call would take too long. The function gets the
    result, then the arguments as they were passed, self first. Nothing is told of a call that
    raised, and the run, if there is to be one, is the function's own affair.

    Args:
        module: the module that defines it.
        path: its name there.
        when: whether to tell of a call that is over; asked each time.
    """

    def declare(function: F) -> F:
        _declare(Observing(function, module, path, when))
        return function

    return declare


def before(module: str, path: str) -> Callable[[F], F]:
    """Have the decorated function told of each call before it is made; else as `after`.

    Args:
        module: the module that defines what is called.
        path: its name there.
    """

    def declare(function: F) -> F:
        _declare(Preceding(function, module, path))
        return function

    return declare


def while_on(module: str) -> Callable[[F], F]:
    """Use a module's own hooks for as long as the framework is on.

    The decorated generator has one ``yield``. It gets the module as soon as that is loaded and
    registers what it has to; what follows the yield, when the framework is switched off, removes
    that again.

    Args:
        module: its name.
    """

    def declare(function: F) -> F:
        _declare(Resident(function, module))
        return function

    return declare


def _declare(new: Declared) -> None:
    with hook.changing():
        # The framework's file may be loaded again: its new handlers replace the old ones.
        old = [one for one in _declared if one.declared_as == new.declared_as]
        hook.remove(old)
        _declared[:] = [one for one in _declared if one not in old]
        _declared.append(new)
        for framework in frameworks.values():
            if framework.holds(new) and framework.options is not None:
                framework.apply()


def configure(name: str, values: dict[str, Any]) -> None:
    """Switch one framework on, or off, with the keywords of its `autolog(...)`.

    Args:
        name: the framework's name in `autolog.`.
        values: all the keywords with their values: ``locals()`` at the function's start.

    Raises:
        MlflowException: a keyword has a value that it cannot have.
    """
    home = str(sys._getframe(1).f_globals["__name__"])
    if home.startswith("autolog."):
        home = f"autolog.{name}"
    values = dict(values)
    _check(values)
    with hook.changing():
        framework = frameworks.setdefault(name, Framework(name, home))
        if _by_global.get():
            framework.shared = values
        else:
            framework.own = values
        framework.apply()
        _carry()


def configure_all(values: dict[str, Any]) -> None:
    """Switch on, or off, every framework that has no options of its own.

    Args:
        values: the keywords of `autolog.autolog(...)`.

    Raises:
        MlflowException: a keyword has a value that it cannot have.
    """
    global _global, _left_out
    values = dict(values)
    left_out = values.pop("exclude_flavors") or ()
    if isinstance(left_out, str):
        raise invalid(f"exclude_flavors is a list of names, such as ['{left_out}'].")
    _check(values)
    _global, _left_out = values, tuple(left_out)
    for name in built_in():
        _share(name, f"autolog.{name}")
    if "importlib.metadata" in sys.modules:
        _share_with_third_parties()
    else:  # loading it takes longer than all the rest, so somebody else's import pays for it
        hook.after_next_import(_share_with_third_parties)


def disable_all() -> None:
    """Switch every framework off, whoever switched it on, and forget all options."""
    global _global
    _global = None
    hook.not_after_next_import(_share_with_third_parties)
    with hook.changing():
        for framework in frameworks.values():
            framework.own = framework.shared = None
            framework.apply()
        _carry()


def home_of(cls: type) -> str | None:
    """The framework, among those switched on, whose package defines the class or a base of it."""
    for base in cls.__mro__:
        framework = frameworks.get(base.__module__.partition(".")[0])
        if framework is not None and framework.options is not None:
            return framework.name
    return None


def built_in(folder: str = FOLDER, within: str = "") -> Iterator[str]:
    """The frameworks in this package, by the names of their files.

    A package that is no framework itself may hold some, such as `pyspark.ml`.
    """
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        path = f"{entry.path}/__init__.py" if entry.is_dir() else entry.path
        if path.endswith(".py") and entry.name != "__init__.py" and os.path.exists(path):
            name = within + entry.name.removesuffix(".py")
            with open(path, "rb") as file:
                marked = MARK in file.read()
            if marked:
                yield name
            elif entry.is_dir():
                yield from built_in(entry.path, f"{name}.")


def third_party() -> Iterator[tuple[str, str]]:
    """The frameworks of other packages: name and module."""
    from importlib.metadata import entry_points

    for entry in entry_points(group=GROUP):
        yield entry.name, entry.value


def _lend(hooks: Sequence[Declared]) -> None:
    """Give hooks that several frameworks need to the first of these that is on."""
    used: list[Declared] = []
    unused: list[Declared] = []
    for one in hooks:
        owners = [framework for framework in frameworks.values() if framework.holds(one)]
        owners += [frameworks[name] for name in one.lent_to if name in frameworks]
        user = next((owner for owner in owners if owner.options is not None), None)
        if user is not None:
            one.framework = user
        (unused if user is None else used).append(one)
    hook.remove(unused)
    hook.install(used)


def _share_with_third_parties() -> None:
    with guard.guarded("looking for further frameworks"):
        for name, home in third_party():
            _share(name, home)


def _share(name: str, home: str) -> None:
    """Give a framework those global keywords that it has."""
    shared = _global
    if shared is None:
        return
    if name in _left_out:
        framework = frameworks.get(name)
        if framework is not None:
            with hook.changing():
                framework.shared = None
                framework.apply()
        return
    with guard.guarded(f"autolog for {name}"):
        function = import_module(home).autolog
        code = function.__code__
        keywords = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        token = _by_global.set(True)
        try:
            function(**{key: value for key, value in shared.items() if key in keywords})
        finally:
            _by_global.reset(token)


def _carry() -> None:
    """While anything is recorded, joblib's threads know whose work they do."""
    if any(framework.options is not None for framework in frameworks.values()):
        hook.install([_tasks])
    else:
        hook.remove([_tasks])


def _check(values: dict[str, Any]) -> None:
    for name in SWITCHES:
        if not isinstance(values.get(name, False), bool):
            raise invalid(f"{name} is True or False, not {values[name]!r}.")
    tags = values.get("extra_tags")
    if tags is not None and not isinstance(tags, dict):
        raise invalid(f"extra_tags is a dictionary of tags, not {tags!r}.")
