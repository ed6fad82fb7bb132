"""What a module consists of, as text: its layers with their parameters. Nothing is computed."""

from __future__ import annotations

from typing import Any

MOST_LAYERS = 2000  # lines; of a larger module the first ones


def count(module: Any) -> dict[str, int]:
    """How many parameters a module has, and how many of them are trained."""
    sizes = [(one.numel(), one.requires_grad) for one in _parameters(module)]
    return {
        "parameters": sum(size for size, _ in sizes),
        "trainable_parameters": sum(size for size, trained in sizes if trained),
    }


def text(module: Any) -> str:
    """A line for each layer: name, class, number of own parameters; then the sums."""
    rows = [("name", "class", "parameters")]
    for name, layer in module.named_modules():
        own = sum(one.numel() for one in _parameters(layer, recurse=False))
        rows.append((name or "(whole)", type(layer).__name__, f"{own:,}"))
        if len(rows) > MOST_LAYERS:
            rows.append(("...", "", ""))
            break
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        f"{name:<{widths[0]}}  {kind:<{widths[1]}}  {own:>{widths[2]}}".rstrip()
        for name, kind, own in rows
    ]
    sums = count(module)
    frozen = sums["parameters"] - sums["trainable_parameters"]
    bytes_ = sum(one.numel() * one.element_size() for one in _parameters(module))
    return "\n".join(
        [
            *lines,
            "",
            f"parameters: {sums['parameters']:,}",
            f"trainable: {sums['trainable_parameters']:,}",
            f"not trainable: {frozen:,}",
            f"size: {bytes_ / 2**20:,.1f} MiB",
            "",
        ]
    )


def _parameters(module: Any, recurse: bool = True) -> list[Any]:
    """Its parameters, without those whose size is not known before the first batch."""
    from torch.nn.parameter import is_lazy

    return [one for one in module.parameters(recurse) if not is_lazy(one)]
