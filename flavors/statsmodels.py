"""statsmodels results: saved as statsmodels itself saves them, as a pickle; ours is signed."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core_client.exceptions import invalid
from flavors import environment, formats, package, trust
from flavors.log import Saved, log
from flavors.model import Model, ModelInfo
from flavors.signature import ModelSignature
from flavors.uris import local_path

if TYPE_CHECKING:
    from core_client.run import ActiveRun

DATA_FILE = "model.statsmodels"


def save_model(
    statsmodels_model: Any,
    path: str | os.PathLike[str],
    conda_env: dict[str, Any] | str | None = None,
    code_paths: Sequence[str] | None = None,
    mlflow_model: Model | None = None,
    remove_data: bool = False,
    signature: ModelSignature | bool | None = None,
    input_example: Any = None,
    pip_requirements: Sequence[str] | str | None = None,
    extra_pip_requirements: Sequence[str] | str | None = None,
    metadata: dict[str, Any] | None = None,
) -> None:
    """Save a fitted result to a local folder that does not exist yet, or is empty.

    Args:
        statsmodels_model: what `fit` returned.
        path: the folder.
        conda_env: a conda environment (dict or YAML file) in place of the one told from the model.
        code_paths: files and folders of Python code to keep with the model.
        mlflow_model: a description to start from.
        remove_data: first remove, from the result itself, all arrays as long as the data, as its
            own ``save`` does.
        signature: what the model takes and gives. By default told from `input_example`, if there
            is one; False leaves it out.
        input_example: a few rows of input, as `flavors.example.encode` takes them.
        pip_requirements: requirements in place of those told from the model.
        extra_pip_requirements: requirements added to those told from the model.
        metadata: anything that YAML can hold, kept in the MLmodel file.

    Raises:
        MlflowException: the folder is in use, or the result cannot be saved; nothing is left then.
    """
    extras = package.extras(
        mlflow_model or Model(), _predict(statsmodels_model), conda_env=conda_env,
        code_paths=code_paths, signature=signature, input_example=input_example,
        pip_requirements=pip_requirements, extra_pip_requirements=extra_pip_requirements,
        metadata=metadata,
    )  # fmt: skip
    package.write(lambda: _saved(extras, statsmodels_model, remove_data), path)


def log_model(
    statsmodels_model: Any,
    artifact_path: str | None = None,
    conda_env: dict[str, Any] | str | None = None,
    code_paths: Sequence[str] | None = None,
    registered_model_name: str | None = None,
    remove_data: bool = False,
    signature: ModelSignature | bool | None = None,
    input_example: Any = None,
    await_registration_for: int | None = None,
    pip_requirements: Sequence[str] | str | None = None,
    extra_pip_requirements: Sequence[str] | str | None = None,
    metadata: dict[str, Any] | None = None,
    name: str | None = None,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
    model_type: str | None = None,
    step: int = 0,
    model_id: str | None = None,
    run: ActiveRun | None = None,
) -> ModelInfo:
    """Save a fitted result among the artifacts of a run.

    Args:
        statsmodels_model: what `fit` returned.
        artifact_path: older name of `name`.
        conda_env, code_paths, remove_data, signature, input_example, pip_requirements,
            extra_pip_requirements, metadata: as for `save_model`.
        registered_model_name: make it a version of that registered model, on a server.
        await_registration_for: accepted for MLflow's sake.
        model_id: a logged model that is there already, on a server of MLflow 3; it gets the files.
        name: where the model goes below the run's artifacts; ``model`` by default.
        params, tags, model_type, step: further facts about the model, kept in its metadata and,
            where the store has logged models, with it.
        run: the run; by default the active one, or a new one.

    Raises:
        MlflowException: the result cannot be saved; nothing is left of it then.
    """
    kept = package.facts(params=params, tags=tags, model_type=model_type, step=step)
    extras = package.extras(
        Model(), _predict(statsmodels_model), conda_env=conda_env, code_paths=code_paths,
        signature=signature, input_example=input_example, pip_requirements=pip_requirements,
        extra_pip_requirements=extra_pip_requirements, metadata={**(metadata or {}), **kept},
    )  # fmt: skip
    return log(
        run,
        name or artifact_path or "model",
        extras.model,
        lambda: _saved(extras, statsmodels_model, remove_data),
        registered_name=registered_model_name,
        facts=kept,
        model_id=model_id,
    )


def load_model(
    model_uri: str | os.PathLike[str],
    dst_path: str | os.PathLike[str] | None = None,
    trusted: bool = False,
) -> Any:
    """Load a fitted result.

    Args:
        model_uri: ``runs:/<run id>/<path>``, a local path, or a ``file:`` URI.
        dst_path: an existing folder to copy the model into first.
        trusted: load it even where nobody but its folder vouches for it.

    Raises:
        MlflowException: there is no such model, or it was not signed by this user.
    """
    folder = local_path(model_uri, dst_path)
    return _load(folder, Model.load(folder), trusted)


def load_pyfunc(folder: Path, model: Model, trusted: bool) -> tuple[Any, Callable[..., Any]]:
    """The result, and the function that predicts (see `flavors.pyfunc`)."""
    native = _load(folder, model, trusted)
    predict = _predict(native)
    return native, lambda data, params: predict(data)


def _load(folder: Path, model: Model, trusted: bool) -> Any:
    name = str(model.flavor("statsmodels").get("data", DATA_FILE))
    data, trusted = package.read(folder, name, trusted)
    if not trusted:
        raise trust.refused(folder, "it is a pickle, which runs code when it is loaded", "")
    # Not further down: a formula finds its functions in the frames of at most four callers.
    return pickle.loads(data)


def _predict(result: Any) -> Callable[[Any], Any]:
    """The function that predicts from rows; of a time series, from a row with start and end."""

    def predict(data: Any) -> Any:
        from statsmodels.tsa.base.tsa_model import TimeSeriesModel

        if isinstance(getattr(result, "model", None), TimeSeriesModel):
            return result.predict(*_span(data))
        return result.predict(data.toarray() if hasattr(data, "toarray") else data)

    return predict


def _span(data: Any) -> tuple[Any, Any]:
    """The first and the last time to predict."""
    if len(data) == 1 and {"start", "end"} <= set(getattr(data, "columns", ())):
        return data["start"].iloc[0], data["end"].iloc[0]
    raise invalid("A time series is predicted from a table of one row with columns start and end.")


def _saved(extras: package.Extras, result: Any, remove_data: bool) -> Saved:
    """The pickle, with all files around it."""
    import statsmodels

    if remove_data:
        result.remove_data()
    dump = formats.dump(result, formats.CLOUDPICKLE)
    about = {"statsmodels_version": statsmodels.__version__, "data": DATA_FILE}
    loader = {"data": DATA_FILE}
    found = environment.requirements(dump.modules, ["mlflow", "statsmodels"])
    return package.complete(extras, {DATA_FILE: dump.data}, "statsmodels", about, loader, found)
