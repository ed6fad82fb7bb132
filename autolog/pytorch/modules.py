"""Which model an optimizer trains: known from the modules being built, whatever the user's code."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from torch.nn import Module
    from torch.optim import Optimizer

# The module that holds a parameter or a module, by the id of the latter. An id that has come to
# belong to another object is found out by a look into the module.
_holders: WeakValueDictionary[int, Module] = WeakValueDictionary()


def note(module: Module, name: str, part: Any) -> None:
    """A module becomes part of a module; for PyTorch's registration hooks."""
    if part is not None:
        _holders[id(part)] = module


def note_parameter(module: Module, name: str, parameter: Any) -> None:
    """A parameter becomes part of a module: of the first one, where compiling takes it along."""
    if parameter is not None and _holder(parameter) is None:
        _holders[id(parameter)] = module


def trained(optimizer: Optimizer) -> Module | None:
    """The outermost module around the optimizer's first parameter; None if there is none."""
    from torch.nn import Parameter

    first = first_parameter(optimizer)
    if not isinstance(first, Parameter):
        return None
    module = _holder(first)
    if module is None:
        return _searched(first)
    while True:
        around = _holders.get(id(module))
        if around is None or not any(one is module for one in around._modules.values()):
            return unwrapped(module)
        module = around


def _holder(parameter: Any) -> Module | None:
    module = _holders.get(id(parameter))
    if module is None or not any(one is parameter for one in module._parameters.values()):
        return None
    return module


def _searched(parameter: Any) -> Module | None:
    """The same among everything that lives: it takes some ten milliseconds.

    For models that were built before autologging was switched on, or read from a file. It is done
    while the step waits: later, running functions would be held, and seem to be left by an error.
    """
    from torch.nn import Module

    holders = [
        one
        for one in gc.get_objects()
        if issubclass(type(one), Module) and any(part is parameter for part in one.parameters())
    ]
    outermost = max(holders, key=lambda one: sum(1 for _ in one.modules()), default=None)
    return None if outermost is None else unwrapped(outermost)


def first_parameter(optimizer: Optimizer) -> Any:
    """The first parameter that the optimizer changes, None if there is none."""
    return next((one for group in optimizer.param_groups for one in group["params"]), None)


def unwrapped(module: Any) -> Any:
    """The user's model inside of a compiled or a distributed one."""
    while True:
        kind = type(module).__name__
        if kind == "OptimizedModule":
            module = module._orig_mod
        elif kind in ("DistributedDataParallel", "DataParallel", "FullyShardedDataParallel"):
            module = module.module
        else:
            return module
