"""Which model an optimizer trains: known from the modules being built, whatever the user's code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from torch.nn import Module
    from torch.optim import Optimizer

# The module that holds a parameter or a module, by the id of the latter. An id that has come to
# belong to another object is found out by a look into the module.
_holders: WeakValueDictionary[int, Module] = WeakValueDictionary()


def note(module: Module, name: str, part: Any) -> None:
    """A parameter or module becomes part of a module; for PyTorch's registration hooks."""
    if part is not None:
        _holders[id(part)] = module


def known(optimizer: Optimizer) -> Module | None:
    """The outermost module around the optimizer's first parameter; None if it was not noted."""
    first = first_parameter(optimizer)
    module = None if first is None else _holders.get(id(first))
    if module is None or not any(one is first for one in module._parameters.values()):
        return None
    while True:
        around = _holders.get(id(module))
        if around is None or not any(one is module for one in around._modules.values()):
            return unwrapped(module)
        module = around


def searched(optimizer: Optimizer) -> Module | None:
    """The same among everything that lives: it takes some ten milliseconds.

    For models that were built before autologging was switched on, or read from a file.
    """
    import gc

    from torch.nn import Module

    first = first_parameter(optimizer)
    holders = [
        one
        for one in gc.get_objects()
        if issubclass(type(one), Module)
        and first is not None
        and any(parameter is first for parameter in one.parameters())
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
