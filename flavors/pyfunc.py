"""Any saved model as one thing with `predict`: its input checked against the signature."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core_client.exceptions import MlflowException, missing
from flavors.enforcement import enforce, enforce_params
from flavors.model import Model
from flavors.uris import local_path

# What an artifact names as its loader is only looked up here, never imported: the flavors that
# have a file in this package and define `load_pyfunc`.
LOADERS = {
    f"mlflow.{file.stem}": f"flavors.{file.stem}"
    for file in sorted(Path(__file__).parent.glob("*.py"))
    if b"\ndef load_pyfunc(" in file.read_bytes()
}


class PyFuncModel:
    """A loaded model of any flavor.

    Args:
        metadata: the content of its MLmodel file.
        native: the model as its framework knows it.
        predict: the function behind `predict`.
    """

    def __init__(self, metadata: Model, native: Any, predict: Callable[..., Any]) -> None:
        self.metadata = metadata
        self._native = native
        self._predict = predict

    def predict(self, data: Any, params: dict[str, Any] | None = None) -> Any:
        """Predictions for data.

        Args:
            data: rows: DataFrame, array, sparse matrix, dict of columns, or list of rows.
            params: parameters of prediction, as far as the signature has any.

        Raises:
            MlflowException: the data does not fit the signature.
        """
        signature = self.metadata.signature
        if signature is not None and signature.inputs is not None:
            data = enforce(data, signature.inputs)
        if signature is not None and signature.params:
            return self._predict(data, enforce_params(params, signature.params))
        return self._predict(data, params or {})

    def unwrap(self) -> Any:
        """The model as its framework knows it."""
        return self._native

    unwrap_python_model = get_raw_model = unwrap

    def __repr__(self) -> str:
        loader = self.metadata.flavors["python_function"].get("loader_module")
        return f"PyFuncModel(loader={loader!r}, run_id={self.metadata.run_id!r})"


def load_model(
    model_uri: str | os.PathLike[str],
    dst_path: str | os.PathLike[str] | None = None,
    trusted: bool = False,
) -> PyFuncModel:
    """Load a model of any flavor.

    Args:
        model_uri: ``runs:/<run id>/<path>``, ``models:/<name>/<version>``, a path, or a URI.
        dst_path: an existing folder to copy the model into first.
        trusted: load it even where loading runs code that the model holds.

    Raises:
        MlflowException: there is no such model, no loader for it, or it may run code and was
            not signed by this user.
    """
    folder = local_path(model_uri, dst_path)
    metadata = Model.load(folder)
    flavor = loader(metadata, folder)
    native, predict = flavor.load_pyfunc(folder, metadata, trusted)
    return PyFuncModel(metadata, native, predict)


def loader(metadata: Model, folder: Path) -> Any:
    """The module of ours that loads the model in that folder."""
    if "python_function" not in metadata.flavors:
        raise missing(
            f"The model in '{folder}' has no predict function. Load it by its own flavor: "
            f"{', '.join(metadata.flavors)}."
        )
    named = metadata.flavors["python_function"].get("loader_module")
    if named not in LOADERS:
        raise MlflowException(
            f"The model in '{folder}' asks for the loader {named!r}, which is not one of "
            f"{sorted(LOADERS)}. Code that a model names is never imported.",
            "FEATURE_DISABLED",
        )
    return importlib.import_module(LOADERS[named])
