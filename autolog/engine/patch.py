"""Putting a layer around a function or method, and taking it off again without a trace.

What is applied is read from the owner's namespace, never from a flag: whatever other code did to
the same attribute in the meantime, we see what is there. This module needs wrapt and is imported
only when the first patch is applied.
"""

from __future__ import annotations

import copy
import inspect
import operator
import os
import pkgutil
import sys
import weakref
from collections.abc import Callable, Iterator
from types import FunctionType, ModuleType
from typing import Any

import wrapt

from autolog.engine import guard
from autolog.engine.hook import Hook, changing

# Layers between the attribute and ours that we look through, at most.
DEPTH = 50
PYTHON = os.path.dirname(os.__file__)  # the standard library


class Site:
    """One place where a hook is applied: the owner (a module or class) and the attribute."""

    def __init__(self, hook: Hook, owner: Any, name: str) -> None:
        self.hook, self.owner, self.name = hook, weakref.ref(owner), name
        self._known: tuple[Any, inspect.Signature] | None = None

    def signature(self, wrapped: Callable[..., Any]) -> inspect.Signature:
        """The signature of what is called, without self; worked out once per function."""
        function = getattr(wrapped, "__func__", wrapped)
        if self._known is None or self._known[0] is not function:
            self._known = function, _signature(wrapped)
        return self._known[1]

    def layer(self, wrapped: Any) -> Any:
        """The hook's layer around a function or descriptor."""
        function = self.hook.function(self, wrapped) if type(wrapped) is FunctionType else None
        if function is not None:
            _functions[function] = self
            return function
        layer = Layer(wrapped, self.hook.wrapper(self))
        layer._self_site = self
        return layer


def _signature(wrapped: Callable[..., Any]) -> inspect.Signature:
    """The function's signature. A decorator that still takes by position what the function itself
    takes by keyword only (and warns) is taken at its word.
    """
    signature = inspect.signature(wrapped)
    kinds = {one.kind for one in signature.parameters.values()}
    while isinstance(wrapped, BoundLayer) or _site(getattr(wrapped, "__func__", wrapped)):
        wrapped = wrapped.__wrapped__  # type: ignore[attr-defined]
    outermost = inspect.signature(wrapped, follow_wrapped=False).parameters.values()
    if inspect.Parameter.VAR_POSITIONAL in kinds or not any(
        one.kind is one.VAR_POSITIONAL for one in outermost
    ):
        return signature
    by_position = [
        one.replace(kind=one.POSITIONAL_OR_KEYWORD) if one.kind is one.KEYWORD_ONLY else one
        for one in signature.parameters.values()
    ]
    try:
        return signature.replace(parameters=by_position)
    except ValueError:  # one without a default after one with: never taken by position
        return signature


class BoundLayer(wrapt.BoundFunctionWrapper):  # type: ignore[type-arg]
    """A patched method taken from an instance or class: it pickles and copies as any method."""

    def _owner(self) -> Any:
        if self._self_instance is not None:
            return self._self_instance
        return getattr(self.__wrapped__, "__self__", None)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        owner = self._owner()
        if owner is not None:
            return getattr, (owner, self._self_parent._self_site.name)
        if self.__module__ == "__main__" or "<locals>" in self.__qualname__:
            return _by_value(self.__wrapped__)
        return pkgutil.resolve_name, (f"{self.__module__}:{self.__qualname__}",)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        owner = self._owner()
        if owner is None:
            return self
        return getattr(copy.deepcopy(owner, memo), self._self_parent._self_site.name)

    def __copy__(self) -> Any:
        return self


class Layer(wrapt.FunctionWrapper):  # type: ignore[type-arg]
    """Ours around one function or descriptor; `__wrapped__` is what was there."""

    __bound_function_wrapper__ = BoundLayer
    _self_site: Site

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        owner = self._self_site.owner()
        if isinstance(owner, ModuleType):
            return pkgutil.resolve_name, (f"{owner.__name__}:{self._self_site.name}",)
        return _by_value(self.__wrapped__)  # a class is being pickled by value, with all it holds

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self

    def __copy__(self) -> Any:
        return self


def _by_value(original: Any) -> tuple[Any, ...]:
    """How to pickle so that the other side gets the original, and needs nothing of ours."""
    return operator.getitem, ((original,), 0)


class Inherited:
    """Stands for what a class inherits under a name, so that a layer can be put around it."""

    def __init__(self, owner: type, name: str) -> None:
        self.owner, self.name = owner, name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """What `super()` would give a method of the owner."""
        kind = type(instance) if owner is None else owner
        place = self.owner
        if place not in kind.__mro__:  # the class was made anew, as dataclass(slots=True) does
            place = next(one for one in kind.__mro__ if self._is_below(vars(one).get(self.name)))
        return getattr(super(place, kind if instance is None else instance), self.name)

    def _is_below(self, there: Any) -> bool:
        while type(there) is Layer:
            there = there.__wrapped__
        return there is self

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the class gives under that name, called."""
        return getattr(self.owner, self.name)(*args, **kwargs)


# Layers that are plain functions, with their places.
_functions: weakref.WeakKeyDictionary[Any, Site] = weakref.WeakKeyDictionary()
# Owners with a layer, and functions' layers, per hook; names to rebind in the user's modules.
_owners: dict[Hook, weakref.WeakSet[Any]] = {}
_layers: dict[Hook, list[Any]] = {}
_moved: dict[int, tuple[Any, Any]] = {}


def apply(hook: Hook, module: ModuleType) -> None:
    """Put the hook's layer where it belongs in the module; where it is already, nothing is done.

    Raises:
        LookupError: the module has nothing of that name.
    """
    *classes, name = hook.path.split(".")
    owner: Any = module
    for part in classes:
        owner = vars(owner).get(part) if owner is not None else None
    if owner is None or (owner is module and name not in vars(module)):
        if module.__name__ not in hook.also:
            raise LookupError(f"{module.__name__} has no '{hook.path}'")
    elif owner is module:
        _wrap_function(hook, module, name)
    elif hook.subclasses:
        for cls in sorted(_family(owner), key=lambda cls: len(cls.__mro__)):
            _wrap_method(hook, cls, name)
        _watch_subclasses(hook, owner)
    elif not _wrap_method(hook, owner, name):
        raise LookupError(f"{module.__name__} has no '{hook.path}'")


def undo(hook: Hook) -> None:
    """Take the hook's layers off, as far as they lie on top."""
    for owner in list(_owners.pop(hook, ())):
        _unwatch_subclasses(hook, owner)
        name = hook.path.rpartition(".")[2]
        there = vars(owner).get(name)
        below = _below_idle_layers(there)
        if below is there:
            continue
        if type(below) is Inherited:
            delattr(owner, name)
        else:
            setattr(owner, name, below)
    for layer in _layers.pop(hook, []):
        _moved[id(layer)] = (layer, _below_idle_layers(layer))


def _site(there: Any) -> Site | None:
    """Where a layer of ours was put; None if it is something else."""
    if type(there) is Layer:
        return there._self_site
    return _functions.get(there) if type(there) is FunctionType else None


def _below_idle_layers(there: Any) -> Any:
    while (site := _site(there)) is not None and not site.hook.active:
        there = there.__wrapped__
    return there


def rebind() -> None:
    """Names in the user's modules that were bound to what we replaced follow the replacement."""
    moved = dict(_moved)
    _moved.clear()
    if moved:
        for names in _namespaces_of_the_user():
            for name, value in list(names.items()):
                new = value
                while id(new) in moved:  # two hooks on one function: the outer layer counts
                    new = moved[id(new)][1]
                if new is not value:
                    names[name] = new


def _wrap_function(hook: Hook, module: ModuleType, name: str) -> None:
    there = vars(module)[name]
    layers = _layers.setdefault(hook, [])
    found = _layer_in(there, hook)
    if found is not None:
        layer = found[0]
    else:
        layer = next((one for one in layers if one.__wrapped__ is there), None)
        layer = layer or Site(hook, module, name).layer(there)
        setattr(module, name, layer)
    if all(one is not layer for one in layers):
        layers.append(layer)
        _moved[id(layer.__wrapped__)] = (layer.__wrapped__, layer)
    _remember(hook, module)


def _wrap_method(hook: Hook, cls: type, name: str) -> bool:
    """Layer the method that instances of the class get. False if they get none."""
    definer = next((one for one in cls.__mro__ if name in vars(one)), None)
    if definer is None or definer is object:
        return False
    there = vars(definer)[name]
    found = _layer_in(there, hook)
    if found is not None and found[1].owner() is definer:
        if definer is cls:
            _remember(hook, cls)
        return True
    if isinstance(there, property) or not (callable(there) or hasattr(there, "__get__")):
        return False
    site = Site(hook, cls, name)
    try:
        setattr(cls, name, site.layer(there if definer is cls else Inherited(cls, name)))
    except TypeError:  # a class of an extension module; its subclasses in Python are served
        return True
    _remember(hook, cls)
    return True


def _layer_in(there: Any, hook: Hook) -> tuple[Any, Site] | None:
    """The hook's layer in what is there, on top or below the wrappers of other libraries."""
    for _ in range(DEPTH):
        site = _site(there)
        if site is not None and site.hook is hook:
            return there, site
        there = getattr(there, "__wrapped__", None)
    return None


def _remember(hook: Hook, owner: Any) -> None:
    _owners.setdefault(hook, weakref.WeakSet()).add(owner)


def _family(base: type) -> set[type]:
    found: set[type] = {base}
    new: list[type] = [base]
    while new:
        subclasses: list[type] = type.__subclasses__(new.pop())
        for cls in subclasses:
            if cls not in found:
                found.add(cls)
                new.append(cls)
    return found


def _watch_subclasses(hook: Hook, base: type) -> None:
    """From now on, new subclasses of the class are served as well."""
    there = vars(base).get("__init_subclass__")
    hooks: list[Hook] | None = getattr(there, "autolog_hooks", None)
    if hooks is None:
        hooks = []
        notice = classmethod(_notice_subclasses(base, there, hooks))
        notice.autolog_hooks = hooks  # type: ignore[attr-defined]
        notice.autolog_original = there  # type: ignore[attr-defined]
        base.__init_subclass__ = notice  # type: ignore[assignment]
    if hook not in hooks:
        hooks.append(hook)
    _remember(hook, base)


def _notice_subclasses(base: type, there: Any, hooks: list[Hook]) -> Callable[..., None]:
    def __init_subclass__(cls: type, **kwargs: Any) -> None:
        if there is None:
            super(base, cls).__init_subclass__(**kwargs)  # type: ignore[arg-type]
        else:
            there.__get__(None, cls)(**kwargs)
        for hook in tuple(hooks):
            if hook.active:
                with guard.guarded(f"patching {hook.module}.{hook.path}"), changing():
                    _wrap_method(hook, cls, hook.path.rpartition(".")[2])

    return __init_subclass__


def _unwatch_subclasses(hook: Hook, owner: Any) -> None:
    there = vars(owner).get("__init_subclass__")
    hooks: list[Hook] | None = getattr(there, "autolog_hooks", None)
    if there is None or hooks is None or hook not in hooks:
        return
    hooks.remove(hook)
    if not hooks:
        if there.autolog_original is None:
            del owner.__init_subclass__
        else:
            owner.__init_subclass__ = there.autolog_original


def _namespaces_of_the_user() -> Iterator[dict[str, Any]]:
    """Those of modules that are neither installed packages, nor Python's own, nor ours."""
    for name, module in list(sys.modules.items()):
        if not issubclass(type(module), ModuleType):  # some only say that they are modules
            continue
        # Not by vars(): that would load a module of importlib.util.LazyLoader.
        names = ModuleType.__getattribute__(module, "__dict__")
        file = names.get("__file__")
        if name == "__main__" or (
            isinstance(file, str)
            and not file.startswith(PYTHON)
            and "site-packages" not in file
            and "dist-packages" not in file
            and name.partition(".")[0] not in ("autolog", "flavors", "core_client")
        ):
            yield names
