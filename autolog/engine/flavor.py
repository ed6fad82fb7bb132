"""What a framework's module shows of its flavor, which is imported when it is first used."""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def from_flavor(
    name: str, exported: list[str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a framework's module.

    Args:
        name: the framework's and the flavor's.
        exported: what the module has for users; what it does not define itself is the flavor's.
    """

    def get(attribute: str) -> Any:
        if attribute not in exported:
            raise AttributeError(f"module 'autolog.{name}' has no attribute '{attribute}'")
        return getattr(import_module(f"flavors.{name}"), attribute)

    return get, lambda: exported
