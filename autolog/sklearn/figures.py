"""Figures of a trained classifier, drawn from small arrays with matplotlib's object API."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = np.ndarray[Any, Any]

DOTS_PER_INCH = 175
MOST_POINTS = 1000  # of a curve; more cannot be seen
MOST_TICKS = 50
MOST_CELL_TEXTS = 30  # classes up to which each cell of a matrix is labelled


def confusion_matrix(counts: Array, labels: Sequence[str], name: str) -> Callable[[], Figure]:
    """Shares of each true class (row) that went to each predicted class (column)."""
    rows = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, rows, out=np.zeros(counts.shape), where=rows != 0)

    def draw() -> Figure:
        from matplotlib.ticker import FixedLocator, FuncFormatter

        figure, axes = _empty("Normalized confusion matrix", name)
        size = max(3.0, min(8.0, 50.0 / len(labels)))
        image = axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=shares.max() or 1.0)
        figure.colorbar(image, ax=axes).ax.tick_params(labelsize=8)
        ticks = range(0, len(labels), 1 + len(labels) // MOST_TICKS)
        for axis in (axes.xaxis, axes.yaxis):
            # Not set_ticks with labels: that swaps the warning filters of the whole process.
            axis.set_major_locator(FixedLocator(ticks))
            axis.set_major_formatter(FuncFormatter(lambda tick, _: labels[round(tick)]))
            axis.set_tick_params(labelsize=size)
        axes.set_xlabel("Predicted label", fontsize=8)
        axes.set_ylabel("True label", fontsize=8)
        if len(labels) <= MOST_CELL_TEXTS:
            middle = shares.max() / 2
            for (row, column), share in np.ndenumerate(shares):
                color = "white" if share > middle else "black"
                axes.text(
                    column, row, f"{share:.2g}", ha="center", va="center", color=color, size=size
                )
        return figure

    return draw


def roc_curve(rates: tuple[Array, Array], area: float, positive: str, name: str) -> Any:
    """True against false positive rate of the positive class."""
    x, y = _thinned(rates[0]), _thinned(rates[1])

    def draw() -> Figure:
        figure, axes = _empty("ROC curve", name)
        axes.plot(x, y, label=f"{name} (AUC = {area:.2f})")
        axes.plot([0, 1], [0, 1], "--", color="grey", linewidth=0.8)
        axes.set_xlabel(f"False positive rate (positive label: {positive})", fontsize=8)
        axes.set_ylabel(f"True positive rate (positive label: {positive})", fontsize=8)
        axes.legend(loc="lower right", fontsize=8)
        return figure

    return draw


def precision_recall_curve(
    points: tuple[Array, Array, float], positive: str, name: str
) -> Callable[[], Figure]:
    """Precision against recall of the positive class."""
    recall, precision, average = _thinned(points[0]), _thinned(points[1]), points[2]

    def draw() -> Figure:
        figure, axes = _empty("Precision recall curve", name)
        axes.step(recall, precision, where="post", label=f"{name} (AP = {average:.2f})")
        axes.set_xlabel(f"Recall (positive label: {positive})", fontsize=8)
        axes.set_ylabel(f"Precision (positive label: {positive})", fontsize=8)
        axes.set_ylim(-0.02, 1.02)
        axes.legend(loc="lower left", fontsize=8)
        return figure

    return draw


def _empty(title: str, name: str) -> tuple[Figure, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.0, 4.0), dpi=DOTS_PER_INCH, layout="constrained")
    axes = figure.subplots()
    axes.set_title(f"{title}: {name}", fontsize=9)
    axes.tick_params(labelsize=8)
    return figure, axes


def _thinned(values: Array) -> Array:
    """At most `MOST_POINTS` of the values, the first and the last among them."""
    if len(values) <= MOST_POINTS:
        return values
    chosen: Array = np.linspace(0, len(values) - 1, MOST_POINTS).astype(int)
    thinned: Array = values[chosen]
    return thinned
