"""Keras models: whole, as Keras saves them; exported for serving; or their weights alone."""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core_client.exceptions import MlflowException, invalid
from flavors import environment, package, trust
from flavors.keywords import Keywords, LogKeywords, takes
from flavors.log import Saved, log
from flavors.model import Model, ModelInfo
from flavors.signature import ModelSignature, Schema, TensorSpec
from flavors.uris import local_path

if TYPE_CHECKING:
    from typing_extensions import Unpack

DATA = "data"
WHOLE, EXPORTED, WEIGHTS = "model.keras", "model", "model.weights.h5"  # below DATA


@takes(Keywords)
def save_model(
    model: Any,
    path: str | os.PathLike[str],
    save_exported_model: bool = False,
    conda_env: dict[str, Any] | str | None = None,
    *,
    mlflow_model: Model | None = None,
    save_model_kwargs: dict[str, Any] | None = None,
    weights_only: bool = False,
    **keywords: Unpack[Keywords],
) -> None:
    """Save a Keras model to a local folder.

    Args:
        model: a model that is built.
        save_exported_model: keep what `model.export` makes, a TensorFlow SavedModel that needs no
            Keras to be served, in place of the ``.keras`` file that can be trained on.
        save_model_kwargs: further keywords for the model's `save`, `export` or `save_weights`.
        weights_only: keep the weights and nothing else; `load_weights` puts them into a model.
    """
    keywords["signature"] = _signature(model, keywords)
    extras = package.extras(mlflow_model, None, conda_env, keywords)
    form = _form(save_exported_model, weights_only)
    package.write(lambda: _saved(extras, model, form, save_model_kwargs or {}), path)


@takes(LogKeywords, like=save_model)
def log_model(
    model: Any,
    artifact_path: str | None = None,
    save_exported_model: bool = False,
    conda_env: dict[str, Any] | str | None = None,
    *,
    save_model_kwargs: dict[str, Any] | None = None,
    weights_only: bool = False,
    **keywords: Unpack[LogKeywords],
) -> ModelInfo:
    """Save a Keras model among the artifacts of a run."""
    keywords["signature"] = _signature(model, keywords)
    extras = package.extras(None, None, conda_env, keywords)
    form = _form(save_exported_model, weights_only)
    how = save_model_kwargs or {}
    return log(artifact_path, keywords, extras.model, lambda: _saved(extras, model, form, how))


def load_model(
    model_uri: str | os.PathLike[str],
    dst_path: str | os.PathLike[str] | None = None,
    custom_objects: Mapping[str, Any] | None = None,
    load_model_kwargs: Mapping[str, Any] | None = None,
    trusted: bool = False,
) -> Any:
    """Load a Keras model; of one that was exported, the object that TensorFlow makes of it.

    Args:
        model_uri: ``runs:/<run id>/<path>``, ``models:/<name>/<version>``, a path, or a URI.
        dst_path: an existing folder to copy the model into first.
        custom_objects: classes and functions of yours, by the names that the model knows them by.
        load_model_kwargs: further keywords for Keras's `load_model`, such as ``compile``.
        trusted: load it even where loading runs code that the model holds.

    Raises:
        MlflowException: there is no such model, or it may run code and was not signed by this
            user.
    """
    folder = local_path(model_uri, dst_path)
    about = Model.load(folder).flavor("keras")
    return _load(folder, about, trusted, custom_objects, load_model_kwargs)


def load_weights(
    model: Any,
    model_uri: str | os.PathLike[str],
    dst_path: str | os.PathLike[str] | None = None,
) -> None:
    """Put the weights that were saved with `weights_only` into a model of the same layers.

    Args:
        model: a model that is built.
        model_uri: ``runs:/<run id>/<path>``, ``models:/<name>/<version>``, a path, or a URI.
        dst_path: an existing folder to copy the weights into first.

    Raises:
        MlflowException: there are no such weights.
    """
    folder = local_path(model_uri, dst_path)
    if not Model.load(folder).flavor("keras").get("weights_only"):
        raise invalid(f"'{folder}' holds a whole model, not weights alone: use load_model.")
    contents = trust.read(folder, [f"{DATA}/{WEIGHTS}"])
    with trust.unpacked(contents.files) as private:
        model.load_weights(str(private / DATA / WEIGHTS))


def load_pyfunc(folder: Path, model: Model, trusted: bool) -> tuple[Any, Callable[..., Any]]:
    """The model, and the function that predicts (see `flavors.pyfunc`)."""
    native = _load(folder, model.flavor("keras"), trusted)

    def predict(data: Any, params: dict[str, Any]) -> Any:
        import numpy as np

        rows = data.to_numpy() if hasattr(data, "iloc") else data
        if hasattr(native, "serve"):
            result = np.asarray(native.serve(rows))
        else:
            result = native.predict(rows, **{"verbose": 0, **params})
        if not hasattr(data, "iloc"):
            return result
        import pandas

        return pandas.DataFrame(result, index=data.index)

    return native, predict


def signature_of(model: Any, example: Any = None) -> ModelSignature | None:
    """What a model takes and gives, as it says itself; None if it does not know.

    Args:
        model: the model.
        example: a few rows of input, for a model that does not say what it takes: one that
            defines `call` itself.
    """
    inputs = _schema(getattr(model, "inputs", None))
    if inputs is not None:
        return ModelSignature(inputs, _schema(getattr(model, "outputs", None)))
    if example is None:
        return None
    from flavors.signature import infer_signature

    return infer_signature(example)


def _schema(tensors: Any) -> Schema | None:
    """Of the symbolic tensors at one end of a model, told apart by name if there are several."""
    if not tensors:
        return None
    names = [str(tensor.name).partition(":")[0] for tensor in tensors]
    return Schema(
        [
            TensorSpec(_dtype(tensor), (-1, *(n or -1 for n in tensor.shape[1:])), name)
            for tensor, name in zip(tensors, names if len(names) > 1 else [None], strict=True)
        ]
    )


def _dtype(tensor: Any) -> str:
    name = str(getattr(tensor.dtype, "name", tensor.dtype))
    return {"string": "str"}.get(name, name)


def _signature(model: Any, keywords: Keywords) -> ModelSignature | bool | None:
    given = keywords.get("signature")
    return signature_of(model, keywords.get("input_example")) if given is None else given


def _form(exported: bool, weights_only: bool) -> str:
    if exported and weights_only:
        raise invalid("save_exported_model and weights_only exclude each other.")
    return EXPORTED if exported else WEIGHTS if weights_only else WHOLE


def _saved(extras: package.Extras, model: Any, form: str, how: dict[str, Any]) -> Saved:
    import keras

    with tempfile.TemporaryDirectory(prefix="autolog-model-") as temporary:
        path = Path(temporary, DATA, form)
        path.parent.mkdir()
        verb = {WHOLE: "save", EXPORTED: "export", WEIGHTS: "save_weights"}[form]
        try:
            if form == EXPORTED:
                how = {"verbose": False, **how} if _is_keras_3(keras) else how
            getattr(model, verb)(str(path), **how)
        except Exception as error:
            reason = " ".join(str(error).strip().partition("\n\n")[0].split())
            raise MlflowException(
                f"Keras cannot {verb} the {type(model).__name__}: {reason}"
            ) from error
        files = {
            file.relative_to(temporary).as_posix(): file.read_bytes()
            for file in sorted(Path(temporary).rglob("*"))
            if file.is_file()
        }
    backend = keras.backend.backend()
    about = {
        "data": DATA,
        "keras_version": keras.__version__,
        "keras_backend": backend,
        "save_exported_model": form == EXPORTED,
        **({"weights_only": True} if form == WEIGHTS else {}),
    }
    loader: dict[str, Any] | None = None if form == WEIGHTS else {}
    found = environment.requirements(["keras", backend], ["mlflow"])
    return package.complete(extras, files, "keras", about, loader, found)


def _is_keras_3(keras: Any) -> bool:
    return not str(keras.__version__).startswith("2.")


def _load(
    folder: Path,
    about: Mapping[str, Any],
    trusted: bool,
    custom_objects: Mapping[str, Any] | None = None,
    how: Mapping[str, Any] | None = None,
) -> Any:
    if about.get("weights_only"):
        raise invalid(f"'{folder}' holds weights alone: load_weights puts them into a model.")
    files, trusted = package.read_files(folder, str(about.get("data", DATA)), trusted)
    exported = bool(about.get("save_exported_model"))
    if not trusted:
        raise trust.refused(
            folder, "Keras builds what a model's file names, and that may run code", ""
        )
    with trust.unpacked(files) as private:
        path = private / str(about.get("data", DATA)) / (EXPORTED if exported else WHOLE)
        if exported:
            import tensorflow

            return tensorflow.saved_model.load(str(path))
        if not zipfile.is_zipfile(path):
            raise MlflowException(f"The model in '{folder}' cannot be read: no '{WHOLE}' in it.")
        import keras

        # Vouched for: a layer with code in it is what the user wants.
        given = {"safe_mode": False, **(how or {})}
        return keras.models.load_model(str(path), custom_objects=custom_objects, **given)
