"""A callback of Lightning that does nothing: what ours are made from, and all that pickles of them."""

from __future__ import annotations

from multiprocessing.context import get_spawning_popen
from typing import Any


class Idle:
    """A callback of Lightning, of either package, that does nothing and leaves no trace."""

    state_key = "autolog"
    _legacy_state_key = "autolog"
    # Lightning passes over a hook that is None. These are those of every step, found at once.
    on_train_batch_start: Any = None
    on_train_batch_end: Any = None
    on_before_zero_grad: Any = None
    on_before_backward: Any = None
    on_after_backward: Any = None
    on_before_optimizer_step: Any = None

    def state_dict(self) -> dict[str, Any]:
        """Nothing of ours goes into a checkpoint."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """There is none."""

    def on_save_checkpoint(self, trainer: Any, module: Any, checkpoint: dict[str, Any]) -> None:
        """Nothing of ours goes into a checkpoint."""

    def on_load_checkpoint(self, trainer: Any, module: Any, checkpoint: dict[str, Any]) -> None:
        """There is none."""

    def __getattr__(self, name: str) -> Any:
        """Nor have we use for the other hooks."""
        if name.startswith("on_") or name in ("setup", "teardown"):
            return None
        raise AttributeError(name)


def elsewhere(kind: type[Idle], *what: Any) -> tuple[Any, ...]:
    """How a callback of ours pickles: it goes on in a process that the fit starts."""
    if get_spawning_popen() is None:  # a trainer that is copied, or written to a file
        return Idle, ()
    return kind, what
