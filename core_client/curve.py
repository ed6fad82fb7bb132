"""A metric's points as a curve that can be drawn small: read in bounded time, thinned, summed up."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import NamedTuple

from core_client.entities import Metric
from core_client.stores.base import Store

PAGE = 10_000  # points read at a time
MOST = 200_000  # points read of one metric at most


class Curve(NamedTuple):
    """The points of one metric as pairs of place and value; not `whole` if there are more.

    The place is the step, or the number of the point if all have the same step.
    """

    key: str
    points: Sequence[tuple[int, float]]
    whole: bool

    @property
    def finite(self) -> list[float]:
        """Its values without NaN and infinities."""
        return [value for _, value in self.points if math.isfinite(value)]


def read(store: Store, run_id: str, key: str, until: float) -> Curve:
    """Read a metric's points.

    Args:
        store: where the run is.
        run_id: the run.
        key: the metric.
        until: stop reading at this time of `time.monotonic`.
    """
    history: list[Metric] = []
    token = None
    while True:
        page = store.metric_history(run_id, key, PAGE, token)
        history += page
        token = page.token
        if not token or len(history) >= MOST or time.monotonic() > until:
            break
    history.sort(key=lambda point: (point.step, point.timestamp))
    stepped = history and history[0].step != history[-1].step
    points = [
        (point.step if stepped else number, point.value) for number, point in enumerate(history)
    ]
    return Curve(key, points, token is None)


def thinned(points: Sequence[tuple[int, float]], most: int) -> list[tuple[int, float]]:
    """At most so many points that look like all of them: the lowest and highest of each stretch."""
    if len(points) <= most:
        return list(points)
    stretches = most // 2
    kept: list[tuple[int, float]] = []
    for number in range(stretches):
        begin, end = (len(points) * n // stretches for n in (number, number + 1))
        finite = [point for point in points[begin:end] if math.isfinite(point[1])]
        if not finite:
            kept.append((points[begin][0], math.nan))
            continue
        ends = {min(finite, key=lambda point: point[1]), max(finite, key=lambda point: point[1])}
        kept += sorted(ends)
    return kept
