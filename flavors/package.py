"""What is around a saved model, whatever its flavor: environment, input example, code, signature."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from core_client.exceptions import MlflowException, invalid
from core_client.paths import contained
from flavors import environment, example, trust
from flavors.log import Saved
from flavors.model import MLMODEL, Model, to_yaml
from flavors.signature import ModelSignature, infer_signature


class Extras(NamedTuple):
    """All of a saved model that does not depend on the format: code and examples are `files`."""

    model: Model
    environment: environment.Given
    files: dict[str, bytes]


def extras(
    model: Model,
    predict: Callable[[Any], Any] | None,
    *,
    conda_env: dict[str, Any] | str | None = None,
    code_paths: Sequence[str] | None = None,
    signature: ModelSignature | bool | None = None,
    input_example: Any = None,
    pip_requirements: Sequence[str] | str | None = None,
    extra_pip_requirements: Sequence[str] | str | None = None,
    metadata: dict[str, Any] | None = None,
) -> Extras:
    """What the arguments of a flavor's `save_model` ask for.

    Args:
        model: the description to start from; it gets signature, example and metadata.
        predict: tells the output of the example for the signature; None leaves the signature out.
        conda_env: a conda environment (dict or YAML file) in place of the one told from the model.
        code_paths: files and folders of Python code to keep with the model.
        signature: what the model takes and gives. By default told from `input_example`, if there
            is one; False leaves it out.
        input_example: a few rows of input, as `flavors.example.encode` takes them.
        pip_requirements: requirements in place of those told from the model.
        extra_pip_requirements: requirements added to those told from the model.
        metadata: anything that YAML can hold.
    """
    files = _code(code_paths or ())
    if input_example is not None:
        encoded = example.encode(input_example)
        files.update(encoded.files)
        model.saved_input_example_info = encoded.about
        if signature is None and predict is not None:
            data, params = example.split(input_example)
            signature = infer_signature(data, predict(data), params)
    if isinstance(signature, ModelSignature):
        model.signature = signature
    model.metadata = metadata or model.metadata
    wanted = environment.given(pip_requirements, extra_pip_requirements, conda_env)
    return Extras(model, wanted, files)


def complete(
    extras: Extras,
    data: Mapping[str, bytes],
    flavor: str,
    about: Mapping[str, Any],
    loader: Mapping[str, Any] | None,
    requirements: Sequence[str],
) -> Saved:
    """The model with all files around it, signed.

    Args:
        extras: what is around it.
        data: the files that hold the model itself.
        flavor: its name.
        about: what the flavor needs for loading.
        loader: what its loader for `flavors.pyfunc` needs; None if the model predicts nothing.
        requirements: what has to be installed, as told from the model.
    """
    code = [name for name in extras.files if name.startswith("code/")]
    folder = "code" if code else None
    flavors: dict[str, dict[str, Any]] = {flavor: {**about, "code": folder}}
    if loader is not None:
        python: dict[str, Any] = {
            "loader_module": f"mlflow.{flavor}",
            **loader,
            "python_version": environment.PYTHON,
            "env": {"conda": environment.CONDA, "virtualenv": environment.PYTHON_ENV},
        }
        flavors["python_function"] = python | ({"code": folder} if code else {})
    signed = {**data, **{name: extras.files[name] for name in code}}
    files = {**extras.files, **signed, **environment.files(extras.environment, requirements)}
    files |= trust.signature(signed)
    size = sum(len(content) for content in files.values())
    model = msgspec.structs.replace(extras.model, flavors=flavors, model_size_bytes=size)
    return Saved(model, {**files, MLMODEL: to_yaml(model.to_dict()).encode()})


def write(saved: Callable[[], Saved], path: str | os.PathLike[str]) -> None:
    """Write a model to a local folder that does not exist yet, or is empty.

    Raises:
        MlflowException: the folder is in use.
    """
    folder = Path(path)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise MlflowException(f"'{path}' is in use. Save the model to a new folder.")
    whole = saved()
    folder.mkdir(parents=True, exist_ok=True)
    whole.write(folder)


def facts(**given: Any) -> dict[str, Any]:
    """Those facts about a model that were given, as its metadata keeps them."""
    return {
        name: dict(value) if isinstance(value, Mapping) else value
        for name, value in given.items()
        if value
    }


def read(folder: Path, data_file: str, trusted: bool) -> tuple[bytes, bool]:
    """The file that holds the model, and whether code in it may run: `trusted`, or our own.

    Code that is kept with a model that may run becomes importable.
    """
    files, trusted = read_files(folder, data_file, trusted)
    return files[data_file], trusted


def read_files(folder: Path, data: str, trusted: bool) -> tuple[dict[str, bytes], bool]:
    """As `read`, for a model in several files: all of them, by their path in `folder`.

    Args:
        folder: the model's.
        data: a file in it, or a folder that is read with all that it holds.
        trusted: whether code in it may run, whoever wrote it.
    """
    place = contained(folder, data)
    names = [data]
    if place.is_dir():
        top = folder.resolve()
        names = [path.relative_to(top).as_posix() for path in _code_files(place)]
    code = [path.relative_to(folder).as_posix() for path in _code_files(folder / "code")]
    contents = trust.read(folder, [*names, *code])
    trusted = trusted or contents.ours
    if trusted:
        trust.importable({name: contents.files[name] for name in code})
    return {name: contents.files[name] for name in names}, trusted


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
