"""The forms in which TensorFlow's models are kept: what of each is written, read, and predicts."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from core_client.exceptions import MlflowException, invalid, missing
from flavors.signature import ModelSignature, Schema, TensorSpec

# What MLflow calls them.
KERAS, MODULE, EXPORTED = "keras", "tf2-module", "tf1-estimator"
DATA = "data"
CUSTOM = ("global_custom_objects.cloudpickle", "custom_objects.cloudpickle")


def form_of(model: Any) -> str:
    """In which form a model is kept.

    Raises:
        MlflowException: it is none of TensorFlow's.
    """
    import tensorflow as tf

    if isinstance(model, str | bytes | os.PathLike):
        return EXPORTED
    if isinstance(model, tf.keras.Model) or _is_of("tf_keras", model):
        return KERAS
    if isinstance(model, tf.Module):
        return MODULE
    raise invalid(f"{type(model).__name__} is no Keras model, no tf.Module, and no SavedModel.")


def write(form: str, model: Any, folder: Path, how: Mapping[str, Any]) -> dict[str, Any]:
    """Write a model in its form.

    Args:
        form: as `form_of` says.
        model: the model.
        folder: an empty folder.
        how: further keywords for the function of TensorFlow or Keras that saves it.

    Returns:
        What the MLmodel file says about it.

    Raises:
        MlflowException: TensorFlow cannot save it.
    """
    try:
        return _WRITERS[form](model, folder, dict(how))
    except Exception as error:
        raise MlflowException(
            f"TensorFlow cannot save the {type(model).__name__}: {error}"
        ) from error


def read(about: Mapping[str, Any], folder: Path, how: Mapping[str, Any]) -> Any:
    """The model in a folder that is vouched for.

    Args:
        about: what the MLmodel file says about it.
        folder: the model's.
        how: further keywords for the function of TensorFlow or Keras that loads it.
    """
    import tensorflow as tf

    if form_in(about) == KERAS:
        return _read_keras(folder / place_in(about), how)
    saved = str(folder / place_in(about))
    if form_in(about) == MODULE:
        return tf.saved_model.load(saved, **how)
    loaded = tf.saved_model.load(saved, tags=about["meta_graph_tags"], **how)
    function = loaded.signatures[about["signature_def_key"]]
    function.saved_model = loaded  # else its variables go when the function alone is left
    return function


def form_in(about: Mapping[str, Any]) -> str:
    """In which form a model was kept; old versions of MLflow do not say so."""
    told = about.get("model_type") or (EXPORTED if "signature_def_key" in about else KERAS)
    if told not in _WRITERS:
        raise invalid(f"Models of the type {told!r} are not known.")
    return str(told)


def place_in(about: Mapping[str, Any]) -> str:
    """The file or folder that holds a model."""
    return str(about.get("saved_model_dir") or about.get("data") or DATA)


def predictor(form: str, native: Any) -> Callable[..., Any]:
    """What predicts for data as users have it: arrays, DataFrames, dicts of arrays."""
    import tensorflow as tf

    def predict(data: Any, **params: Any) -> Any:
        is_frame = hasattr(data, "iloc")
        if form == KERAS:
            rows = data.to_numpy() if is_frame else data
            result = native.predict(rows, **{"verbose": 0, **params})
        elif form == MODULE:
            rows = data.to_numpy() if is_frame else data
            result = native(tf.nest.map_structure(tf.convert_to_tensor, rows), **params)
        else:
            _, specs = native.structured_input_signature
            columns = {name: data[name].tolist() if is_frame else data[name] for name in specs}
            result = native(
                **{name: tf.constant(columns[name], spec.dtype) for name, spec in specs.items()}
            )
        return _framed(tf.nest.map_structure(_array, result), data.index if is_frame else None)

    return predict


def signature_of(form: str, model: Any) -> ModelSignature | None:
    """What a model says itself that it takes and gives, if it does."""
    if form == KERAS:
        from flavors.keras import signature_of

        return signature_of(model)
    if form == MODULE:
        return None
    name, graph = _exported(_path(model))
    function = graph.signature_def[name]
    return ModelSignature(_schema(function.inputs), _schema(function.outputs))


def _write_keras(model: Any, folder: Path, how: dict[str, Any]) -> dict[str, Any]:
    import tensorflow as tf

    place = folder / DATA
    place.mkdir()
    objects = how.pop("custom_objects", None)
    save_format = how.get("save_format", "tf")
    # What only Keras 2 knows, a SavedModel, has no ending.
    ending = {"h5": ".h5", "tf": ""}.get(how.get("save_format", ""), ".keras")
    if how.get("save_format") == "keras" or ending == ".h5":
        how.pop("save_format")  # the ending says it, to every version
    model.save(str(place / f"model{ending}"), **how)
    if objects:
        import cloudpickle

        (place / CUSTOM[-1]).write_bytes(cloudpickle.dumps(dict(objects)))
    (place / "keras_module.txt").write_text("tensorflow.keras")
    (place / "save_format.txt").write_text(save_format)
    return {
        "data": DATA,
        "model_type": KERAS,
        "keras_version": tf.__version__,
        "save_format": save_format,
    }


def _write_module(model: Any, folder: Path, how: dict[str, Any]) -> dict[str, Any]:
    import tensorflow as tf

    tf.saved_model.save(model, str(folder / "tf2model"), **how)
    return {"saved_model_dir": "tf2model", "model_type": MODULE}


def _write_exported(model: Any, folder: Path, how: dict[str, Any]) -> dict[str, Any]:
    path = _path(model)
    name, graph = _exported(path)
    shutil.copytree(path, folder / "tfmodel")
    return {
        "saved_model_dir": "tfmodel",
        "model_type": EXPORTED,
        "meta_graph_tags": list(graph.meta_info_def.tags),
        "signature_def_key": name,
    }


_WRITERS = {KERAS: _write_keras, MODULE: _write_module, EXPORTED: _write_exported}


def _read_keras(place: Path, how: Mapping[str, Any]) -> Any:
    import tensorflow as tf

    objects = {}
    for file in CUSTOM:
        if (place / file).exists():
            import cloudpickle

            objects.update(cloudpickle.loads((place / file).read_bytes()))
    objects.update(how.get("custom_objects") or {})
    found = [place / f"model{ending}" for ending in (".keras", ".h5", "")]
    path = next((one for one in found if one.exists()), place)
    if not (path.suffix or (path / "keras_metadata.pb").exists()):
        return tf.saved_model.load(str(path))
    # Vouched for: a layer with code in it is what the user wants.
    given = {"safe_mode": False, **how, "custom_objects": objects}
    return tf.keras.models.load_model(str(path), **given)


def _exported(path: Path) -> tuple[str, Any]:
    """Of an exported model: the function to predict with, by name, and the graph that has it."""
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    file = path / "saved_model.pb"
    if not file.exists():
        raise missing(f"'{path}' is no SavedModel: it has no file '{file.name}'.")
    graph = SavedModel.FromString(file.read_bytes()).meta_graphs[0]
    names = sorted(graph.signature_def)
    return next((one for one in ("predict", "serving_default") if one in names), names[0]), graph


def _schema(tensors: Mapping[str, Any]) -> Schema:
    import tensorflow as tf

    return Schema(
        [
            TensorSpec(_dtype(tf.as_dtype(one.dtype).name), _shape(one.tensor_shape), name)
            for name, one in sorted(tensors.items())
        ]
    )


def _dtype(name: str) -> str:
    return {"string": "str"}.get(name, name)


def _shape(shape: Any) -> tuple[int, ...]:
    return (-1, *(int(one.size) for one in shape.dim[1:]))


def _array(tensor: Any) -> Any:
    return tensor.numpy() if hasattr(tensor, "numpy") else tensor


def _framed(result: Any, index: Any) -> Any:
    """The result as a DataFrame, if one was given."""
    if index is None:
        return result
    import pandas

    if isinstance(result, dict):
        columns = {name: _column(values) for name, values in result.items()}
        return pandas.DataFrame(columns, index=index)
    return pandas.DataFrame(result, index=index)


def _column(values: Any) -> Any:
    return values.ravel() if values.size == len(values) else values.tolist()


def _path(model: Any) -> Path:
    return Path(os.fsdecode(model))


def _is_of(package: str, model: Any) -> bool:
    return any(base.__module__.startswith(f"{package}.") for base in type(model).__mro__)
