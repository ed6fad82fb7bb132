"""scikit-learn models: saved as skops where skops can hold them, else as a signed pickle."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core_client import warning_filters
from core_client.exceptions import invalid
from flavors import environment, formats, package
from flavors.keywords import Keywords, LogKeywords, takes
from flavors.log import Saved, log
from flavors.model import Model, ModelInfo
from flavors.uris import local_path

if TYPE_CHECKING:
    from typing_extensions import Unpack

PREDICT_FUNCTIONS = (
    "predict", "predict_proba", "predict_log_proba", "predict_joint_log_proba", "score"
)  # fmt: skip


@takes(Keywords)
def save_model(
    sk_model: Any,
    path: str | os.PathLike[str],
    conda_env: dict[str, Any] | str | None = None,
    *,
    mlflow_model: Model | None = None,
    serialization_format: str | None = None,
    pyfunc_predict_fn: str = "predict",
    skops_trusted_types: Sequence[str] | None = None,
    **keywords: Unpack[Keywords],
) -> None:
    """Save a scikit-learn model to a local folder.

    Args:
        sk_model: the fitted model.
        serialization_format: ``skops``, ``cloudpickle`` or ``pickle``. By default skops where
            it can hold the model, else cloudpickle.
        pyfunc_predict_fn: the method that `flavors.pyfunc` calls, one of PREDICT_FUNCTIONS.
        skops_trusted_types: the types, beyond those that skops knows, that the skops file may
            hold. By default all those that the model has.
    """
    formats.check(serialization_format)
    predict = _predict_method(sk_model, pyfunc_predict_fn)
    extras = package.extras(mlflow_model, predict, conda_env, keywords)

    def saved() -> Saved:
        dump = formats.dump(sk_model, serialization_format, skops_trusted_types)
        return _saved(extras, dump, pyfunc_predict_fn if predict else None)

    package.write(saved, path)


@takes(LogKeywords, like=save_model)
def log_model(
    sk_model: Any,
    artifact_path: str | None = None,
    conda_env: dict[str, Any] | str | None = None,
    *,
    serialization_format: str | None = None,
    pyfunc_predict_fn: str = "predict",
    skops_trusted_types: Sequence[str] | None = None,
    **keywords: Unpack[LogKeywords],
) -> ModelInfo:
    """Save a scikit-learn model among the artifacts of a run.

    When this returns, the model as it is now is on disk. Without a `serialization_format` that
    is a pickle, which becomes a skops file in the background where skops can hold the model.
    """
    formats.check(serialization_format)
    predict = _predict_method(sk_model, pyfunc_predict_fn)
    extras = package.extras(None, predict, conda_env, keywords)
    dump = formats.dump(sk_model, serialization_format or formats.CLOUDPICKLE, skops_trusted_types)
    name_of_predict = pyfunc_predict_fn if predict else None

    if serialization_format is None:
        warning_filters.import_first("skops.io")

    def improve() -> Saved | None:
        better = formats.safer(dump, skops_trusted_types)
        return better and _saved(extras, better, name_of_predict)

    return log(
        artifact_path,
        keywords,
        extras.model,
        lambda: _saved(extras, dump, name_of_predict),
        improve if serialization_format is None else None,
    )


def load_model(
    model_uri: str | os.PathLike[str],
    dst_path: str | os.PathLike[str] | None = None,
    trusted: bool = False,
) -> Any:
    """Load a scikit-learn model.

    Args:
        model_uri: ``runs:/<run id>/<path>``, ``models:/<name>/<version>``, a path, or a URI.
        dst_path: an existing folder to copy the model into first.
        trusted: load it even where loading runs code that the model holds.

    Raises:
        MlflowException: there is no such model; or it is a pickle, or holds types that skops
            does not know, and was not signed by this user.
    """
    folder = local_path(model_uri, dst_path)
    return _load(folder, Model.load(folder), trusted)


def load_pyfunc(folder: Path, model: Model, trusted: bool) -> tuple[Any, Callable[..., Any]]:
    """The model, and the function that predicts (see `flavors.pyfunc`)."""
    name = model.flavor("python_function").get("predict_fn", "predict")
    if name not in PREDICT_FUNCTIONS:
        raise invalid(f"The model in '{folder}' names the predict function {name!r}.")
    native = _load(folder, model, trusted)
    return native, lambda data, params: getattr(native, name)(data)


def _load(folder: Path, model: Model, trusted: bool) -> Any:
    about = model.flavor("sklearn")
    data, trusted = package.read(folder, str(about.get("pickled_model", "model.pkl")), trusted)
    format = str(about.get("serialization_format", formats.PICKLE))
    return formats.load(folder, data, format, trusted)


def _predict_method(sk_model: Any, name: str) -> Callable[[Any], Any] | None:
    if name not in PREDICT_FUNCTIONS:
        raise invalid(f"pyfunc_predict_fn={name!r} is not one of {PREDICT_FUNCTIONS}.")
    return getattr(sk_model, name, None)


def _saved(extras: package.Extras, dump: formats.Dump, predict: str | None) -> Saved:
    """The model in one format, with all files around it."""
    import sklearn

    about = {
        "pickled_model": dump.file,
        "sklearn_version": sklearn.__version__,
        "serialization_format": dump.format,
        "skops_trusted_types": dump.untrusted or None,
    }
    loader = None if predict is None else {"model_path": dump.file, "predict_fn": predict}
    needed = ["mlflow", "scikit-learn", *([dump.format] if dump.format != formats.PICKLE else [])]
    found = environment.requirements(dump.modules, needed)
    return package.complete(extras, {dump.file: dump.data}, "sklearn", about, loader, found)
