"""Spark's columns, as its JSON tells them, as the columns of signatures and datasets."""

from __future__ import annotations

import json
from typing import Any

from flavors.signature import ColSpec, Schema, Type

_TYPES = {
    "boolean": "boolean", "byte": "integer", "short": "integer", "integer": "integer",
    "long": "long", "float": "float", "double": "double", "string": "string", "char": "string",
    "varchar": "string", "binary": "binary", "date": "datetime", "timestamp": "datetime",
    "timestamp_ntz": "datetime",
}  # fmt: skip


def columns(schema: str) -> Schema:
    """The columns of a ``StructType``, from its JSON text."""
    fields = json.loads(schema)["fields"]
    return Schema([ColSpec(_type(field["type"]), field["name"]) for field in fields])


def _type(kind: Any) -> Type:
    if isinstance(kind, str):
        name = kind.partition("(")[0]
        return {"type": "double" if name == "decimal" else _TYPES.get(name, "any")}
    if kind["type"] == "array":
        return {"type": "array", "items": _type(kind["elementType"])}
    if kind["type"] == "map":
        return {"type": "map", "values": _type(kind["valueType"])}
    if kind["type"] == "struct":
        properties = {field["name"]: _type(field["type"]) for field in kind["fields"]}
        return {
            "type": "object",
            "properties": {k: v | {"required": True} for k, v in properties.items()},
        }
    if "vector" in str(kind.get("class") or kind.get("pyClass") or "").lower():
        return {"type": "sparkml_vector"}
    return {"type": "any"}
