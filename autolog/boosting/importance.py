"""How much each feature contributed to a booster: a JSON file, and bars of the highest values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from autolog.engine.recorder import Recorder

MOST_BARS = 50
INCHES_PER_BAR = 0.18


def log(run: Recorder, kind: str, scores: Mapping[str, Any]) -> None:
    """Keep the importance of all features, off the training thread.

    Args:
        run: where to.
        kind: of importance, such as ``gain``.
        scores: feature to value; of a linear booster for several classes, a list of values.
    """
    run.later(run.log_dict, dict(scores), f"feature_importance_{kind}.json")
    if scores:
        run.log_figure(lambda: _draw(kind, scores), f"feature_importance_{kind}.png")


def _draw(kind: str, scores: Mapping[str, Any]) -> Figure:
    import numpy as np
    from matplotlib.figure import Figure

    values = np.array([np.atleast_1d(score) for score in scores.values()], dtype=float)
    chosen = np.argsort(abs(values).sum(axis=1), kind="stable")[-MOST_BARS:]
    names = [str(list(scores)[row]) for row in chosen]
    height = max(3.0, 1.0 + INCHES_PER_BAR * len(chosen))
    figure = Figure(figsize=(6.4, height), layout="constrained")
    axes = figure.subplots()
    classes = values.shape[1]
    thickness = 0.8 / classes
    places = np.arange(len(chosen))
    for column in range(classes):
        offset = (column - (classes - 1) / 2) * thickness
        axes.barh(places + offset, values[chosen, column], thickness, label=f"class {column}")
    axes.set_yticks(places, names, fontsize=8, parse_math=False)
    if classes > 1:
        axes.legend(fontsize=8)
    of_all = "" if len(chosen) == len(scores) else f", highest {len(chosen)} of {len(scores)}"
    axes.set_title(f"Feature importance ({kind}{of_all})", fontsize=9)
    axes.set_xlabel(kind, fontsize=8)
    return figure
