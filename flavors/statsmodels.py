"""statsmodels results: saved as statsmodels itself saves them, as a pickle; ours is signed."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core_client.exceptions import invalid
from flavors import environment, formats, package, trust
from flavors.keywords import Keywords, LogKeywords, takes
from flavors.log import Saved, log
from flavors.model import Model, ModelInfo
from flavors.uris import local_path

if TYPE_CHECKING:
    from typing_extensions import Unpack

DATA_FILE = "model.statsmodels"


@takes(Keywords)
def save_model(
    statsmodels_model: Any,
    path: str | os.PathLike[str],
    conda_env: dict[str, Any] | str | None = None,
    *,
    mlflow_model: Model | None = None,
    remove_data: bool = False,
    **keywords: Unpack[Keywords],
) -> None:
    """Save a fitted result to a local folder.

    Args:
        statsmodels_model: what `fit` returned.
        remove_data: first remove, from the result itself, all arrays as long as the data, as its
            own ``save`` does.
    """
    extras = package.extras(mlflow_model, _predict(statsmodels_model), conda_env, keywords)
    package.write(lambda: _saved(extras, statsmodels_model, remove_data), path)


@takes(LogKeywords, like=save_model)
def log_model(
    statsmodels_model: Any,
    artifact_path: str | None = None,
    conda_env: dict[str, Any] | str | None = None,
    *,
    remove_data: bool = False,
    **keywords: Unpack[LogKeywords],
) -> ModelInfo:
    """Save a fitted result among the artifacts of a run."""
    extras = package.extras(None, _predict(statsmodels_model), conda_env, keywords)
    return log(
        artifact_path,
        keywords,
        extras.model,
        lambda: _saved(extras, statsmodels_model, remove_data),
    )


def load_model(
    model_uri: str | os.PathLike[str],
    dst_path: str | os.PathLike[str] | None = None,
    trusted: bool = False,
) -> Any:
    """Load a fitted result.

    Args:
        model_uri: ``runs:/<run id>/<path>``, ``models:/<name>/<version>``, a path, or a URI.
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
