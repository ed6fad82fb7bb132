"""XGBoost models, in XGBoost's own formats: loading one runs no code."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core_client.exceptions import MlflowException, invalid
from flavors import environment, package
from flavors.keywords import Keywords, LogKeywords, takes
from flavors.log import Saved, log
from flavors.model import Model, ModelInfo
from flavors.uris import local_path

if TYPE_CHECKING:
    from typing_extensions import Unpack

FORMATS = ("ubj", "json", "xgb")
BOOSTER = "xgboost.core.Booster"
# The classes of scikit-learn wrappers; an artifact chooses one of these, and nothing else.
WRAPPERS = (
    "XGBModel", "XGBClassifier", "XGBRegressor", "XGBRanker", "XGBRFClassifier", "XGBRFRegressor",
)  # fmt: skip


@takes(Keywords)
def save_model(
    xgb_model: Any,
    path: str | os.PathLike[str],
    conda_env: dict[str, Any] | str | None = None,
    *,
    mlflow_model: Model | None = None,
    model_format: str = "ubj",
    **keywords: Unpack[Keywords],
) -> None:
    """Save an XGBoost model to a local folder.

    Args:
        xgb_model: a trained ``xgboost.Booster``, or a fitted scikit-learn wrapper.
        model_format: ``ubj`` (binary JSON), ``json``, or ``xgb``, which old versions read.
    """
    extras = package.extras(mlflow_model, _predictor(xgb_model), conda_env, keywords)
    package.write(lambda: _saved(extras, xgb_model, model_format), path)


@takes(LogKeywords, like=save_model)
def log_model(
    xgb_model: Any,
    artifact_path: str | None = None,
    conda_env: dict[str, Any] | str | None = None,
    *,
    model_format: str = "ubj",
    **keywords: Unpack[LogKeywords],
) -> ModelInfo:
    """Save an XGBoost model among the artifacts of a run."""
    extras = package.extras(None, _predictor(xgb_model), conda_env, keywords)
    return log(
        artifact_path, keywords, extras.model, lambda: _saved(extras, xgb_model, model_format)
    )


def load_model(
    model_uri: str | os.PathLike[str], dst_path: str | os.PathLike[str] | None = None
) -> Any:
    """Load an XGBoost model: a ``Booster``, or the scikit-learn wrapper that was saved.

    Args:
        model_uri: ``runs:/<run id>/<path>``, ``models:/<name>/<version>``, a path, or a URI.
        dst_path: an existing folder to copy the model into first.

    Raises:
        MlflowException: there is no such model, or it cannot be read.
    """
    folder = local_path(model_uri, dst_path)
    return _load(folder, Model.load(folder))


def load_pyfunc(folder: Path, model: Model, trusted: bool) -> tuple[Any, Callable[..., Any]]:
    """The model, and the function that predicts (see `flavors.pyfunc`)."""
    native = _load(folder, model, trusted)
    predict = _predictor(native)
    return native, lambda data, params: predict(data, **params)


def _load(folder: Path, model: Model, trusted: bool = False) -> Any:
    import xgboost

    about = model.flavor("xgboost")
    named = str(about.get("model_class", BOOSTER))
    data, _ = package.read(folder, str(about.get("data", "model.ubj")), trusted)
    if not data:  # XGBoost ends the process over that
        raise MlflowException(f"XGBoost cannot read the model in '{folder}': its file is empty.")
    if named == BOOSTER:
        native = xgboost.Booster()
    else:
        module, _, kind = named.rpartition(".")
        if module != "xgboost.sklearn" or kind not in WRAPPERS:
            raise invalid(
                f"The model in '{folder}' is of the class {named!r}, which is none of XGBoost's. "
                "Code that a model names is never imported."
            )
        params = about.get("params")
        native = getattr(xgboost, kind)(**(params if isinstance(params, dict) else {}))
    given = native.get_params() if "params" in about else {}
    try:
        native.load_model(bytearray(data))
    except xgboost.core.XGBoostError as error:
        reason = str(error).splitlines()[0]
        raise MlflowException(f"XGBoost cannot read the model in '{folder}': {reason}") from error
    for name, value in given.items():  # reading a model sets some of them to what it came to
        setattr(native, name, value)
    return native


def _predictor(xgb_model: Any) -> Callable[..., Any]:
    """What predicts for data as users have it."""
    import xgboost

    if not isinstance(xgb_model, xgboost.Booster):
        predict: Callable[..., Any] = xgb_model.predict
        return predict

    def predict_rows(data: Any, **params: Any) -> Any:
        return xgb_model.predict(xgboost.DMatrix(data, enable_categorical=True), **params)

    return predict_rows


def _saved(extras: package.Extras, xgb_model: Any, format: str) -> Saved:
    import xgboost

    if format not in FORMATS:
        raise invalid(f"model_format={format!r} is not one of {FORMATS}.")
    file, modules = f"model.{format}", ["xgboost"]
    about: dict[str, Any] = {
        "data": file,
        "model_class": BOOSTER,
        "model_format": format,
        "xgb_version": xgboost.__version__,
    }
    if not isinstance(xgb_model, xgboost.Booster):
        # A class of the user's own is loaded as the one of XGBoost that it is made from.
        kinds = [kind for kind in type(xgb_model).__mro__ if kind.__module__ == "xgboost.sklearn"]
        if not kinds or kinds[0].__name__ not in WRAPPERS:
            raise invalid(f"{type(xgb_model).__name__} is no XGBoost model that can be saved.")
        about["model_class"] = f"xgboost.sklearn.{kinds[0].__name__}"
        about["params"] = _plain_params(xgb_model, kinds[0])
        modules.append("sklearn")
    with tempfile.TemporaryDirectory(prefix="autolog-model-") as folder:
        path = Path(folder, file)
        xgb_model.save_model(path)
        data = path.read_bytes()
    found = environment.requirements(modules, ["mlflow"])
    return package.complete(extras, {file: data}, "xgboost", about, {"data": file}, found)


def _plain_params(xgb_model: Any, kind: type) -> dict[str, Any]:
    """The wrapper's parameters that differ from their defaults and that YAML can hold."""
    defaults, plain = kind().get_params(), {}
    for name, value in xgb_model.get_params().items():
        value = value.item() if hasattr(value, "item") else value
        if _is_plain(value) and repr(value) != repr(defaults.get(name)):
            plain[name] = value
    return plain


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | dict):
        parts = [*value, *value.values()] if isinstance(value, dict) else value
        return all(map(_is_plain, parts))
    return isinstance(value, bool | int | float | str)
