"""scikit-learn models: saved as skops where skops can hold them, else as a signed pickle."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from core_client.exceptions import MlflowException, invalid
from flavors import environment, example, formats, trust
from flavors.log import Saved, log, no_registry
from flavors.model import MLMODEL, Model, ModelInfo, to_yaml
from flavors.signature import ModelSignature, infer_signature
from flavors.uris import local_path

if TYPE_CHECKING:
    from core_client.run import ActiveRun

PREDICT_FUNCTIONS = (
    "predict", "predict_proba", "predict_log_proba", "predict_joint_log_proba", "score"
)  # fmt: skip


class Extras(NamedTuple):
    """All of a saved model that does not depend on the format."""

    model: Model
    environment: environment.Given
    files: dict[str, bytes]  # input example and code
    predict: str | None


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
    folder = Path(path)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise MlflowException(f"'{path}' is in use. Save the model to a new folder.")
    extras = _extras(
        sk_model, mlflow_model or Model(), conda_env, code_paths, signature, input_example,
        pip_requirements, extra_pip_requirements, pyfunc_predict_fn, metadata,
    )  # fmt: skip
    formats.check(serialization_format)
    saved = _saved(extras, formats.dump(sk_model, serialization_format, skops_trusted_types))
    folder.mkdir(parents=True, exist_ok=True)
    saved.write(folder)


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
        registered_model_name, await_registration_for, model_id: need a model registry, which this
            store has not yet.
        params, tags, model_type, step: further facts about the model, kept in its metadata.
        name: where the model goes below the run's artifacts; ``model`` by default.
        run: the run; by default the active one, or a new one.

    Raises:
        MlflowException: the model cannot be saved; nothing is left of it then.
    """
    no_registry(registered_model_name=registered_model_name, model_id=model_id)
    facts = {"params": params, "tags": tags, "model_type": model_type, "step": step}
    kept = {key: dict(v) if isinstance(v, Mapping) else v for key, v in facts.items() if v}
    extras = _extras(
        sk_model, Model(), conda_env, code_paths, signature, input_example,
        pip_requirements, extra_pip_requirements, pyfunc_predict_fn, {**(metadata or {}), **kept},
    )  # fmt: skip
    formats.check(serialization_format)
    dump = formats.dump(sk_model, serialization_format or formats.CLOUDPICKLE, skops_trusted_types)

    def improve() -> Saved | None:
        better = formats.safer(dump, skops_trusted_types)
        return better and _saved(extras, better)

    return log(
        run,
        name or artifact_path or "model",
        extras.model,
        lambda: _saved(extras, dump),
        improve if serialization_format is None else None,
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
    data_file = str(about.get("pickled_model", "model.pkl"))
    code = [path.relative_to(folder).as_posix() for path in _code_files(folder / "code")]
    contents = trust.read(folder, [data_file, *code])
    trusted = trusted or contents.ours
    if trusted:
        trust.importable({name: contents.files[name] for name in code})
    format = str(about.get("serialization_format", formats.PICKLE))
    return formats.load(folder, contents.files[data_file], format, trusted)


def _extras(
    sk_model: Any,
    model: Model,
    conda_env: dict[str, Any] | str | None,
    code_paths: Sequence[str] | None,
    signature: ModelSignature | bool | None,
    input_example: Any,
    pip_requirements: Sequence[str] | str | None,
    extra_pip_requirements: Sequence[str] | str | None,
    pyfunc_predict_fn: str,
    metadata: dict[str, Any] | None,
) -> Extras:
    if pyfunc_predict_fn not in PREDICT_FUNCTIONS:
        raise invalid(f"pyfunc_predict_fn={pyfunc_predict_fn!r} is not one of {PREDICT_FUNCTIONS}.")
    predict = pyfunc_predict_fn if hasattr(sk_model, pyfunc_predict_fn) else None
    files = _code(code_paths or ())
    if input_example is not None:
        encoded = example.encode(input_example)
        files.update(encoded.files)
        model.saved_input_example_info = encoded.about
        if signature is None and predict is not None:
            data, params = example.split(input_example)
            signature = infer_signature(data, getattr(sk_model, predict)(data), params)
    if isinstance(signature, ModelSignature):
        model.signature = signature
    model.metadata = metadata or model.metadata
    wanted = environment.given(pip_requirements, extra_pip_requirements, conda_env)
    return Extras(model, wanted, files, predict)


def _saved(extras: Extras, dump: formats.Dump) -> Saved:
    """The model in one format, with all files around it."""
    import sklearn

    code = [name for name in extras.files if name.startswith("code/")]
    code_folder = "code" if code else None
    flavors: dict[str, dict[str, Any]] = {
        "sklearn": {
            "pickled_model": dump.file,
            "sklearn_version": sklearn.__version__,
            "serialization_format": dump.format,
            "code": code_folder,
            "skops_trusted_types": dump.untrusted or None,
        }
    }
    if extras.predict is not None:
        python: dict[str, Any] = {
            "loader_module": "mlflow.sklearn",
            "model_path": dump.file,
            "predict_fn": extras.predict,
            "python_version": environment.PYTHON,
            "env": {"conda": environment.CONDA, "virtualenv": environment.PYTHON_ENV},
        }
        flavors["python_function"] = python | ({"code": code_folder} if code else {})
    needed = ["mlflow", "scikit-learn", *([dump.format] if dump.format != formats.PICKLE else [])]
    found = environment.requirements(dump.modules, needed)
    signed = {dump.file: dump.data, **{name: extras.files[name] for name in code}}
    files = {**extras.files, **signed, **environment.files(extras.environment, found)}
    files |= trust.signature(signed)
    size = sum(len(data) for data in files.values())
    model = msgspec.structs.replace(extras.model, flavors=flavors, model_size_bytes=size)
    return Saved(model, {**files, MLMODEL: to_yaml(model.to_dict()).encode()})


def _code(paths: Sequence[str]) -> dict[str, bytes]:
    """Files of code to keep with the model, by their path in its folder."""
    files = {}
    for given in paths:
        path = Path(given).absolute()
        if not path.exists():
            raise invalid(f"code_paths: '{given}' does not exist.")
        for file in [path] if path.is_file() else _code_files(path):
            files[f"code/{file.relative_to(path.parent).as_posix()}"] = file.read_bytes()
    return files


def _code_files(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return [path for path in found if "__pycache__" not in path.parts]
