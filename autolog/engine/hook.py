"""Waiting for modules: what is to be done to a function is done as soon as its module is there.

Nothing is imported to that end. A module that is loaded already is served at once, one that is
being loaded when it is complete, a later one and a reloaded one after its code has run.
"""

from __future__ import annotations

import os
import sys
from _thread import RLock
from importlib.machinery import ModuleSpec

from autolog.engine import guard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from importlib.abc import Loader
    from types import ModuleType
    from typing import Any, TypeVar

    from autolog.engine.patch import Site

    F = TypeVar("F", bound=Callable[..., Any])

_lock: Any = RLock()


def changing() -> Any:
    """The lock to hold while patches change.

    No module of a framework may be imported under it: its import may be waiting, in another
    thread, for this lock.
    """
    return _lock


def _after_fork() -> None:
    global _lock
    _lock = RLock()


os.register_at_fork(after_in_child=_after_fork)


def unseen(function: F) -> F:
    """Make Python pass over the function when it says which line a warning is about.

    A warning names the caller of the function that gives it, so many frames up. Ours in between
    would be named instead, and one warning for each line of the user's become one in all. Python
    passes over the frames of its import system, which it knows by the name of their file.
    """
    ours: Any = function
    code = ours.__code__
    ours.__code__ = code.replace(co_filename=f"{code.co_filename} (importlib._bootstrap)")
    return function


class Hook:
    """One function, or method, that is to be intercepted; subclasses say by what.

    Args:
        module: the module that defines it.
        path: its name there, such as ``train`` or ``BaseEstimator.fit``.
        also: further modules that hold a copy of it.
        subclasses: intercept it in every subclass too, existing or to come.
    """

    def __init__(
        self, module: str, path: str, also: Sequence[str] = (), subclasses: bool = False
    ) -> None:
        self.module, self.path = module, path
        self.also, self.subclasses = tuple(also), subclasses
        self.active = False

    def intercept(
        self, site: Site, wrapped: Callable[..., Any], instance: Any,
        args: tuple[Any, ...], kwargs: dict[str, Any],
    ) -> Any:  # fmt: skip
        """Stand in for the function while the hook is active."""
        return wrapped(*args, **kwargs)

    def wrapper(self, site: Site) -> Callable[..., Any]:
        """What is called in the function's place, as wrapt calls it."""
        intercept = self.intercept

        @unseen
        def call(
            wrapped: Callable[..., Any],
            instance: Any,
            args: tuple[Any, ...],
            kwargs: dict[str, Any],
        ) -> Any:
            if self.active:
                return intercept(site, wrapped, instance, args, kwargs)
            return wrapped(*args, **kwargs)

        return call

    def function(self, site: Site, wrapped: Callable[..., Any]) -> Callable[..., Any] | None:
        """A function that is called in a function's place, of hooks that need it to be quick."""
        return None

    def admitted(self) -> bool:
        """Whether the module that has come may be patched."""
        return True

    def put_on(self, module: ModuleType) -> None:
        """Do to the loaded module what the hook is there for, if that is not done already."""
        from autolog.engine import patch

        patch.apply(self, module)

    def take_off(self) -> None:
        """Take it back."""
        patch = sys.modules.get("autolog.engine.patch")
        if patch is not None:
            patch.undo(self)

    def __repr__(self) -> str:
        return f"<Hook {self.module}:{self.path}>"


_waiting: dict[str, list[Hook]] = {}
_actions: list[Callable[[], None]] = []


def install(hooks: Iterable[Hook]) -> None:
    """Patch now what is loaded, and the rest when it comes."""
    with changing():
        for hook in hooks:
            hook.active = True
            for name in (hook.module, *hook.also):
                waiting = _waiting.setdefault(name, [])
                if hook not in waiting:
                    waiting.append(hook)
                module = sys.modules.get(name)
                if module is not None:
                    _serve(module, hook)
        if _waiting:
            _listen()
        _settle()


def remove(hooks: Iterable[Hook]) -> None:
    """Restore what was there. Where other code has wrapped our layer, it becomes inert."""
    with changing():
        for hook in hooks:
            hook.active = False
            for name in (hook.module, *hook.also):
                waiting = _waiting.get(name, [])
                if hook in waiting:
                    waiting.remove(hook)
                if not waiting:
                    _waiting.pop(name, None)
            with guard.guarded(f"restoring {hook.module}.{hook.path}"):
                hook.take_off()
        if not _waiting and not _actions and _finder in sys.meta_path:
            sys.meta_path.remove(_finder)
        _settle()


def after_next_import(action: Callable[[], None]) -> None:
    """Do something as soon as any module has been loaded."""
    with changing():
        if action not in _actions:
            _actions.append(action)
        _listen()


def not_after_next_import(action: Callable[[], None]) -> None:
    """Take back what `after_next_import` was told, if it has not happened yet."""
    with changing():
        if action in _actions:
            _actions.remove(action)


def _listen() -> None:
    # First in line, so that a finder that was put before ours later does not hide modules.
    if not sys.meta_path or sys.meta_path[0] is not _finder:
        if _finder in sys.meta_path:
            sys.meta_path.remove(_finder)
        sys.meta_path.insert(0, _finder)


def _serve(module: ModuleType, hook: Hook) -> None:
    spec = getattr(module, "__spec__", None)
    if getattr(spec, "_initializing", False):
        _Watched.watch(spec)
    else:
        _apply(module, hook)


def _loaded(name: str) -> None:
    """The module's code has run: patch what waits for it."""
    if name not in _waiting:
        return
    with guard.guarded(f"patching {name}"), changing():
        module = sys.modules.get(name)
        for hook in tuple(_waiting.get(name, ())):
            if module is not None:
                _apply(module, hook)
        _settle()


def _settle() -> None:
    patch = sys.modules.get("autolog.engine.patch")
    if patch is not None:
        with guard.guarded("rebinding imported names"):
            patch.rebind()


def _apply(module: ModuleType, hook: Hook) -> None:
    with guard.guarded(f"patching {hook.module}.{hook.path}"):
        if hook.admitted():
            hook.put_on(module)


class _Watched(ModuleSpec):
    """The spec of a module that was being loaded when we came: it says when that is over."""

    @classmethod
    def watch(cls, spec: Any) -> None:
        if type(spec) is ModuleSpec:
            spec.__class__ = cls

    @property
    def _initializing(self) -> bool:
        return bool(self.__dict__.get("_initializing"))

    @_initializing.setter
    def _initializing(self, value: bool) -> None:
        self.__dict__["_initializing"] = value
        if not value:
            self.__class__ = ModuleSpec  # type: ignore[assignment]
            _loaded(self.name)


class _Loader:
    """Stands in for a module's loader until the module's code is run, then steps aside."""

    outermost: _Loader | None = None  # the one whose import all others are part of

    def __init__(self, spec: ModuleSpec, loader: Loader) -> None:
        self._spec, self._loader = spec, loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._spec.loader = self._loader
        module.__loader__ = self._loader
        _Loader.outermost = _Loader.outermost or self
        try:
            self._loader.exec_module(module)
            _loaded(self._spec.name)
            # They import, and may do so only when nothing is half loaded.
            while _actions and _Loader.outermost is self:
                _actions.pop()()
        finally:
            if _Loader.outermost is self:
                _Loader.outermost = None


class _Finder:
    """Lets the other finders find, and puts our loader around theirs where we wait."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in _waiting and not _actions:
            return None
        for finder in tuple(sys.meta_path):
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = find(name, path, target) if find is not None else None
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    spec.loader = _Loader(spec, spec.loader)  # type: ignore[assignment, arg-type]
                return spec
        return None


_finder: Any = _Finder()
