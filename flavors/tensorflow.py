"""TensorFlow's models: Keras models, modules, and SavedModels that were exported."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flavors import environment, package, trust
from flavors import tensorflow_forms as forms
from flavors.keywords import Keywords, LogKeywords, takes
from flavors.log import Saved, log
from flavors.model import Model, ModelInfo
from flavors.signature import ModelSignature
from flavors.uris import local_path

if TYPE_CHECKING:
    from typing_extensions import Unpack


@takes(Keywords)
def save_model(
    model: Any,
    path: str | os.PathLike[str],
    conda_env: dict[str, Any] | str | None = None,
    *,
    mlflow_model: Model | None = None,
    custom_objects: Mapping[str, Any] | None = None,
    saved_model_kwargs: dict[str, Any] | None = None,
    keras_model_kwargs: dict[str, Any] | None = None,
    **keywords: Unpack[Keywords],
) -> None:
    """Save a model of TensorFlow to a local folder.

    Args:
        model: a Keras model, a ``tf.Module``, or the folder of a SavedModel.
        custom_objects: classes and functions of yours that a Keras model is made of, by the names
            it knows them by; they are kept with it.
        saved_model_kwargs: further arguments for ``tf.saved_model.save`` of a module.
        keras_model_kwargs: further arguments for ``save`` of a Keras model.
    """
    form = forms.form_of(model)
    keywords["signature"] = _signature(form, model, keywords)
    extras = package.extras(mlflow_model, _predictor(form, model), conda_env, keywords)
    how = _how(form, custom_objects, saved_model_kwargs, keras_model_kwargs)
    package.write(lambda: _saved(extras, form, model, how), path)


@takes(LogKeywords, like=save_model)
def log_model(
    model: Any,
    artifact_path: str | None = None,
    custom_objects: Mapping[str, Any] | None = None,
    conda_env: dict[str, Any] | str | None = None,
    *,
    saved_model_kwargs: dict[str, Any] | None = None,
    keras_model_kwargs: dict[str, Any] | None = None,
    **keywords: Unpack[LogKeywords],
) -> ModelInfo:
    """Save a model of TensorFlow among the artifacts of a run."""
    form = forms.form_of(model)
    keywords["signature"] = _signature(form, model, keywords)
    extras = package.extras(None, _predictor(form, model), conda_env, keywords)
    how = _how(form, custom_objects, saved_model_kwargs, keras_model_kwargs)
    return log(artifact_path, keywords, extras.model, lambda: _saved(extras, form, model, how))


def load_model(
    model_uri: str | os.PathLike[str],
    dst_path: str | os.PathLike[str] | None = None,
    saved_model_kwargs: Mapping[str, Any] | None = None,
    keras_model_kwargs: Mapping[str, Any] | None = None,
    trusted: bool = False,
) -> Any:
    """Load a model of TensorFlow: a Keras model, a module, or the function that was exported.

    Args:
        model_uri: ``runs:/<run id>/<path>``, ``models:/<name>/<version>``, a path, or a URI.
        dst_path: an existing folder to copy the model into first.
        saved_model_kwargs: further arguments for ``tf.saved_model.load``.
        keras_model_kwargs: further arguments for Keras's ``load_model``.
        trusted: load it even where loading runs code that the model holds.

    Raises:
        MlflowException: there is no such model, or it may run code and was not signed by this
            user.
    """
    folder = local_path(model_uri, dst_path)
    about = Model.load(folder).flavor("tensorflow")
    is_keras = forms.form_in(about) == forms.KERAS
    how = keras_model_kwargs if is_keras else saved_model_kwargs
    return _load(folder, about, trusted, how or {})


def load_pyfunc(folder: Path, model: Model, trusted: bool) -> tuple[Any, Callable[..., Any]]:
    """The model, and the function that predicts (see `flavors.pyfunc`)."""
    about = model.flavor("tensorflow")
    native = _load(folder, about, trusted, {})
    predict = forms.predictor(forms.form_in(about), native)
    return native, lambda data, params: predict(data, **params)


def _load(folder: Path, about: Mapping[str, Any], trusted: bool, how: Mapping[str, Any]) -> Any:
    files, trusted = package.read_files(folder, forms.place_in(about), trusted)
    if not trusted:
        what = "a graph of TensorFlow reads and writes files, and Keras builds what a file names"
        raise trust.refused(folder, what, "")
    with trust.unpacked(files) as private:
        return forms.read(about, private, how)


def _saved(extras: package.Extras, form: str, model: Any, how: Mapping[str, Any]) -> Saved:
    with tempfile.TemporaryDirectory(prefix="autolog-model-") as temporary:
        folder = Path(temporary)
        about = forms.write(form, model, folder, how)
        files = {
            file.relative_to(folder).as_posix(): file.read_bytes()
            for file in sorted(folder.rglob("*"))
            if file.is_file()
        }
    loader = {"data": forms.DATA} if form == forms.KERAS else {}
    modules = {"tensorflow", "keras"} if form == forms.KERAS else {"tensorflow"}
    if how.get("custom_objects"):
        modules.add("cloudpickle")
    found = environment.requirements(modules, ["mlflow"])
    return package.complete(extras, files, "tensorflow", about, loader, found)


def _how(
    form: str,
    custom_objects: Mapping[str, Any] | None,
    saved_model_kwargs: Mapping[str, Any] | None,
    keras_model_kwargs: Mapping[str, Any] | None,
) -> dict[str, Any]:
    if form == forms.KERAS:
        return {**(keras_model_kwargs or {}), "custom_objects": custom_objects}
    return dict(saved_model_kwargs or {})


def _predictor(form: str, model: Any) -> Callable[..., Any] | None:
    """What tells the output for an example; an export would have to be loaded for it."""
    return None if form == forms.EXPORTED else forms.predictor(form, model)


def _signature(form: str, model: Any, keywords: Keywords) -> ModelSignature | bool | None:
    given = keywords.get("signature")
    if given is None and (keywords.get("input_example") is None or form == forms.EXPORTED):
        return forms.signature_of(form, model)
    return given
