"""What differs from library to library, for who records a loop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from autolog.engine.session import silent_process

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autolog.engine.recorder import Recorder
    from autolog.loops.values import Values


class Library(ABC):
    """Knows the optimizers, models and values of one library; it has no state.

    What it is asked after every step must be quick, and must not wait for a device.
    """

    name: str  # as in `autolog.<name>`
    callers: frozenset[str]  # frameworks that call the library for the user, and tell of it
    with_loops: tuple[str, ...] = ()  # packages whose own loops are none of the user's

    def is_silent(self, optimizer: Any) -> bool:
        """Whether another process records: among distributed ones, that of rank zero."""
        return silent_process()

    def is_noting(self) -> bool:
        """Whether a device only notes what this thread calls, to do it again and again later."""
        return False

    @abstractmethod
    def params(self, optimizer: Any) -> dict[str, Any]:
        """The optimizer's name and hyper-parameters."""

    @abstractmethod
    def learning_rates(self, optimizer: Any) -> Sequence[Any]:
        """The rate of each group of parameters: a number, or a value on a device."""

    @abstractmethod
    def gradient_norm(self, optimizer: Any) -> Any:
        """The norm of all gradients as one vector, still on its device; None if there is none."""

    @abstractmethod
    def trains(self, optimizer: Any, model: Any) -> bool:
        """Whether the optimizer's first parameter is one of the model's."""

    @abstractmethod
    def model(self, optimizer: Any) -> Any:
        """The model whose parameters the optimizer changes; None if there is none."""

    def unwrapped(self, model: Any) -> Any:
        """The user's model inside of what the library has put around it."""
        return model

    @abstractmethod
    def size(self, model: Any) -> dict[str, int]:
        """How large the model is, as params."""

    @abstractmethod
    def summary(self, model: Any) -> str:
        """What the model consists of, as text."""

    @abstractmethod
    def loss(self, losses: list[Any]) -> Any:
        """What all that `backward` was called on since the last step amounts to."""

    @abstractmethod
    def kept(self, value: Any) -> Any:
        """A value to be read later, whatever the training does to it meanwhile."""

    @abstractmethod
    def values(self, run: Recorder) -> Values:
        """What takes the values of a training, and has them read in the background."""
