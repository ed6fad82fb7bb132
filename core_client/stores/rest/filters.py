"""Filters in the one spelling that every MLflow server understands."""

from __future__ import annotations

from collections.abc import Sequence

from core_client.search import Comparison, Order, Value

_PREFIXES = {
    "attribute": "attribute", "metric": "metrics", "param": "params", "tag": "tags",
    "dataset": "dataset",
}  # fmt: skip


def filter_text(conditions: Sequence[Comparison]) -> str:
    """The conditions as a filter string."""
    return " AND ".join(
        f"{_field(wanted.kind, wanted.key)} {wanted.operator} {_value(wanted.value)}".rstrip()
        for wanted in conditions
    )


def order_texts(orders: Sequence[Order]) -> list[str]:
    """The sort keys as ``order_by`` clauses."""
    return [
        f"{_field(order.kind, order.key)} {'ASC' if order.ascending else 'DESC'}"
        for order in orders
    ]


def quoted(text: str) -> str:
    """A text as it stands in a filter."""
    mark = '"' if "'" in text else "'"
    return f"{mark}{text}{mark}"


def _field(kind: str, key: str) -> str:
    if kind in ("attribute", "dataset"):
        return f"{_PREFIXES[kind]}.{key}"
    mark = '"' if "`" in key else "`"
    return f"{_PREFIXES[kind]}.{mark}{key}{mark}"


def _value(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, tuple):
        return f"({', '.join(map(_value, value))})"
    return repr(value)
