"""One intercepted call: the handler sees it, the engine makes it, exactly once."""

from __future__ import annotations

import sys

from autolog.engine.declared import Declared
from autolog.engine.hook import unseen
from autolog.engine.session import Session, current, excluded, silent_process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from types import FrameType
    from typing import Any

    from autolog.engine.patch import Site
    from autolog.engine.recorder import Recorder

    Handler = Callable[["Call"], Generator[None, Any, None]]


class Unbindable(Exception):
    """The arguments do not fit the function: its own error is the one to raise."""


class Call:
    """What a handler sees of a call, and what it may change about it.

    Attributes:
        instance: `self` of a method, the class for a class method, None for a function.
        function: the name of the function or method.
        options: the keywords of the framework's `autolog(...)`, as attributes.
        outer: the recorded call that this one is nested in, of whatever framework, or None.
        whole: the call that this one is part of (see `on`), or None.
        made_in: the module whose code made the call, the framework's own modules included.
    """

    __slots__ = (
        "_arguments", "_changes", "_scope", "_session", "_site", "_wrapped",
        "function", "given", "instance", "made_in", "options", "outer", "whole",
    )  # fmt: skip

    def __init__(
        self, session: Session, site: Site, wrapped: Callable[..., Any], instance: Any,
        args: tuple[Any, ...], kwargs: dict[str, Any], whole: Call | None = None,
    ) -> None:  # fmt: skip
        self.instance, self.function, self.options = instance, site.name, session.options
        self.outer = session.parent.call if session.parent is not None else None
        self.whole = whole
        self.made_in = _module(self._frame_outside("autolog", "wrapt"))
        self._scope: str | None = None
        self._session, self._site, self._wrapped = session, site, wrapped
        self.given = args, kwargs
        self._arguments: Mapping[str, Any] | None = None
        self._changes: dict[str, Any] = {}

    @property
    def arguments(self) -> Mapping[str, Any]:
        """Every argument by its name, defaults applied, without self; read-only."""
        if self._arguments is None:
            from types import MappingProxyType

            args, kwargs = self.given
            signature = self._site.signature(self._wrapped)
            try:
                bound = signature.bind(*args, **kwargs)
            except TypeError as error:
                raise Unbindable from error
            bound.apply_defaults()
            values: dict[str, Any] = {}
            for name, value in bound.arguments.items():
                if signature.parameters[name].kind is signature.parameters[name].VAR_KEYWORD:
                    values.update(value)
                else:
                    values[name] = value
            self._arguments = MappingProxyType(values | self._changes)
        return self._arguments

    def replace(self, name: str, value: Any) -> None:
        """Give the function another value for an argument.

        Raises:
            LookupError: the function takes no argument of that name that can be replaced.
        """
        parameters = self._site.signature(self._wrapped).parameters
        parameter = parameters.get(name)
        if parameter is None:
            known = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
        elif parameter.kind is parameter.POSITIONAL_ONLY:
            known = list(parameters).index(name) < len(self.given[0])
        else:
            known = parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        if not known:
            raise LookupError(f"'{self.function}' takes no argument '{name}' to be replaced")
        self._changes[name] = value
        self._arguments = None

    def append(self, name: str, item: Any) -> None:
        """Add an item to an argument that is a list, or None, without changing the caller's."""
        self.replace(name, [*(self.arguments.get(name) or ()), item])

    @property
    def run(self) -> Recorder:
        """The active run, or else a new one that ends with the call."""
        return self._session.run

    def resume(self, run_id: str) -> None:
        """Go on with that run instead of opening a new one. It ends again with the call.

        Call it before `run` is asked for. A run that is active stays the one written to.
        """
        self._session.resumes = run_id

    def scope(self, class_name: str) -> Recorder:
        """The recorder for one training, as `Recorder.scope`.

        Frameworks that see the same fit of the same estimator share it, and so do the parts.

        Args:
            class_name: of what is trained.
        """
        if self._scope is None:
            outer = self.outer
            same = outer is not None and self.instance is not None
            same = same and outer.instance is self.instance  # type: ignore[union-attr]
            shared = outer if same else self.whole
            recorder = shared.scope(class_name) if shared else self.run.scope(class_name)
            self._scope = recorder.prefix
        return self.run.within(self._scope)

    @property
    def home(self) -> str | None:
        """The framework, among those switched on, that the instance's class comes from."""
        from autolog.engine.options import home_of

        return home_of(type(self.instance))

    @property
    def caller(self) -> FrameType:
        """The frame of the user's code that made the call."""
        return self._frame_outside("autolog", "wrapt", self._package)

    @property
    def is_internal(self) -> bool:
        """Whether the framework's own code made the call, as a step of something else."""
        return self.made_in.partition(".")[0] == self._package

    @property
    def _package(self) -> str:
        return self._site.hook.module.partition(".")[0]

    def _frame_outside(self, *packages: str) -> FrameType:
        """The innermost frame around the call that belongs to none of these."""
        frame = sys._getframe(2)
        while frame.f_back and frame.f_code is not Recording.intercept.__code__:
            frame = frame.f_back  # the handler, and what it called
        while frame.f_back and _package(frame) in packages:
            frame = frame.f_back
        return frame

    def final(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Positional and keyword arguments, as they were passed, with the changes made."""
        args, kwargs = self.given
        if not self._changes:
            return args, kwargs
        positions, named = list(args), dict(kwargs)
        places = {
            name: place
            for place, (name, one) in enumerate(
                self._site.signature(self._wrapped).parameters.items()
            )
            if place < len(args) and one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
        }
        for name, value in self._changes.items():
            if name in places:
                positions[places[name]] = value
            else:
                named[name] = value
        return tuple(positions), named


class Recording(Declared):
    """A framework's hook: records the outermost call by the handler.

    Args:
        handler: the generator function that was decorated.
        part_of, nested, lent_to: as for `on`.
        hook: as for `Hook`.
    """

    def __init__(
        self, handler: Handler, part_of: Handler | None, nested: bool, lent_to: Sequence[str],
        *hook: Any,
    ) -> None:  # fmt: skip
        super().__init__(handler, *hook)
        self.part_of, self.nested, self.lent_to = part_of, nested, tuple(lent_to)

    @unseen
    def intercept(
        self, site: Site, wrapped: Callable[..., Any], instance: Any,
        args: tuple[Any, ...], kwargs: dict[str, Any],
    ) -> Any:  # fmt: skip
        """Make the call, with the handler's code before and after it."""
        parent = current.get()
        whole = None
        if parent is not None and self.framework.name in parent.frameworks:
            whole = self._whole(parent)
            if whole is None and not self.nested:
                return wrapped(*args, **kwargs)
        options = self.framework.options
        if options is None or silent_process():
            return wrapped(*args, **kwargs)
        session = Session(self.framework.name, options, parent)
        token = current.set(session)
        try:
            if excluded(options, parent):
                return wrapped(*args, **kwargs)
            call = session.call = Call(session, site, wrapped, instance, args, kwargs, whole)
            generator = None
            try:
                generator, args, kwargs = _before(self.handler, call, session)
                result = wrapped(*args, **kwargs)
            except BaseException as error:
                try:
                    if generator is not None:
                        _failed(generator, error, session)
                finally:
                    session.close(error)
                raise
            try:
                if generator is not None:
                    _after(generator, result, session)
            except BaseException as error:  # the user interrupts us, not the call
                session.close(error)
                raise
            session.close()
            return result
        finally:
            current.reset(token)

    def _whole(self, parent: Session) -> Call | None:
        """The call of the same framework around this one, if this one is declared a part of it."""
        around = parent.within(self.framework.name)
        call = around.call if around is not None else None
        hook = call._site.hook if call is not None else None
        is_part = isinstance(hook, Recording) and hook.handler is self.part_of
        return call if is_part else None


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


def _package(frame: FrameType) -> str:
    return _module(frame).partition(".")[0]


def _before(
    handler: Handler, call: Call, session: Session
) -> tuple[Generator[None, Any, None] | None, tuple[Any, ...], dict[str, Any]]:
    """Run the handler up to its yield. Where that fails, the call is made as it was given."""
    with session.guarded(f"before {call.function}"):
        try:
            generator = handler(call)
            next(generator)
        except StopIteration:
            return (None, *call.final())  # nothing to do after the call
        except Unbindable:
            return (None, *call.given)
        return (generator, *call.final())
    return (None, *call.given)


def _after(generator: Generator[None, Any, None], result: Any, session: Session) -> None:
    with session.guarded("after the call"):
        try:
            generator.send(result)
        except StopIteration:
            return
        generator.close()
        raise RuntimeError("a handler has one yield; this one has another")


def _failed(generator: Generator[None, Any, None], error: BaseException, session: Session) -> None:
    """Tell the handler about the error, which stays as it is, whatever the handler does."""
    kept = error.__traceback__, error.__context__, error.__cause__, error.__suppress_context__
    with session.guarded("after a failed call"):
        try:
            generator.throw(error)
        except StopIteration:
            pass
        except BaseException as raised:
            # Python itself turns a StopIteration that leaves a generator into a RuntimeError.
            renamed = isinstance(error, StopIteration) and type(raised) is RuntimeError
            if raised is not error and not renamed:
                raise
        else:
            generator.close()
    error.__traceback__, error.__context__, error.__cause__ = kept[:3]
    error.__suppress_context__ = kept[3]
