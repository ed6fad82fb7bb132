"""The curve of a boosted training: a point of each metric per round, and what stopping early adds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from autolog.engine.recorder import Recorder
from core_client.checks import metric_key


class Rounds:
    """The metrics of a training's rounds, written as they come.

    Args:
        run: where to.
    """

    def __init__(self, run: Recorder) -> None:
        self.run = run
        self.next_step = 0  # the one after the last round
        self._names: Sequence[tuple[str, str]] = ()
        self._keys: list[str] = []

    def log(self, step: int, names: Sequence[tuple[str, str]], values: Iterable[Any]) -> None:
        """Write one round.

        Args:
            step: the round's number.
            names: of eval set and metric; a pair that comes again is another set of that name.
            values: one for each pair.
        """
        self.next_step = step + 1
        if names != self._names:
            self._names, self._keys = names, _keys(names)
        self.run.log_metrics(dict(zip(self._keys, values, strict=True)), step)

    def log_stop(
        self,
        stopped: int,
        best: int,
        names: Sequence[tuple[str, str]],
        values: Iterable[Any],
    ) -> None:
        """Write where early stopping ended the training, and the best round once more at the end.

        Args:
            stopped: the number by which the library knows the last round.
            best: the number by which it knows the best one.
            names: as for `log`.
            values: of the best round.
        """
        self.run.log_metrics({"stopped_iteration": stopped, "best_iteration": best})
        if names:
            self.log(self.next_step, names, values)


def _keys(names: Sequence[tuple[str, str]]) -> list[str]:
    """``<eval set>-<metric>``, different for each; the second set of a name is ``<set>-2``."""
    seen: Counter[tuple[str, str]] = Counter()
    keys: dict[str, None] = {}
    for dataset, metric in names:
        seen[dataset, metric] += 1
        nth = seen[dataset, metric]
        key = metric_key(f"{dataset}-{metric}" if nth == 1 else f"{dataset}-{nth}-{metric}")
        while key in keys:  # two names that differ only in what a key cannot have
            key += "_"
        keys[key] = None
    return list(keys)
