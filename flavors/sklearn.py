"""scikit-learn models: saved as skops where skops can hold them, else as a signed pickle."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core_client import background
from core_client.exceptions import invalid
from flavors import environment, formats, package
from flavors.log import Saved, log
from flavors.model import Model, ModelInfo
from flavors.signature import ModelSignature
from flavors.uris import local_path

if TYPE_CHECKING:
    from core_client.run import ActiveRun

PREDICT_FUNCTIONS = (
    "predict", "predict_proba", "predict_log_proba", "predict_joint_log_proba", "score"
)  # fmt: skip


def save_model(
    sk_model: Any,
    path: str | os.PathLike[str],
    conda_env: dict[str, Any] | str | None = None,
    code_paths: Sequence[str] | None = None,
    mlflow_model: Model | None = None,
    serialization_format: str | None = None,
    signature: ModelSignature | bool | None = None,
    input_example: Any = None,
    pip_requirements: Sequence[str] | str | None = None,
    extra_pip_requirements: Sequence[str] | str | None = None,
    pyfunc_predict_fn: str = "predict",
    metadata: dict[str, Any] | None = None,
    skops_trusted_types: Sequence[str] | None = None,
) -> None:
    """Save a scikit-learn model to a local folder that does not exist yet, or is empty.

    Args:
        sk_model: the fitted model.
        path: the folder.
        conda_env: a conda environment (dict or YAML file) in place of the one told from the model.
        code_paths: files and folders of Python code to keep with the model.
        mlflow_model: a description to start from.
        serialization_format: ``skops``, ``cloudpickle`` or ``pickle``. By default skops where
            it can hold the model, else cloudpickle.
        signature: what the model takes and gives. By default told from `input_example`, if there
            is one; False leaves it out.
        input_example: a few rows of input, as `flavors.example.encode` takes them.
        pip_requirements: requirements in place of those told from the model.
        extra_pip_requirements: requirements added to those told from the model.
        pyfunc_predict_fn: the method that `flavors.pyfunc` calls, one of PREDICT_FUNCTIONS.
        metadata: anything that YAML can hold, kept in the MLmodel file.
        skops_trusted_types: the types, beyond those that skops knows, that the skops file may
            hold. By default all those that the model has.

    Raises:
        MlflowException: the folder is in use, or the model cannot be saved; nothing is left then.
    """
    formats.check(serialization_format)
    predict = _predict_method(sk_model, pyfunc_predict_fn)
    extras = package.extras(
        mlflow_model or Model(), predict, conda_env=conda_env, code_paths=code_paths,
        signature=signature, input_example=input_example, pip_requirements=pip_requirements,
        extra_pip_requirements=extra_pip_requirements, metadata=metadata,
    )  # fmt: skip

    def saved() -> Saved:
        dump = formats.dump(sk_model, serialization_format, skops_trusted_types)
        return _saved(extras, dump, pyfunc_predict_fn if predict else None)

    package.write(saved, path)


def log_model(
    sk_model: Any,
    artifact_path: str | None = None,
    conda_env: dict[str, Any] | str | None = None,
    code_paths: Sequence[str] | None = None,
    serialization_format: str | None = None,
    registered_model_name: str | None = None,
    signature: ModelSignature | bool | None = None,
    input_example: Any = None,
    await_registration_for: int | None = None,
    pip_requirements: Sequence[str] | str | None = None,
    extra_pip_requirements: Sequence[str] | str | None = None,
    pyfunc_predict_fn: str = "predict",
    metadata: dict[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
    model_type: str | None = None,
    step: int = 0,
    model_id: str | None = None,
    name: str | None = None,
    skops_trusted_types: Sequence[str] | None = None,
    run: ActiveRun | None = None,
) -> ModelInfo:
    """Save a scikit-learn model among the artifacts of a run.

    When this returns, the model as it is now is on disk. Without a `serialization_format` that
    is a pickle, which becomes a skops file in the background where skops can hold the model.

    Args:
        sk_model: the fitted model.
        artifact_path: older name of `name`.
        conda_env, code_paths, serialization_format, signature, input_example, pip_requirements,
            extra_pip_requirements, pyfunc_predict_fn, metadata, skops_trusted_types: as for
            `save_model`.
        registered_model_name: make it a version of that registered model, on a server.
        await_registration_for: accepted for MLflow's sake.
        model_id: a logged model that is there already, on a server of MLflow 3; it gets the files.
        params, tags, model_type, step: further facts about the model, kept in its metadata and,
            where the store has logged models, with it.
        name: where the model goes below the run's artifacts; ``model`` by default.
        run: the run; by default the active one, or a new one.

    Raises:
        MlflowException: the model cannot be saved; nothing is left of it then.
    """
    formats.check(serialization_format)
    kept = package.facts(params=params, tags=tags, model_type=model_type, step=step)
    predict = _predict_method(sk_model, pyfunc_predict_fn)
    extras = package.extras(
        Model(), predict, conda_env=conda_env, code_paths=code_paths, signature=signature,
        input_example=input_example, pip_requirements=pip_requirements,
        extra_pip_requirements=extra_pip_requirements, metadata={**(metadata or {}), **kept},
    )  # fmt: skip
    dump = formats.dump(sk_model, serialization_format or formats.CLOUDPICKLE, skops_trusted_types)
    name_of_predict = pyfunc_predict_fn if predict else None

    if serialization_format is None:
        background.needs("skops.io")

    def improve() -> Saved | None:
        better = formats.safer(dump, skops_trusted_types)
        return better and _saved(extras, better, name_of_predict)

    return log(
        run,
        name or artifact_path or "model",
        extras.model,
        lambda: _saved(extras, dump, name_of_predict),
        improve if serialization_format is None else None,
        registered_model_name,
        kept,
        model_id,
    )


def load_model(
    model_uri: str | os.PathLike[str],
    dst_path: str | os.PathLike[str] | None = None,
    trusted: bool = False,
) -> Any:
    """Load a scikit-learn model.

    Args:
        model_uri: ``runs:/<run id>/<path>``, a local path, or a ``file:`` URI.
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
