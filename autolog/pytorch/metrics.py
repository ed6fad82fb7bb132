"""Which of the metrics that Lightning works out are new, and of what: a step, an epoch, a validation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from autolog.pytorch.values import Values

if TYPE_CHECKING:
    from autolog.engine.recorder import Recorder


class Metrics:
    """The metrics of one fit, on their way into its run.

    Lightning has one dictionary of them, in which each is replaced when it is worked out anew.

    Args:
        run: where to.
        every_epoch: write those of every n-th epoch.
    """

    def __init__(self, run: Recorder, every_epoch: int) -> None:
        self._values = Values(run)
        self._every_epoch = every_epoch
        self.known: Mapping[str, Any] = {}  # Lightning's dictionary
        self._of_steps: set[str] = set()  # names that are written by step
        self._of_epochs: set[str] = set()  # names that are written by epoch
        self._names: list[str] = []  # to be written by step, as long as no name comes along
        self._looked_at = 0  # how many names there were when these were chosen
        self._last_epoch: dict[str, Any] = {}  # the values as the last epoch left them
        self._before: dict[str, Any] = {}  # the values as they were before a validation
        self._several = False  # validations in one epoch

    def after_step(self, step: int) -> None:
        """Write what a step gave."""
        known = self.known
        if self._looked_at != len(known) + len(self._of_epochs):
            self._choose()
        if self._values.take(step, {name: known[name] for name in self._names}):
            self._values.flush()

    def before_validation(self) -> None:
        """Remember what there was before, to know what it gave."""
        self._before = dict(self.known)

    def after_validation(self, step: int, ends_epoch: bool) -> None:
        """Note what is of validation; write it by step, too, if there are several in an epoch."""
        fresh = changed(self.known, self._before)
        self._of_epochs.update(fresh)
        self._several = self._several or not ends_epoch
        if self._several:
            self._values.add(step, {f"{name}_step": value for name, value in fresh.items()})

    def after_epoch(self, epoch: int) -> None:
        """Write what an epoch gave."""
        # What did not change is of an earlier epoch: not every epoch is validated.
        fresh = changed(self.known, self._last_epoch)
        values = {name: value for name, value in fresh.items() if name not in self._of_steps}
        self._of_epochs.update(values)
        self._last_epoch = dict(self.known)
        if (epoch + 1) % self._every_epoch == 0:
            self._values.add(epoch, values)

    def flush(self) -> None:
        """Hand in what is held."""
        self._values.flush()

    def _choose(self) -> None:
        """Which names to write by step: not those of epochs, nor a sum of what has a ``_step``."""
        known = self.known
        self._looked_at = len(known) + len(self._of_epochs)
        self._names = [
            name for name in known if name not in self._of_epochs and f"{name}_step" not in known
        ]
        self._of_steps.update(self._names)


def changed(now: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """The values that have been worked out since."""
    return {name: value for name, value in now.items() if value is not before.get(name)}
