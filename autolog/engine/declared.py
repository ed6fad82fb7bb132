"""Hooks as the files of frameworks declare them, and those that follow a training from outside.

A loop that the user writes is no call: what it calls, thousands of times a second, is looked on
from outside, and nothing of the machinery of a recorded call is in its way.
"""

from __future__ import annotations

from functools import wraps

from autolog.engine import guard
from autolog.engine.hook import Hook, unseen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from types import ModuleType
    from typing import Any

    from autolog.engine.options import Framework
    from autolog.engine.patch import Site


class Declared(Hook):
    """A hook of a framework.

    Args:
        handler: the function that was decorated.
        hook: as for `Hook`.
    """

    framework: Framework
    lent_to: tuple[str, ...] = ()  # other frameworks that need it too

    def __init__(self, handler: Callable[..., Any], *hook: Any) -> None:
        super().__init__(*hook)
        self.handler = handler

    @property
    def declared_as(self) -> tuple[str, ...]:
        """Tells whether two hooks are the same declaration, loaded twice."""
        handler = self.handler
        return self.module, self.path, handler.__module__, handler.__qualname__

    def admitted(self) -> bool:
        """Whether the framework's version may be patched."""
        return self.framework.admitted()


class Observing(Declared):
    """Tells the handler of each call that has returned.

    Args:
        handler: the function that was decorated.
        module: as for `Hook`.
        path: as for `Hook`.
        when: whether the handler is to be told now.
    """

    def __init__(
        self, handler: Callable[..., Any], module: str, path: str, when: Callable[[], bool]
    ) -> None:
        super().__init__(handler, module, path)
        self.when = when

    @unseen
    def intercept(
        self, site: Site, wrapped: Callable[..., Any], instance: Any,
        args: tuple[Any, ...], kwargs: dict[str, Any],
    ) -> Any:  # fmt: skip
        """Make the call, then tell of it."""
        result = wrapped(*args, **kwargs)
        told = args if instance is None else (instance, *args)
        with guard.guarded(f"{self.framework.name}: after {site.name}"):
            if self.when():
                self.handler(result, *told, **kwargs)
        return result

    def function(self, site: Site, wrapped: Callable[..., Any]) -> Callable[..., Any]:
        """Make the call, then tell of it: as little as can be between the caller and the call."""
        handler, when = self.handler, self.when

        @unseen
        @wraps(wrapped)
        def call(*args: Any, **kwargs: Any) -> Any:
            result = wrapped(*args, **kwargs)
            if self.active:
                try:
                    if when():
                        handler(result, *args, **kwargs)
                except Exception as error:  # noqa: BLE001 - the user's call has succeeded
                    guard.report(f"{self.framework.name}: after {site.name}", error)
            return result

        return call


class Preceding(Declared):
    """Tells the handler of each call before it is made."""

    @unseen
    def intercept(
        self, site: Site, wrapped: Callable[..., Any], instance: Any,
        args: tuple[Any, ...], kwargs: dict[str, Any],
    ) -> Any:  # fmt: skip
        """Tell of the call, then make it."""
        told = args if instance is None else (instance, *args)
        with guard.guarded(f"{self.framework.name}: before {site.name}"):
            self.handler(*told, **kwargs)
        return wrapped(*args, **kwargs)


class Resident(Declared):
    """Has the handler, up to its yield, register callbacks; what follows the yield removes them."""

    def __init__(self, handler: Callable[..., Any], module: str) -> None:
        super().__init__(handler, module, "")
        self._registered: Generator[None, None, None] | None = None
        self._place: ModuleType | None = None

    def put_on(self, module: ModuleType) -> None:
        """Register with the module, unless that has been done."""
        if module is not self._place:
            self.take_off()
            registered = self.handler(module)
            next(registered)
            self._registered, self._place = registered, module

    def take_off(self) -> None:
        """Remove what was registered."""
        registered, self._registered, self._place = self._registered, None, None
        if registered is not None:
            next(registered, None)
