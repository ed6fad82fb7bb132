"""What a model consists of, as text: its layers with their parameters. Nothing is computed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice

MOST_LAYERS = 2000  # lines; of a larger model the first ones


def text(layers: Iterable[tuple[str, str, int]], count: Mapping[str, int], size: int) -> str:
    """A line for each layer, then the sums.

    Args:
        layers: of each layer the name, the class, and the number of its own parameters.
        count: the `parameters` in all, and the `trainable_parameters` among them.
        size: of all, in bytes.
    """
    parameters, trained = count["parameters"], count["trainable_parameters"]
    rows = [("name", "class", "parameters")]
    rows += [
        (name or "(whole)", kind, f"{own:,}") for name, kind, own in islice(layers, MOST_LAYERS)
    ]
    if len(rows) > MOST_LAYERS:
        rows.append(("...", "", ""))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        f"{name:<{widths[0]}}  {kind:<{widths[1]}}  {own:>{widths[2]}}".rstrip()
        for name, kind, own in rows
    ]
    return "\n".join(
        [
            *lines,
            "",
            f"parameters: {parameters:,}",
            f"trainable: {trained:,}",
            f"not trainable: {parameters - trained:,}",
            f"size: {size / 2**20:,.1f} MiB",
            "",
        ]
    )
