"""A metric's points as a curve that can be drawn small: read in bounded time, thinned, summed up."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from core_client.entities import Metric
from core_client.stores.base import Store

PAGE = 10_000  # points read at a time
MOST = 200_000  # points read of one metric at most


Point = tuple[int, float]


class Curve(NamedTuple):
    """The points of one metric as pairs of place and value; not `whole` if there are more.

    The place is the step, or the number of the point if all have the same step.
    """

    key: str
    points: Sequence[Point]
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


def stretches(points: Sequence[Point], most: int) -> Iterator[Sequence[Point]]:
    """The points cut into at most so many pieces of about the same length."""
    most = min(most, len(points))
    for number in range(most):
        yield points[len(points) * number // most : len(points) * (number + 1) // most]


def thinned(points: Sequence[Point], most: int) -> list[Point]:
    """At most so many points that look like all of them: the lowest and highest of each stretch."""
    if len(points) <= most:
        return list(points)
    kept: list[Point] = []
    for stretch in stretches(points, most // 2):
        finite = [point for point in stretch if math.isfinite(point[1])]
        if not finite:
            kept.append((stretch[0][0], math.nan))
            continue
        ends = {min(finite, key=lambda point: point[1]), max(finite, key=lambda point: point[1])}
        kept += sorted(ends)
    return kept
