"""Where our own faults end: a training never sees them, its user is told once."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import ParamSpec, TypeVar

    P = ParamSpec("P")
    R = TypeVar("R")

# A list while tests run: faults go there, and nothing is said to the user.
collected: list[tuple[str, Exception]] | None = None

_reported: set[tuple[str, type[Exception]]] = set()


def report(
    place: str, error: Exception, run_name: Callable[[], str] | None = None, silent: bool = False
) -> None:
    """Tell the user, once per place and type of error, that something was not recorded.

    What fails in several places of one run for the same cause is told of in the first.

    Args:
        place: what was being done, such as ``sklearn: the confusion matrix``.
        error: what went wrong there.
        run_name: gives the name of the run that lacks something now, asked only if needed; the
            run of the call being recorded by default.
        silent: say nothing, as if that call's framework were silent.
    """
    from autolog.engine.session import current

    session = current.get()
    if session is not None:
        silent = silent or session.silent
        run_name = run_name or session.run_name
    if collected is not None:
        collected.append((place, error))
    elif not silent and (place, type(error)) not in _reported:
        _reported.add((place, type(error)))
        name = _told(run_name or str)
        where = f" in run '{name}'" if name else ""
        notice(
            f"autolog: {place} failed, so its part is not recorded{where}. Your own code is not "
            f"affected. Cause: {type(error).__name__}: {_told(lambda: str(error))}",
            once=f"a fault in run '{name}': {_told(lambda: repr(error.__cause__ or error))}",
        )


def _told(text: Callable[[], str]) -> str:
    """A text for a message; empty if it cannot be made."""
    try:
        return text()
    except Exception:
        return ""


def notice(message: str, silent: bool = False, once: str = "") -> None:
    """Tell the user something, and never through an error of our own.

    Args:
        message: what.
        silent: do not.
        once: what must not be said twice, if not the message itself.
    """
    if silent:
        return
    try:
        from core_client.report import warn

        warn(message, once)
    except Exception:  # a logging handler of the user's may raise; there is nobody left to tell
        return


class guarded:
    """A ``with`` block, or a function, whose faults are reported and go no further.

    Args:
        place, run_name, silent: see `report`.
    """

    def __init__(
        self, place: str, run_name: Callable[[], str] | None = None, silent: bool = False
    ) -> None:
        self.place, self.run_name, self.silent = place, run_name, silent

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        report(self.place, error, self.run_name, self.silent)
        return True

    def __call__(self, function: Callable[P, R]) -> Callable[P, R | None]:
        """The function with this guard around each call; None where it failed."""

        def guarded_function(*args: P.args, **kwargs: P.kwargs) -> R | None:
            with self:
                return function(*args, **kwargs)
            return None

        return guarded_function
