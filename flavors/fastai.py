"""fastai Learners: exported as fastai itself exports them, a pickle without data; ours is signed."""

from __future__ import annotations

import copy
import io
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core_client.exceptions import MlflowException
from flavors import environment, package, torch_formats, trust
from flavors.keywords import Keywords, LogKeywords, takes
from flavors.log import Saved, log
from flavors.model import Model, ModelInfo
from flavors.uris import local_path

if TYPE_CHECKING:
    from typing_extensions import Unpack

DATA_FILE = "model.fastai"


@takes(Keywords)
def save_model(
    fastai_learner: Any,
    path: str | os.PathLike[str],
    conda_env: dict[str, Any] | str | None = None,
    *,
    mlflow_model: Model | None = None,
    **keywords: Unpack[Keywords],
) -> None:
    """Save a Learner to a local folder.

    Args:
        fastai_learner: the ``Learner``; it stays as it is, and its data are not saved.
    """
    extras = package.extras(mlflow_model, _predictor(fastai_learner), conda_env, keywords)
    package.write(lambda: _saved(extras, fastai_learner), path)


@takes(LogKeywords, like=save_model)
def log_model(
    fastai_learner: Any,
    artifact_path: str | None = None,
    conda_env: dict[str, Any] | str | None = None,
    **keywords: Unpack[LogKeywords],
) -> ModelInfo:
    """Save a Learner among the artifacts of a run."""
    extras = package.extras(None, _predictor(fastai_learner), conda_env, keywords)
    return log(artifact_path, keywords, extras.model, lambda: _saved(extras, fastai_learner))


def load_model(
    model_uri: str | os.PathLike[str],
    dst_path: str | os.PathLike[str] | None = None,
    trusted: bool = False,
) -> Any:
    """Load a Learner, on the CPU.

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
    """The Learner, and the function that predicts (see `flavors.pyfunc`)."""
    native = _load(folder, model, trusted)
    predict = _predictor(native)
    return native, lambda data, params: predict(data)


def _load(folder: Path, model: Model, trusted: bool) -> Any:
    name = str(model.flavor("fastai").get("data", DATA_FILE))
    data, trusted = package.read(folder, name, trusted)
    if not trusted:
        raise trust.refused(folder, "it is a pickle, which runs code when it is loaded", "")
    import torch

    learner = torch.load(io.BytesIO(data), map_location="cpu", weights_only=False)
    learner.dls.cpu()
    return learner


def _predictor(learner: Any) -> Callable[[Any], Any]:
    """The function that predicts from rows of a table: a column with what the model gives."""

    def predict(data: Any) -> Any:
        import pandas

        with learner.no_bar(), learner.no_logging():
            found, _ = learner.get_preds(dl=learner.dls.test_dl(data))
        return pandas.DataFrame({"predictions": list(found.numpy())})

    return predict


def _saved(extras: package.Extras, learner: Any) -> Saved:
    """The pickle, with all files around it."""
    import fastai

    try:
        dump = torch_formats.module(_without_data(learner))
    except MlflowException as error:
        cause = error.__cause__ or error
        raise MlflowException(
            f"The Learner cannot be pickled ({cause}). Define its functions in a module, or keep "
            "the weights alone: learn.save('name') and log_artifact."
        ) from cause
    about = {"fastai_version": fastai.__version__, "data": DATA_FILE}
    loader = {"data": DATA_FILE}
    found = environment.requirements(dump.modules, ["mlflow", "fastai"])
    return package.complete(extras, {DATA_FILE: dump.data}, "fastai", about, loader, found)


def _without_data(learner: Any) -> Any:
    """A copy that shares the model, as `Learner.export` has it: no data and no optimizer.

    `export` itself would replace the Learner's optimizer and go through its data loaders.
    """
    state = random.getstate()  # fastai's loaders draw from it when they are made
    try:
        copied = copy.copy(learner)
        copied.dls = learner.dls.new_empty()
    finally:
        random.setstate(state)
    copied.opt = None
    copied._end_cleanup()
    copied.cbs = type(learner.cbs)(copy.copy(one) for one in learner.cbs)
    for one in copied.cbs:
        one.learn = copied
        setattr(copied, one.name, one)
    return copied
