"""Input examples: a few rows kept with the model, as JSON that MLflow and its server read."""

from __future__ import annotations

import base64
import json
import math
from typing import Any, NamedTuple

from core_client.exceptions import invalid

EXAMPLE, SERVING_EXAMPLE = "input_example.json", "serving_input_example.json"


def split(example: Any) -> tuple[Any, dict[str, Any] | None]:
    """The data of an example and its parameters: an example may be a pair of both."""
    if isinstance(example, tuple) and len(example) == 2 and isinstance(example[1], dict):
        return example
    return example, None


class Example(NamedTuple):
    """Both files of an input example by name, and what the MLmodel file says about them."""

    files: dict[str, bytes]
    about: dict[str, Any]


def encode(example: Any) -> Example:
    """Write an input example as JSON.

    Args:
        example: DataFrame, array, dict of arrays, sparse matrix, list, dict or scalar; or a pair
            of one of these and a dict of parameters.
    """
    data, params = split(example)
    content, serving, about = _encoded(data)
    about = {"artifact_path": EXAMPLE, "serving_input_path": SERVING_EXAMPLE, **about}
    if params is not None:
        content, serving = {"data": content, "params": params}, {**serving, "params": params}
        about["params"] = "true"
    return Example({EXAMPLE: _json(content), SERVING_EXAMPLE: _json(serving)}, about)


def _encoded(data: Any) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    if hasattr(data, "to_frame") and not hasattr(data, "columns"):
        data = data.to_frame()
    if hasattr(data, "columns") and hasattr(data, "iloc"):
        table: dict[str, Any] = {"columns": list(data.columns), "data": _rows(data)}
        orient = "split"
        if table["columns"] == list(range(len(table["columns"]))):
            del table["columns"]
            orient = "values"
        about = {"type": "dataframe", "pandas_orient": orient}
        return table, {"dataframe_split": table}, about
    if hasattr(data, "indptr"):
        matrix = {name: getattr(data, name).tolist() for name in ("data", "indices", "indptr")}
        matrix["shape"] = list(data.shape)
        about = {"type": f"sparse_matrix_{data.format}"}
        return matrix, {"inputs": data.toarray()}, about
    arrays = data.values() if isinstance(data, dict) else [data]
    kind = "ndarray" if arrays and all(hasattr(a, "dtype") for a in arrays) else "json_object"
    return data, {"inputs": data}, {"type": kind}


def _rows(frame: Any) -> list[list[Any]]:
    missing = frame.isna().to_numpy()
    columns = [frame.iloc[:, i].tolist() for i in range(frame.shape[1])]
    rows = zip(*columns, strict=True)
    return [
        [None if gone else value for value, gone in zip(row, gaps, strict=True)]
        for row, gaps in zip(rows, missing, strict=True)
    ]


def _json(content: Any) -> bytes:
    try:
        return json.dumps(_finite(content), default=_plain).encode()
    except (TypeError, ValueError) as error:
        raise invalid(f"The input example cannot be written as JSON: {error}.") from error


def _finite(value: Any) -> Any:
    """The value with NaN as null, all through: JSON has no NaN."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | bytearray):
        return base64.encodebytes(value).decode("ascii")
    if hasattr(value, "isoformat"):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
