"""What is around a saved model, whatever its flavor: environment, input example, code, signature."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from core_client.exceptions import MlflowException
from core_client.paths import contained
from flavors import environment, example, trust
from flavors.log import Saved, facts
from flavors.model import MLMODEL, Model, to_yaml
from flavors.signature import ModelSignature, infer_signature
from flavors.uris import local_path

if TYPE_CHECKING:
    from flavors.keywords import Keywords

EXTRA_FILES = "extra_files"


class Extras(NamedTuple):
    """All of a saved model that does not depend on the format: code and examples are `files`."""

    model: Model
    environment: environment.Given
    files: dict[str, bytes]


def extras(
    model: Model | None,
    predict: Callable[[Any], Any] | None,
    conda_env: dict[str, Any] | str | None,
    keywords: Keywords,
) -> Extras:
    """What the arguments of a flavor's `save_model` or `log_model` ask for.

    Args:
        model: the description to start from; it gets signature, example and metadata.
        predict: tells the output of the example for the signature; None leaves the signature out.
        conda_env: as given.
        keywords: as given.
    """
    model = model or Model()
    signature, input_example = keywords.get("signature"), keywords.get("input_example")
    files = _below("code", keywords.get("code_paths"))
    files |= _below(EXTRA_FILES, keywords.get("extra_files"))
    if input_example is not None:
        encoded = example.encode(input_example)
        files.update(encoded.files)
        model.saved_input_example_info = encoded.about
        if signature is None and predict is not None:
            data, params = example.split(input_example)
            signature = infer_signature(data, predict(data), params)
    if isinstance(signature, ModelSignature):
        model.signature = signature
    model.metadata = {**(keywords.get("metadata") or {}), **facts(keywords)} or model.metadata
    wanted = environment.given(
        keywords.get("pip_requirements"), keywords.get("extra_pip_requirements"), conda_env
    )
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
    if further := [{"path": name} for name in extras.files if name.startswith(EXTRA_FILES + "/")]:
        flavors[flavor][EXTRA_FILES] = further
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
        names = [path.relative_to(top).as_posix() for path in _files_in(place)]
    code = [path.relative_to(folder).as_posix() for path in _files_in(folder / "code")]
    contents = trust.read(folder, [*names, *code])
    trusted = trusted or contents.ours
    if trusted:
        trust.importable({name: contents.files[name] for name in code})
    return {name: contents.files[name] for name in names}, trusted


def _below(name: str, paths: Sequence[str] | None) -> dict[str, bytes]:
    """The files to keep in that folder of the model, by their path in the model's."""
    files = {}
    for path in (local_path(given).absolute() for given in paths or ()):
        for file in [path] if path.is_file() else _files_in(path):
            files[f"{name}/{file.relative_to(path.parent).as_posix()}"] = file.read_bytes()
    return files


def _files_in(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return [path for path in found if "__pycache__" not in path.parts]
