"""LightGBM models: boosters as LightGBM's text, wrappers as skops; loading these runs no code."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core_client.exceptions import MlflowException, invalid
from flavors import environment, formats, package
from flavors.keywords import Keywords, LogKeywords, takes
from flavors.log import Saved, log
from flavors.model import Model, ModelInfo
from flavors.uris import local_path

if TYPE_CHECKING:
    from typing_extensions import Unpack

TEXT = "text"
BOOSTER = "lightgbm.basic.Booster"
WRAPPERS = tuple(
    f"lightgbm.sklearn.{kind}"
    for kind in ("LGBMModel", "LGBMClassifier", "LGBMRegressor", "LGBMRanker")
)
# What a wrapper is made of: a booster reads itself from its text.
HARMLESS = (*WRAPPERS, BOOSTER, "collections.OrderedDict", "collections.defaultdict")
LAST_LINES = "end of trees"  # without, LightGBM may end the process


@takes(Keywords)
def save_model(
    lgb_model: Any,
    path: str | os.PathLike[str],
    conda_env: dict[str, Any] | str | None = None,
    *,
    mlflow_model: Model | None = None,
    serialization_format: str | None = None,
    skops_trusted_types: Sequence[str] | None = None,
    **keywords: Unpack[Keywords],
) -> None:
    """Save a LightGBM model to a local folder.

    Args:
        lgb_model: a trained ``lightgbm.Booster``, or a fitted scikit-learn wrapper.
        serialization_format: of a wrapper: ``skops``, ``cloudpickle`` or ``pickle``. By default
            skops where it can hold the wrapper, else cloudpickle. A booster is saved as text.
        skops_trusted_types: the types, beyond those that skops knows, that the skops file may
            hold. By default all those that the wrapper has.
    """
    formats.check(serialization_format)
    predict = getattr(lgb_model, "predict", None)
    extras = package.extras(mlflow_model, predict, conda_env, keywords)

    def saved() -> Saved:
        dump = _dump(lgb_model, serialization_format, skops_trusted_types)
        return _saved(extras, dump, lgb_model)

    package.write(saved, path)


@takes(LogKeywords, like=save_model)
def log_model(
    lgb_model: Any,
    artifact_path: str | None = None,
    conda_env: dict[str, Any] | str | None = None,
    *,
    serialization_format: str | None = None,
    skops_trusted_types: Sequence[str] | None = None,
    **keywords: Unpack[LogKeywords],
) -> ModelInfo:
    """Save a LightGBM model among the artifacts of a run.

    When this returns, the model as it is now is on disk. A wrapper without `serialization_format`
    is a pickle then, which becomes a skops file in the background where skops can hold it.
    """
    formats.check(serialization_format)
    predict = getattr(lgb_model, "predict", None)
    extras = package.extras(None, predict, conda_env, keywords)
    dump = _dump(lgb_model, serialization_format or formats.CLOUDPICKLE, skops_trusted_types)

    def improve() -> Saved | None:
        better = formats.safer(dump, skops_trusted_types)
        return better and _saved(extras, better, lgb_model)

    return log(
        artifact_path,
        keywords,
        extras.model,
        lambda: _saved(extras, dump, lgb_model),
        improve if serialization_format is None and dump.format != TEXT else None,
    )


def load_model(
    model_uri: str | os.PathLike[str],
    dst_path: str | os.PathLike[str] | None = None,
    trusted: bool = False,
) -> Any:
    """Load a LightGBM model: a ``Booster``, or the scikit-learn wrapper that was saved.

    Args:
        model_uri: ``runs:/<run id>/<path>``, ``models:/<name>/<version>``, a path, or a URI.
        dst_path: an existing folder to copy the model into first.
        trusted: load it even where loading runs code that the model holds.

    Raises:
        MlflowException: there is no such model; it cannot be read; or it is a pickle, or holds
            types beyond LightGBM's, and was not signed by this user.
    """
    folder = local_path(model_uri, dst_path)
    return _load(folder, Model.load(folder), trusted)


def load_pyfunc(folder: Path, model: Model, trusted: bool) -> tuple[Any, Callable[..., Any]]:
    """The model, and the function that predicts (see `flavors.pyfunc`)."""
    native = _load(folder, model, trusted)
    return native, lambda data, params: native.predict(data, **params)


def _load(folder: Path, model: Model, trusted: bool) -> Any:
    about = model.flavor("lightgbm")
    data, trusted = package.read(folder, str(about.get("data", "model.lgb")), trusted)
    if about.get("model_class", BOOSTER) != BOOSTER:
        format = str(about.get("serialization_format", formats.CLOUDPICKLE))
        return formats.load(folder, data, format, trusted, HARMLESS)
    import lightgbm

    text = data.decode("utf-8", "replace")
    if LAST_LINES not in text:
        raise MlflowException(f"LightGBM cannot read the model in '{folder}': it is incomplete.")
    try:
        return lightgbm.Booster(model_str=text)
    except lightgbm.basic.LightGBMError as error:
        raise MlflowException(f"LightGBM cannot read the model in '{folder}': {error}") from error


def _dump(lgb_model: Any, format: str | None, allowed: Sequence[str] | None) -> formats.Dump:
    """The model as one file: text of a booster, another format of a wrapper."""
    import lightgbm

    if isinstance(lgb_model, lightgbm.Booster):
        text = lgb_model.model_to_string().encode()
        return formats.Dump("model.lgb", text, TEXT, {"lightgbm"}, [])
    if not isinstance(lgb_model, lightgbm.LGBMModel):
        raise invalid(f"{type(lgb_model).__name__} is no LightGBM model that can be saved.")
    return formats.dump(lgb_model, format, allowed)


def _saved(extras: package.Extras, dump: formats.Dump, lgb_model: Any) -> Saved:
    import lightgbm

    kind = type(lgb_model)
    about: dict[str, Any] = {
        "data": dump.file,
        "model_class": f"{kind.__module__}.{kind.__qualname__}",
        "lgb_version": lightgbm.__version__,
    }
    needed = ["mlflow"]
    if dump.format == TEXT:
        about["model_class"] = BOOSTER
    else:
        about["serialization_format"] = dump.format
        about["skops_trusted_types"] = dump.untrusted or None
        needed += ["scikit-learn", *([dump.format] if dump.format != formats.PICKLE else [])]
    found = environment.requirements({*dump.modules, "lightgbm"}, needed)
    return package.complete(
        extras, {dump.file: dump.data}, "lightgbm", about, {"data": dump.file}, found
    )
