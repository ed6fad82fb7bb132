"""PyTorch models: weights in safetensors, beside them the module in the form that MLflow loads."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core_client.exceptions import MlflowException, invalid, missing
from core_client.report import warn
from flavors import environment, package, trust
from flavors import torch_formats as formats
from flavors.keywords import Keywords, LogKeywords, takes
from flavors.log import Saved, log
from flavors.model import Model, ModelInfo
from flavors.torch_predict import evaluating, plain, predictor
from flavors.uris import local_path

if TYPE_CHECKING:
    from typing_extensions import Unpack

FORMATS = ("pickle", "pt2", "safetensors")
DATA = "data"
STATE_DICT = "state_dict.pth"


@takes(Keywords)
def save_model(
    pytorch_model: Any,
    path: str | os.PathLike[str],
    conda_env: dict[str, Any] | str | None = None,
    *,
    mlflow_model: Model | None = None,
    pickle_module: Any = None,
    export_model: bool = False,
    serialization_format: str | None = None,
    **keywords: Unpack[Keywords],
) -> None:
    """Save a PyTorch model to a local folder.

    Args:
        pytorch_model: a ``torch.nn.Module``, scripted ones included.
        pickle_module: accepted for MLflow's sake; what is written here, any pickle reads.
        input_example: a batch of input, rows first: array, tensor or table.
        export_model: older name of ``serialization_format="pt2"``.
        serialization_format: ``pickle``: the whole module, for MLflow; ``safetensors``: the
            weights alone, which anybody can load into a module of the same class; ``pt2``: the
            program that ``torch.export`` traces with `input_example`. By default the module and,
            beside it, the weights; or these alone, with a warning, of what cannot be pickled.
    """
    format = "pt2" if export_model else serialization_format
    example = keywords.get("input_example")
    keywords["input_example"] = plain(example)
    extras = package.extras(mlflow_model, predictor(pytorch_model), conda_env, keywords)
    package.write(lambda: _saved(extras, pytorch_model, format, example), path)


@takes(LogKeywords, like=save_model)
def log_model(
    pytorch_model: Any,
    artifact_path: str | None = None,
    conda_env: dict[str, Any] | str | None = None,
    *,
    pickle_module: Any = None,
    export_model: bool = False,
    serialization_format: str | None = None,
    **keywords: Unpack[LogKeywords],
) -> ModelInfo:
    """Save a PyTorch model among the artifacts of a run."""
    format = "pt2" if export_model else serialization_format
    example = keywords.get("input_example")
    keywords["input_example"] = plain(example)
    extras = package.extras(None, predictor(pytorch_model), conda_env, keywords)
    return log(
        artifact_path,
        keywords,
        extras.model,
        lambda: _saved(extras, pytorch_model, format, example),
    )


def load_model(
    model_uri: str | os.PathLike[str],
    dst_path: str | os.PathLike[str] | None = None,
    trusted: bool = False,
    model: Any = None,
    map_location: Any = None,
) -> Any:
    """Load a PyTorch model, in evaluation mode.

    Args:
        model_uri: ``runs:/<run id>/<path>``, ``models:/<name>/<version>``, a path, or a URI.
        dst_path: an existing folder to copy the model into first.
        trusted: load it even where loading runs code that the model holds.
        model: a module, or the class of one, to load the saved weights into. That runs no code
            of the model's. A class is made with the hyper-parameters that were saved.
        map_location: as for ``torch.load``; by default where it was, if there is such a device.

    Raises:
        MlflowException: there is no such model; or it is more than weights and layers of PyTorch,
            was not signed by this user, and no `model` was given.
    """
    folder = local_path(model_uri, dst_path)
    about = Model.load(folder).flavor("pytorch")
    if model is None:
        return _load(folder, about, trusted, map_location)
    if isinstance(model, type):
        model = model(**(about.get("hyper_parameters") or {}))
    state = _weights(folder)
    if state is None:
        state = _load(folder, about, trusted, map_location).state_dict()
    model.load_state_dict(state)
    return model.eval()


def load_pyfunc(folder: Path, model: Model, trusted: bool) -> tuple[Any, Callable[..., Any]]:
    """The module, and the function that predicts (see `flavors.pyfunc`)."""
    native = _load(folder, model.flavor("pytorch"), trusted, None)
    predict = predictor(native)
    return native, lambda data, params: predict(data, **params)


def save_state_dict(state_dict: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Save a state dict to a local folder, as ``torch.save`` writes it."""
    import torch

    if not isinstance(state_dict, Mapping):
        raise invalid(f"A state dict is a dictionary, not a {type(state_dict).__name__}.")
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(state_dict, folder / STATE_DICT)


def log_state_dict(state_dict: Mapping[str, Any], artifact_path: str) -> None:
    """Save a state dict in a folder of the active run's artifacts, or of a new run's."""
    from core_client import fluent

    run = fluent.active_run() or fluent.start_run()
    with run.artifact_folder(artifact_path) as folder:
        save_state_dict(state_dict, folder)


def load_state_dict(state_dict_uri: str | os.PathLike[str]) -> Any:
    """Load a state dict that was saved alone, or with a model. Runs no code.

    Args:
        state_dict_uri: of the folder, as for `load_model`.

    Raises:
        MlflowException: there is none, or it holds more than tensors and plain values.
    """
    folder = local_path(state_dict_uri)
    if (folder / STATE_DICT).exists():
        data = trust.read(folder, [STATE_DICT]).files[STATE_DICT]
        try:
            return formats.read_state_dict(data)
        except pickle.UnpicklingError as error:
            raise invalid(
                f"'{folder / STATE_DICT}' is more than tensors and plain values: {error}"
            ) from error
    found = _weights(folder)
    if found is None:
        raise missing(f"The model in '{folder}' has no weights apart from its code.")
    return found


def _weights(folder: Path) -> dict[str, Any] | None:
    """The weights that were kept apart from the module."""
    name = f"{DATA}/{formats.WEIGHTS}"
    if not (folder / name).exists():
        return None
    return formats.read_weights(trust.read(folder, [name]).files[name])


def _load(folder: Path, about: Mapping[str, Any], trusted: bool, map_location: Any) -> Any:
    names = (formats.MODULE, formats.PROGRAM)
    file = next((name for name in names if (folder / DATA / name).exists()), None)
    if file is None:
        raise missing(
            f"The model in '{folder}' is weights alone. Give load_model the module, or its class, "
            "that they are for: model=..."
        )
    data, trusted = package.read(folder, f"{DATA}/{file}", trusted)
    if file == formats.PROGRAM:
        if not trusted:
            raise trust.refused(folder, "an exported program may run code", _cure(folder, about))
        return formats.read_program(data)
    try:
        return formats.read_module(data, map_location, trusted).eval()
    except pickle.UnpicklingError as error:
        if trusted:
            raise MlflowException(
                f"PyTorch cannot read the model in '{folder}': {error}"
            ) from error
        what = "it is a pickle of more than PyTorch's own layers, which runs code when it is loaded"
        raise trust.refused(folder, what, _cure(folder, about)) from error


def _cure(folder: Path, about: Mapping[str, Any]) -> str:
    if not (folder / DATA / formats.WEIGHTS).exists():
        return ""
    named = about.get("model_class") or "its class"
    return f"Its weights alone load without that: load_model(uri, model=...) with {named}."


def _saved(
    extras: package.Extras,
    model: Any,
    format: str | None,
    example: Any,
) -> Saved:
    import torch

    if format not in (None, *FORMATS):
        raise invalid(f"serialization_format={format!r} is not one of {FORMATS}.")
    if not isinstance(model, torch.nn.Module):
        raise invalid(f"{type(model).__name__} is no torch.nn.Module.")
    try:
        dump = _dump(model, format, example)
    except MlflowException as error:
        if format is not None:
            raise
        dump = _dump(model, "safetensors", example)
        warn(f"The model is kept as its weights alone, which MLflow cannot load: {error}")
    kind = type(model)
    about: dict[str, Any] = {
        "model_data": DATA,
        "pytorch_version": str(torch.__version__),
        "model_class": f"{kind.__module__}.{kind.__qualname__}",
        "hyper_parameters": _hyper_parameters(model),
    }
    if dump.file == formats.MODULE:
        extras.files[f"{DATA}/pickle_module_info.txt"] = b"pickle"  # MLflow asks for it
        if format is None and not isinstance(model, torch.jit.ScriptModule):
            _add_weights(extras, model)
    loader = None  # weights alone predict nothing
    if dump.file != formats.WEIGHTS:
        loader = {"data": DATA, "model_config": {"device": None}, "pickle_module_name": "pickle"}
    found = environment.requirements({"torch", *dump.modules}, ["mlflow"])
    return package.complete(
        extras, {f"{DATA}/{dump.file}": dump.data}, "pytorch", about, loader, found
    )


def _dump(model: Any, format: str | None, example: Any) -> formats.Dump:
    if format == "safetensors":
        return formats.weights(model.state_dict())
    if format != "pt2":
        return formats.module(model)
    import torch

    given = example if isinstance(example, tuple | list) else (example,)
    inputs = tuple(torch.as_tensor(one) for one in given if one is not None)
    if not inputs:
        raise invalid("serialization_format='pt2' needs an input_example: it is traced with it.")
    with evaluating(model):
        return formats.program(model, inputs)


def _add_weights(extras: package.Extras, model: Any) -> None:
    """The weights beside the module, where they are plain tensors."""
    try:
        extras.files[f"{DATA}/{formats.WEIGHTS}"] = formats.weights(model.state_dict()).data
    except MlflowException:
        return  # the module holds all there is


def _hyper_parameters(model: Any) -> dict[str, Any] | None:
    """What Lightning's ``save_hyperparameters`` keeps, if YAML can hold it."""
    kept = getattr(model, "hparams_initial", None)
    plain = (bool, int, float, str, type(None))
    if not kept or not all(isinstance(value, plain) for value in kept.values()):
        return None
    return dict(kept)
