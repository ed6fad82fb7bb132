"""What a fit is trained on, told without a look at any batch: pipelines and generators stay whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from autolog.engine import names
from flavors.dataset import describe, describe_stream
from flavors.signature import Schema, TensorSpec

if TYPE_CHECKING:
    from types import FrameType

    from core_client.entities import DatasetInput

EXAMPLE_ROWS = 5
SAMPLE_ROWS = 200  # of a tensor
DEFAULT_BATCH = 32  # Keras's own, for arrays
MOST_STAGES = 50  # of a pipeline, looked through for the size of its batches


class Described(NamedTuple):
    """Data of a fit with its name and use; `data` is as it was given."""

    data: Any
    targets: Any
    name: str
    context: str
    inputs: list[str]

    def described(self) -> DatasetInput:
        """The dataset as a run records it."""
        x = arrays(self.data, self.inputs)
        if x is None:
            schema, profile = _of_stream(self.data)
            return describe_stream(self.name, self.context, schema, profile)
        rows = len(next(iter(x.values())) if isinstance(x, dict) else x)
        x, y = _sampled(x), _sampled(arrays(self.targets, []))
        whole = _in_memory(self.data) and _in_memory(self.targets)
        return describe(x, y, self.name, self.context, None if whole else rows)


def of_fit(given: Mapping[str, Any], model: Any, frame: FrameType) -> Iterator[Described]:
    """Training and validation data of a fit, by the names that the user's variables have."""
    inputs = input_names(model)
    x = given.get("x")
    name = names.variable(x, frame, unknown="dataset")
    yield Described(x, given.get("y"), name, "train", inputs)
    validation = given.get("validation_data")
    if validation is not None:
        targets = None
        if isinstance(validation, tuple | list) and len(validation) in (2, 3):
            validation, targets = validation[0], validation[1]
        name = names.variable(validation, frame, unknown="validation_data")
        yield Described(validation, targets, name, "eval", inputs)


def input_names(model: Any) -> list[str]:
    """The names of a model's inputs; none if it defines `call` itself."""
    try:
        return [str(one.name).partition(":")[0] for one in model.inputs or ()]
    except (AttributeError, ValueError):  # Sequential, not built yet
        return []


def arrays(data: Any, inputs: list[str]) -> Any:
    """Data as one array or a dictionary of them; None if it comes in batches, or not at all.

    Args:
        data: as given to Keras.
        inputs: the names of the model's inputs, for a list of arrays.
    """
    if isinstance(data, tuple | list) and data and all(_is_array(part) for part in data):
        if len(data) == 1:
            return data[0]
        given = inputs if len(inputs) == len(data) else [f"input_{n}" for n in range(len(data))]
        return dict(zip(given, data, strict=True))
    if isinstance(data, dict) and data and all(_is_array(part) for part in data.values()):
        return data
    if isinstance(data, list | tuple) and data and not hasattr(data[0], "shape"):
        return np.asarray(data)
    return data if _is_array(data) else None


def head(data: Any, model: Any) -> Any:
    """The first rows as numpy arrays or a DataFrame; None if the data comes in batches."""
    found = arrays(data, input_names(model))
    if isinstance(found, dict):
        return {name: _rows(part, slice(EXAMPLE_ROWS)) for name, part in found.items()}
    return None if found is None else _rows(found, slice(EXAMPLE_ROWS))


def batch_size(data: Any, given: Any) -> Any:
    """Rows in each batch; None if only the data's batches tell."""
    if given is not None:
        return given
    if arrays(data, []) is not None:
        return DEFAULT_BATCH
    for _ in range(MOST_STAGES):
        size = getattr(data, "_batch_size", None)
        size = getattr(data, "batch_size", None) if size is None else size
        if size is not None:
            return int(size)
        data = getattr(data, "_input_dataset", None)  # of a tf.data pipeline
        if data is None:
            break
    return None


def _is_array(data: Any) -> bool:
    is_tensor = all(hasattr(data, name) for name in ("shape", "dtype", "__getitem__"))
    return is_tensor or hasattr(data, "iloc")


def _in_memory(data: Any) -> bool:
    """Whether it may be described as it is: no tensors, which numpy would have to copy."""
    if isinstance(data, dict | tuple | list):
        parts = data.values() if isinstance(data, dict) else data
        return all(_in_memory(part) for part in parts)
    return (
        data is None
        or not hasattr(data, "shape")
        or isinstance(data, np.ndarray)
        or (hasattr(data, "iloc"))
    )


def _sampled(data: Any) -> Any:
    """Tensors as a few rows that numpy can hold; arrays as they are."""
    if data is None or isinstance(data, np.ndarray) or hasattr(data, "iloc"):
        return data
    if isinstance(data, dict):
        return {name: _sampled(part) for name, part in data.items()}
    return _rows(data, slice(None, None, max(1, int(data.shape[0]) // SAMPLE_ROWS)))


def _rows(data: Any, some: slice) -> Any:
    if hasattr(data, "iloc"):
        return data.iloc[some]
    part = data[some]
    if hasattr(part, "detach"):  # PyTorch's
        part = part.detach().cpu()
    return np.array(part)


def _of_stream(data: Any) -> tuple[Schema | None, dict[str, Any]]:
    """Types and sizes of data that comes in batches, as far as it tells them without a batch."""
    schema = None
    spec: Any = getattr(data, "element_spec", None)
    if isinstance(spec, tuple) and spec:
        spec = spec[0]
    if spec is not None:
        named = spec.items() if isinstance(spec, dict) else [(None, spec)]
        found = [
            TensorSpec(part.dtype.name, (-1, *(n or -1 for n in part.shape[1:])), name)
            for name, part in named
            if getattr(part, "shape", None) is not None and part.shape.rank
        ]
        schema = Schema(found) if found else None
    size = batch_size(data, None)
    profile = {"kind": type(data).__name__, "batch_size": size, "num_batches": _batches(data)}
    return schema, {key: value for key, value in profile.items() if value is not None}


def _batches(data: Any) -> int | None:
    """How many there are; None if they have no end, or none that is known."""
    if hasattr(data, "cardinality"):
        count = int(data.cardinality())
        return count if count >= 0 else None
    try:
        return len(data)
    except (TypeError, ValueError):
        return None
