"""Input of a prediction against the model's signature: checked, put in order, cast where safe."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from core_client.exceptions import invalid
from flavors.signature import ColSpec, ParamSpec, Schema, TensorSpec, numpy_type

if TYPE_CHECKING:
    import pandas

_NUMPY = {
    "boolean": "bool", "integer": "int32", "long": "int64", "float": "float32", "double": "float64"
}  # fmt: skip


def enforce(data: Any, schema: Schema) -> Any:
    """The data as the schema wants it: its columns only, in its order, of its types.

    Columns that the schema does not know are left out. A value is cast only where no value of
    that type can change: to a wider number of the same kind, or from 32-bit integers to double.

    Raises:
        MlflowException: a column is missing, or cannot be cast safely; both types are named.
    """
    if schema.is_tensor_spec():
        return _tensors(data, schema)
    return _columns(_frame(data, schema), schema)


def enforce_params(params: dict[str, Any] | None, specs: Sequence[ParamSpec]) -> dict[str, Any]:
    """The parameters of a prediction, defaults filled in; unknown ones are refused."""
    given = dict(params or {})
    result = {spec.name: _param(given.pop(spec.name, spec.default), spec) for spec in specs}
    if given:
        known = ", ".join(spec.name for spec in specs) or "none"
        raise invalid(f"Unknown parameters {sorted(given)}; the signature has: {known}.")
    return result


def _frame(data: Any, schema: Schema) -> pandas.DataFrame:
    import pandas

    if isinstance(data, pandas.DataFrame):
        return data
    if isinstance(data, pandas.Series):
        return data.to_frame()
    nested = any(x.type in ("array", "object", "map") for x in schema.inputs)  # type: ignore[union-attr]
    try:
        if isinstance(data, dict):
            one_row = nested or all(_scalar(value) for value in data.values())
            return pandas.DataFrame([data] if one_row else data)
        if _scalar(data):
            return pandas.DataFrame([data])
        return pandas.DataFrame(data)
    except (ValueError, TypeError) as error:
        raise invalid(f"Input of type {type(data).__name__} makes no table: {error}.") from error


def _columns(frame: pandas.DataFrame, schema: Schema) -> pandas.DataFrame:
    import pandas

    specs: list[ColSpec] = list(schema.inputs)  # type: ignore[arg-type]
    if schema.has_input_names():
        absent = [x.name for x in specs if x.required and x.name not in frame.columns]
        if absent:
            raise invalid(
                f"The input lacks columns {absent}. Expected: {[x.name for x in specs]}; "
                f"found: {list(frame.columns)}."
            )
        pairs = [(x.name, frame[x.name], x) for x in specs if x.name in frame.columns]
    else:
        if frame.shape[1] < len(specs):
            raise invalid(
                f"The input has {frame.shape[1]} columns; the signature expects {len(specs)}."
            )
        pairs = [
            (name, frame.iloc[:, i], spec)
            for i, (name, spec) in enumerate(zip(frame.columns, specs, strict=False))
        ]
    cast = {name: _cast(column, spec, name) for name, column, spec in pairs}
    return pandas.DataFrame(cast, index=frame.index)


def _cast(column: pandas.Series[Any], spec: ColSpec, name: Any) -> pandas.Series[Any]:
    want = spec.type
    if want in ("any", "array", "object", "map", "sparkml_vector"):
        return column
    text_like = column.dtype.kind == "O" or str(column.dtype) in ("string", "str")
    if text_like and want in ("string", "binary"):
        return column
    if text_like:
        column = column.infer_objects()
        if want == "boolean" and column.dtype.kind == "O":
            return column  # booleans with gaps
        if want == "datetime":
            return _dates(column, name)
    if str(column.dtype) == "category":
        # Its categories stand for the values; the model was fitted to them as such.
        _cast(column.cat.categories.to_series(), spec, name)
        return column
    try:
        have = numpy_type(column.dtype)
    except TypeError:
        have = "other"
    if want == have == "datetime":
        return _dates(column, name)
    if have == want and want not in _NUMPY:
        return column
    # The same name may still be another dtype: a short or unsigned integer, a nullable one.
    holes = have in ("boolean", "integer", "long") and column.isna().any()
    if (have == want or _safe(column, have, want)) and not holes:
        return column.astype(_NUMPY[want])
    raise invalid(
        f"Column {name!r} is of dtype {column.dtype}; the signature expects {want}, and one does "
        f"not become the other without loss.{_hint(column, want)}"
    )


def _safe(column: pandas.Series[Any], have: str, want: str) -> bool:
    if (have, want) in (("integer", "long"), ("float", "double"), ("integer", "double")):
        return True
    # Zeros and ones are what a flag or an encoded label becomes: any float holds them.
    if have == "long" and want in ("float", "double"):
        return bool(column.dropna().isin([0, 1]).all())
    return False


def _hint(column: pandas.Series[Any], want: str) -> str:
    if want in ("integer", "long") and column.isna().any():
        return (
            " The column has missing values, which integers cannot hold: train with such values, "
            "or declare the column as double."
        )
    return ""


def _dates(column: pandas.Series[Any], name: Any) -> pandas.Series[Any]:
    try:
        return column.astype("datetime64[ns]")
    except (TypeError, ValueError) as error:
        raise invalid(
            f"Column {name!r} is of dtype {column.dtype}; the signature expects datetime without "
            f"time zone ({error})."
        ) from error


def _tensors(data: Any, schema: Schema) -> Any:
    specs: list[TensorSpec] = list(schema.inputs)  # type: ignore[arg-type]
    if not schema.has_input_names():
        return _tensor(data, specs[0])
    absent = [x.name for x in specs if x.name not in data]
    if absent:
        raise invalid(f"The input lacks the arrays {absent}; found: {list(data)}.")
    return {x.name: _tensor(data[x.name], x) for x in specs}


def _tensor(data: Any, spec: TensorSpec) -> Any:
    label = "The input" if spec.name is None else f"Array {spec.name!r}"
    if hasattr(data, "iloc"):
        # A table carries types for each column, a tensor one for all: the common one counts.
        data = data.to_numpy()
        if data.ndim == 1 and len(data) and isinstance(data[0], list | tuple | type(data)):
            data = data.tolist()  # each cell of the column holds an array
        elif data.ndim == 1 and len(spec.shape) == 2:
            data = data.reshape(-1, 1)
    if isinstance(data, list):
        import numpy

        data = numpy.asarray(data, dtype=spec.dtype)
    if not hasattr(data, "dtype"):
        raise invalid(f"{label} is of type {type(data).__name__}; an array is expected.")
    found = tuple(data.shape)
    if len(found) != len(spec.shape) or any(
        want not in (-1, have) for have, want in zip(found, spec.shape, strict=True)
    ):
        raise invalid(f"{label} has the shape {found}; the signature expects {spec.shape}.")
    dtype = {"U": "str", "S": "bytes"}.get(data.dtype.kind, data.dtype.name)
    if dtype != spec.dtype and spec.dtype != "object":
        raise invalid(f"{label} is of dtype {dtype}; the signature expects {spec.dtype}.")
    return data


def _param(value: Any, spec: ParamSpec) -> Any:
    if spec.shape is not None:
        if not isinstance(value, list | tuple) and not hasattr(value, "tolist"):
            raise invalid(f"Parameter {spec.name!r} = {value!r}: a list is expected.")
        return [_param_value(item, spec) for item in value]
    return _param_value(value, spec)


def _param_value(value: Any, spec: ParamSpec) -> Any:
    value = value.item() if hasattr(value, "item") else value
    want = str(spec.kind["type"])
    accepted: dict[str, tuple[type[Any], ...]] = {
        "boolean": (bool,), "string": (str,), "integer": (int,), "long": (int,),
        "float": (int, float), "double": (int, float),
        "datetime": (datetime.date,), "object": (dict,),
    }  # fmt: skip
    number = want in ("integer", "long", "float", "double")
    if value is None:
        return None
    if not isinstance(value, accepted[want]) or (number and isinstance(value, bool)):
        raise invalid(
            f"Parameter {spec.name!r} = {value!r} is of type {type(value).__name__}; the "
            f"signature expects {want}."
        )
    return float(value) if want in ("float", "double") else value


def _scalar(value: Any) -> bool:
    return value is None or isinstance(value, str | bytes | int | float | datetime.date)
