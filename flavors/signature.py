"""What a model takes and gives: column or tensor types, in the JSON form that MLmodel files hold."""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from core_client.exceptions import invalid

if TYPE_CHECKING:
    import pandas

# A signature describes columns, not values; so many rows say all that more of them would.
SAMPLE_ROWS = 1000

Type = dict[str, Any]  # {"type": "double"}, {"type": "array", "items": {"type": "string"}}, ...
ANY: Type = {"type": "any"}

_PYTHON_TYPES = {
    "bool": "boolean", "bool_": "boolean",
    "int": "long", "int64": "long", "int32": "integer",
    "float": "double", "float64": "double", "float32": "float",
    "str": "string", "str_": "string",
    "bytes": "binary", "bytes_": "binary", "bytearray": "binary",
    "datetime64": "datetime",
}  # fmt: skip


_PLAIN = frozenset({str, bytes, int, bool, type(None)})


class ColSpec(msgspec.Struct, frozen=True):
    """One column: its type in JSON form, its name (None for a lone unnamed column)."""

    kind: Type
    name: str | int | None = None
    required: bool = True

    @property
    def type(self) -> str:
        """The name of the type, such as ``double`` or ``array``."""
        return str(self.kind["type"])

    def to_dict(self) -> dict[str, Any]:
        """The column as MLmodel files hold it."""
        name = {} if self.name is None else {"name": self.name}
        return {**self.kind, **name, "required": self.required}

    def __repr__(self) -> str:
        need = "required" if self.required else "optional"
        text = self.type if len(self.kind) == 1 else json.dumps(self.kind)
        return f"{text} ({need})" if self.name is None else f"{self.name!r}: {text} ({need})"


class TensorSpec(msgspec.Struct, frozen=True):
    """One array: numpy's name of its dtype, and its shape with -1 for the number of rows."""

    dtype: str
    shape: tuple[int, ...]
    name: str | None = None
    required = True

    def to_dict(self) -> dict[str, Any]:
        """The tensor as MLmodel files hold it."""
        name = {} if self.name is None else {"name": self.name}
        spec = {"dtype": self.dtype, "shape": list(self.shape)}
        return {**name, "type": "tensor", "tensor-spec": spec}

    def __repr__(self) -> str:
        text = f"Tensor({self.dtype!r}, {self.shape!r})"
        return text if self.name is None else f"{self.name!r}: {text}"


class Schema(msgspec.Struct, frozen=True):
    """All columns, or all tensors, of a model's input or output."""

    inputs: Sequence[ColSpec | TensorSpec]

    def is_tensor_spec(self) -> bool:
        """Whether arrays are described, not columns."""
        return isinstance(self.inputs[0], TensorSpec)

    def has_input_names(self) -> bool:
        """Whether columns or tensors are told apart by name."""
        return self.inputs[0].name is not None

    def input_names(self) -> list[str | int]:
        """The names, or positions where there are none."""
        return [i if x.name is None else x.name for i, x in enumerate(self.inputs)]

    def to_dict(self) -> list[dict[str, Any]]:
        """The schema as a list that JSON can hold."""
        return [x.to_dict() for x in self.inputs]

    def to_json(self) -> str:
        """The schema as MLmodel files hold it."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> Schema:
        """The schema of that JSON text.

        Raises:
            MlflowException: the text describes no schema.
        """
        try:
            specs: list[Any] = [_spec(fields) for fields in json.loads(text)]
            return cls(specs)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise invalid(f"Not a schema: {text[:200]!r} ({error!r}).") from error

    def __repr__(self) -> str:
        return repr(self.inputs)


class ParamSpec(msgspec.Struct, frozen=True):
    """One parameter of prediction: type, default, and shape (None, or (-1,) for a list)."""

    name: str
    kind: Type
    default: Any
    shape: tuple[int, ...] | None = None

    def to_dict(self) -> dict[str, Any]:
        """The parameter as MLmodel files hold it."""
        value = self.default
        if self.kind["type"] == "datetime":
            value = [_iso(v) for v in value] if self.shape else _iso(value)
        shape = None if self.shape is None else list(self.shape)
        return {"name": self.name, "default": value, "shape": shape, **self.kind}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> ParamSpec:
        """The parameter of that JSON form."""
        rest = dict(fields)
        shape = rest.pop("shape", None)
        kind = {k: v for k, v in rest.items() if k not in ("name", "default")}
        default = rest["default"]
        if kind["type"] == "datetime":
            read = datetime.datetime.fromisoformat
            default = [read(v) for v in default] if shape else read(default)
        return cls(rest["name"], kind, default, None if shape is None else tuple(shape))


class ModelSignature:
    """What a model takes, what it gives, and the parameters of its prediction.

    Args:
        inputs, outputs: the schemas, as far as known.
        params: one ParamSpec for each parameter of prediction.
    """

    def __init__(
        self,
        inputs: Schema | None = None,
        outputs: Schema | None = None,
        params: Sequence[ParamSpec] | None = None,
    ) -> None:
        if inputs is None and outputs is None and params is None:
            raise ValueError("A signature needs inputs, outputs or params.")
        self.inputs = inputs
        self.outputs = outputs
        self.params = list(params) if params else None

    def to_dict(self) -> dict[str, str | None]:
        """Three JSON texts, as MLmodel files hold them."""
        return {
            "inputs": self.inputs.to_json() if self.inputs else None,
            "outputs": self.outputs.to_json() if self.outputs else None,
            "params": json.dumps([p.to_dict() for p in self.params]) if self.params else None,
        }

    @classmethod
    def from_dict(cls, signature_dict: Mapping[str, Any]) -> ModelSignature:
        """The signature of three JSON texts."""
        inputs, outputs, params = (signature_dict.get(k) for k in ("inputs", "outputs", "params"))
        return cls(
            Schema.from_json(inputs) if inputs else None,
            Schema.from_json(outputs) if outputs else None,
            [ParamSpec.from_dict(p) for p in json.loads(params)] if params else None,
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ModelSignature) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"inputs: {self.inputs!r}\noutputs: {self.outputs!r}\nparams: {self.params!r}\n"


def infer_signature(
    model_input: Any = None, model_output: Any = None, params: dict[str, Any] | None = None
) -> ModelSignature:
    """The signature that fits example data. At most SAMPLE_ROWS rows are looked at.

    Args:
        model_input, model_output: DataFrame, Series, array, dict of arrays, sparse matrix, or
            lists and dicts of JSON-like values. Types without a name become ``any``.
        params: parameters of prediction with their defaults.
    """
    return ModelSignature(
        None if model_input is None else infer_schema(model_input),
        None if model_output is None else infer_schema(model_output),
        [_param(name, value) for name, value in params.items()] if params else None,
    )


def infer_schema(data: Any) -> Schema:
    """The schema of data; one unnamed column of type ``any`` where it cannot be told."""
    try:
        return Schema(_infer(data))
    except (TypeError, ValueError):
        return Schema([ColSpec(ANY)])


def _infer(data: Any) -> list[Any]:
    if hasattr(data, "columns") and hasattr(data, "iloc"):
        head = data.iloc[:SAMPLE_ROWS]
        return [_column(head.iloc[:, i], name) for i, name in enumerate(head.columns)]
    if hasattr(data, "iloc"):
        return [_column(data.iloc[:SAMPLE_ROWS], data.name)]
    if hasattr(data, "dtype") and hasattr(data, "shape") and data.shape:
        return [_tensor(data)]
    if isinstance(data, dict):
        if all(hasattr(value, "dtype") and value.shape for value in data.values()):
            return [_tensor(value, name) for name, value in data.items()]
        return [ColSpec(_kind(value), name, not _missing(value)) for name, value in data.items()]
    if isinstance(data, list):
        head = data[:SAMPLE_ROWS]
        if not head:
            return [ColSpec({"type": "string"})]
        if all(isinstance(row, dict) for row in head):
            names = dict.fromkeys(name for row in head for name in row)
            return [_key(head, name) for name in names]
        return [ColSpec(_items(head))]
    return [ColSpec(_kind(data))]


def _tensor(data: Any, name: str | None = None) -> TensorSpec:
    dtype = {"U": "str", "S": "bytes"}.get(data.dtype.kind, data.dtype.name)
    return TensorSpec(dtype, (-1, *(int(n) for n in data.shape[1:])), name)


def _column(column: pandas.Series[Any], name: Any) -> ColSpec:
    required = not bool(column.isna().any())
    if column.dtype.kind == "O":
        column = column.infer_objects()
    if column.dtype.kind == "O":
        # Text, categories and whatever else: the values tell.
        return ColSpec(_items(column.tolist()), name, required)
    return ColSpec({"type": numpy_type(column.dtype)}, name, required)


def _key(rows: list[dict[str, Any]], name: str) -> ColSpec:
    required = all(row.get(name) is not None for row in rows)
    return ColSpec(_items([row[name] for row in rows if name in row]), name, required)


def numpy_type(dtype: Any) -> str:
    """The name that a column of this numpy or pandas dtype has in a schema."""
    kind, size = dtype.kind, getattr(dtype, "itemsize", 0)
    if kind in "iu" and (kind == "i" or size < 8):
        return "integer" if size < 4 or (kind == "i" and size == 4) else "long"
    if kind == "f" and size <= 8:
        return "float" if size <= 4 else "double"
    simple = {"b": "boolean", "U": "string", "S": "binary", "M": "datetime"}
    if kind not in simple:
        raise TypeError(f"no column type for dtype {dtype}")
    return simple[kind]


def _kind(value: Any) -> Type:
    if _missing(value) or (isinstance(value, list | dict) and not value):
        return ANY
    if isinstance(value, dict):
        kinds = {name: _kind(value[name]) for name in sorted(value)}
        properties = {name: {**kind, "required": kind != ANY} for name, kind in kinds.items()}
        return {"type": "object", "properties": properties}
    if isinstance(value, list) or getattr(value, "shape", None):
        return {"type": "array", "items": _items(value)}
    if isinstance(value, datetime.date):
        return {"type": "datetime"}
    if type(value).__name__ in _PYTHON_TYPES:
        return {"type": _PYTHON_TYPES[type(value).__name__]}
    raise TypeError(f"no column type for {type(value).__name__}")


def _items(values: Any) -> Type:
    """The one type of all values of a list."""
    # Of plain values one of each type tells all; this is what text columns consist of.
    of_type = dict(zip(map(type, values), values, strict=True))
    plain = [value for cls, value in of_type.items() if cls in _PLAIN]
    others = []
    if len(plain) < len(of_type):
        others = [value for value in values if type(value) not in _PLAIN]
    kind = ANY
    for value in plain + others:
        kind = _merge(kind, _kind(value))
    return kind


def _merge(one: Type, other: Type) -> Type:
    if one == other or other == ANY:
        return one
    if one == ANY:
        return other
    if one["type"] == other["type"] == "array":
        return {"type": "array", "items": _merge(one["items"], other["items"])}
    if one["type"] == other["type"] == "object":
        a, b = one["properties"], other["properties"]
        properties = {name: _property(a.get(name), b.get(name)) for name in sorted({*a, *b})}
        return {"type": "object", "properties": properties}
    raise TypeError(f"one column holds both {one['type']} and {other['type']}")


def _property(one: Type | None, other: Type | None) -> Type:
    if one is None or other is None:
        return {**(one or other or ANY), "required": False}
    required = one["required"] and other["required"]
    bare = [{k: v for k, v in kind.items() if k != "required"} for kind in (one, other)]
    return {**_merge(*bare), "required": required}


def _missing(value: Any) -> bool:
    if isinstance(value, float):
        return math.isnan(value)
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def _param(name: str, value: Any) -> ParamSpec:
    if hasattr(value, "tolist"):
        value = value.tolist()
    try:
        kind = _items(value) if isinstance(value, list) else _kind(value)
    except TypeError:
        kind = ANY
    if kind["type"] in ("any", "array", "binary"):
        raise invalid(f"Parameter {name!r} = {value!r}: only scalars, flat lists and dicts fit.")
    return ParamSpec(name, kind, value, (-1,) if isinstance(value, list) else None)


def _spec(fields: dict[str, Any]) -> ColSpec | TensorSpec:
    if fields["type"] == "tensor":
        spec = fields["tensor-spec"]
        return TensorSpec(spec["dtype"], tuple(spec["shape"]), fields.get("name"))
    kind = {k: v for k, v in fields.items() if k not in ("name", "required")}
    return ColSpec(kind, fields.get("name"), fields.get("required", True))


def _iso(value: Any) -> str:
    return str(value.isoformat())
