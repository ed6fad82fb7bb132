"""Any saved model as a column function of Spark: many machines, or cores, predict at once."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Union

from core_client.exceptions import invalid
from flavors import pyfunc
from flavors.model import Model
from flavors.signature import ColSpec
from flavors.uris import local_path

# Loaded models of a Python worker of Spark's, by the digest of their files.
_models: dict[str, pyfunc.PyFuncModel] = {}

_RESULTS = {
    "boolean": "boolean", "integer": "int", "long": "long", "float": "float", "double": "double",
    "string": "string", "datetime": "timestamp",
}  # fmt: skip
_DTYPES = {"b": "boolean", "i": "long", "u": "long", "f": "double", "U": "string", "O": "string"}


def spark_udf(
    spark: Any,
    model_uri: str | os.PathLike[str],
    result_type: Any = None,
    env_manager: str | None = None,
    params: Mapping[str, Any] | None = None,
    trusted: bool = False,
) -> Callable[..., Any]:
    """A function of columns that predicts with a saved model of any flavor.

    The model travels to Spark's Python workers, which need what the model needs, and this package.

    Args:
        spark: the session.
        model_uri: ``runs:/<run id>/<path>``, ``models:/<name>/<version>``, a path, or a URI.
        result_type: a type of Spark, such as ``"double"`` or ``"array<float>"``; by default what
            the signature says of the output, else ``"double"``.
        env_manager: ``"local"``, the environment of the workers, is what there is.
        params: parameters of prediction, as far as the signature has any.
        trusted: as for `flavors.pyfunc.load_model`, which is asked here, once.

    Returns:
        A function of the input columns in the order of the signature, or of one struct of them;
        called without any, it takes the columns that the signature names.

    Raises:
        MlflowException: there is no such model, or it may run code and was not signed by this user.
    """
    from pyspark.sql.functions import pandas_udf, struct

    if env_manager not in (None, "local"):
        raise invalid(f"env_manager={env_manager!r} is not there. Use 'local'.")
    folder = local_path(model_uri)
    metadata = pyfunc.load_model(folder, trusted=trusted).metadata
    names = _names(metadata)
    score = pandas_udf(
        _scorer(_files(folder), names, dict(params or {})), result_type or _result(metadata)
    )

    def predict(*columns: Any) -> Any:
        if not columns and not names:
            raise invalid("The signature names no columns. Pass the columns of the input.")
        return score(*(columns or [struct(*names)]))

    return predict


def _files(folder: Path) -> dict[str, bytes]:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def _names(metadata: Model) -> list[str]:
    """The input columns by name; none if the signature knows none."""
    inputs = metadata.signature.inputs if metadata.signature is not None else None
    if inputs is None or inputs.is_tensor_spec() or not inputs.has_input_names():
        return []
    return [str(name) for name in inputs.input_names()]


def _result(metadata: Model) -> str:
    outputs = metadata.signature.outputs if metadata.signature is not None else None
    if outputs is None or len(outputs.inputs) != 1:
        return "double"
    output = outputs.inputs[0]
    if isinstance(output, ColSpec):
        return _RESULTS.get(output.type, "double")
    import numpy

    kind = _DTYPES.get(numpy.dtype(output.dtype).kind, "double")
    return kind if len(output.shape) < 2 else f"array<{kind}>"


def _scorer(
    files: dict[str, bytes], names: list[str], params: dict[str, Any]
) -> Callable[..., Any]:
    """What runs in Spark's Python workers."""
    import pandas

    digest = hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()

    def score(batches: Any) -> Any:
        model = _on_worker(digest, files)
        for batch in batches:
            columns = batch if isinstance(batch, tuple) else (batch,)
            yield _series(model.predict(_frame(columns, names), params or None))

    # Spark reads from the types that batches come one after the other, so that the model is
    # loaded once; as text, which they are in this file, it cannot look them up.
    columns = tuple[Union[pandas.Series, pandas.DataFrame], ...]
    score.__annotations__ = {"batches": Iterator[columns], "return": Iterator[pandas.Series]}
    return score


def _on_worker(digest: str, files: dict[str, bytes]) -> pyfunc.PyFuncModel:
    if digest not in _models:
        with tempfile.TemporaryDirectory(prefix="autolog-udf-") as folder:
            for name, data in files.items():
                path = Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
            # Whether it may be loaded was asked by the driver, which sent exactly these bytes.
            _models[digest] = pyfunc.load_model(folder, trusted=True)
    return _models[digest]


def _frame(columns: tuple[Any, ...], names: list[str]) -> Any:
    import pandas

    if len(columns) == 1 and isinstance(columns[0], pandas.DataFrame):
        return columns[0]
    if (
        len(columns) == 1
        and len(columns[0])
        and hasattr(columns[0].iloc[0], "__len__")
        and not names
    ):
        return pandas.DataFrame(columns[0].tolist())  # one column of arrays
    frame = pandas.concat(list(columns), axis=1)
    frame.columns = pandas.Index(names if len(names) == len(columns) else range(len(columns)))
    return frame


def _series(predicted: Any) -> Any:
    import pandas

    if isinstance(predicted, pandas.DataFrame):
        predicted = predicted.iloc[:, 0] if predicted.shape[1] == 1 else predicted.to_numpy()
    if getattr(predicted, "ndim", 1) > 1:
        predicted = list(predicted) if predicted.shape[1] > 1 else predicted[:, 0]
    return pandas.Series(predicted)
