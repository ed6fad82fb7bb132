"""Datasets by description: name, digest, schema and profile, from a bounded sample of the rows."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

from core_client.entities import Dataset, DatasetInput, InputTag
from flavors.signature import Schema, infer_schema

# Rows that are hashed: spread over the whole, so that two sets with one head are told apart.
DIGEST_ROWS = 200


def describe(
    data: Any,
    targets: Any = None,
    name: str | None = None,
    context: str = "train",
    rows: int | None = None,
) -> DatasetInput:
    """The dataset as a run records it. The data is neither copied nor kept.

    Args:
        data: features, rows first: DataFrame, array, sparse matrix, or list of rows.
        targets: what is to be predicted, one value or row for each row of data.
        name: how people call it; ``dataset`` by default.
        context: what it was used for, such as ``train`` or ``eval``.
        rows: how many there are, where `data` and `targets` are only a sample of them.
    """
    digest = hashlib.md5(usedforsecurity=False)
    for part in (data, targets):
        if part is not None:
            _hash(part, digest)
    if rows is not None:
        digest.update(str(rows).encode())
    schema, profile = _schema(data, targets), _profile(data, targets, rows)
    return _input(name, context, digest.hexdigest(), schema, profile)


def describe_stream(
    name: str, context: str, schema: Schema | None, profile: dict[str, Any]
) -> DatasetInput:
    """A dataset that comes in batches, none of which may be taken, as a run records it.

    Args:
        name: how people call it.
        context: what it was used for, such as ``train`` or ``eval``.
        schema: of its features, if that is known.
        profile: what else is known of it.
    """
    features = schema.to_json() if schema is not None else None
    known = {"mlflow_tensorspec": {"features": features, "targets": None}} if features else {}
    told = json.dumps([known, profile], sort_keys=True).encode()
    digest = hashlib.md5(told, usedforsecurity=False).hexdigest()
    return _input(name, context, digest, known, profile)


def _input(
    name: str | None, context: str, digest: str, schema: dict[str, Any], profile: dict[str, Any]
) -> DatasetInput:
    dataset = Dataset(
        name=name or "dataset",
        digest=digest[:8],
        source_type="code",
        source=json.dumps({"tags": {}}),
        schema=json.dumps(schema),
        profile=json.dumps(profile),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", context)])


def _hash(part: Any, digest: Any) -> None:
    if isinstance(part, dict):  # of arrays, by the names of a model's inputs
        for name, value in part.items():
            digest.update(repr(name).encode())
            _hash(value, digest)
        return
    shape = _shape(part)
    digest.update(repr((type(part).__name__, shape)).encode())
    step = max(1, shape[0] // DIGEST_ROWS) if shape else 1
    if hasattr(part, "iloc"):
        sample = part.iloc[::step]
        names = sample.columns if hasattr(sample, "columns") else [sample.name]
        digest.update(repr(list(names)).encode())
        columns = [sample.iloc[:, i] for i in range(len(names))] if sample.ndim == 2 else [sample]
        for column in columns:
            _hash_values(column.to_numpy(), digest)
    elif hasattr(part, "indptr"):
        _hash_values(part.indptr[::step], digest)
        _hash_values(part.data[:: max(1, len(part.data) // DIGEST_ROWS)], digest)
    elif hasattr(part, "dtype") and shape:
        _hash_values(part[::step], digest)
    elif isinstance(part, list | tuple):
        digest.update(repr(part[::step]).encode())


def _hash_values(values: Any, digest: Any) -> None:
    digest.update(str(values.dtype).encode())
    # The bytes of an object array are addresses.
    plain = values.dtype.kind != "O"
    digest.update(values.tobytes() if plain else repr(values.tolist()).encode())


def _schema(data: Any, targets: Any) -> dict[str, Any]:
    if hasattr(data, "iloc"):
        return {"mlflow_colspec": infer_schema(data).to_dict()}
    features = infer_schema(data)
    if not features.is_tensor_spec():
        return {"mlflow_colspec": features.to_dict()}
    found = None if targets is None else infer_schema(targets)
    target = found.to_json() if found is not None and found.is_tensor_spec() else None
    return {"mlflow_tensorspec": {"features": features.to_json(), "targets": target}}


def _profile(data: Any, targets: Any, rows: int | None) -> dict[str, Any]:
    if isinstance(data, dict):
        each = {name: _profile(part, None, rows) for name, part in data.items()}
        keys = dict.fromkeys(key for profile in each.values() for key in profile)
        return {key: {name: each[name].get(key) for name in each} for key in keys}
    shape = _whole(data, rows)
    if hasattr(data, "iloc") or not hasattr(data, "dtype"):
        count = shape[0] if shape else 0
        return {"num_rows": count, "num_elements": count * (shape[1] if len(shape) > 1 else 1)}
    profile: dict[str, Any] = {}
    for label, part in (("features", data), ("targets", targets)):
        if part is not None:
            profile[f"{label}_shape"] = _whole(part, rows)
            profile[f"{label}_size"] = math.prod(_whole(part, rows))
            if rows is None:
                profile[f"{label}_nbytes"] = int(getattr(part, "nbytes", 0))
    return profile


def _whole(part: Any, rows: int | None) -> list[int]:
    """The shape of all rows."""
    shape = _shape(part)
    return shape if rows is None or not shape else [rows, *shape[1:]]


def _shape(part: Any) -> list[int]:
    if hasattr(part, "shape"):
        return [int(n) for n in part.shape]
    if isinstance(part, list | tuple):
        return [len(part), *([len(part[0])] if part and isinstance(part[0], list | tuple) else [])]
    return []
