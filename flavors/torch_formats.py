"""A PyTorch model as bytes and back: weights alone, the whole module, or an exported program."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Mapping
from typing import Any, NamedTuple

from core_client.exceptions import MlflowException, invalid
from flavors import environment

# Names that MLflow looks for below `data/`; the last one is ours.
MODULE, PROGRAM, WEIGHTS = "model.pth", "model.pt2", "model.safetensors"


class Dump(NamedTuple):
    """A model as one file, and the modules that loading it imports from."""

    file: str
    data: bytes
    modules: set[str]


def module(model: Any) -> Dump:
    """The whole module, as ``torch.save`` writes it: a pickle, or TorchScript's own archive.

    Raises:
        MlflowException: it holds what no pickle can.
    """
    import cloudpickle
    import torch

    buffer = io.BytesIO()
    if isinstance(model, torch.jit.ScriptModule):
        torch.jit.save(model, buffer)
        return Dump(MODULE, buffer.getvalue(), set())
    try:
        torch.save(model, buffer, pickle_module=cloudpickle)
    except Exception as error:
        raise MlflowException(
            f"{type(model).__name__} cannot be pickled ({error}). Remove that attribute, or keep "
            "the weights alone with serialization_format='safetensors'."
        ) from error
    data = buffer.getvalue()
    with zipfile.ZipFile(buffer) as archive:
        name = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
        return Dump(MODULE, data, environment.pickle_modules(archive.read(name)))


def program(model: Any, inputs: tuple[Any, ...]) -> Dump:
    """What the model computes, traced with example inputs; any number of rows goes in.

    Raises:
        MlflowException: PyTorch cannot trace it.
    """
    import torch

    rows = [{0: torch.export.Dim.AUTO} if one.dim() else None for one in inputs]
    try:
        exported = torch.export.export(model, inputs, dynamic_shapes=(*rows,))
    except Exception as error:
        raise MlflowException(
            f"torch.export cannot trace {type(model).__name__}: {error}"
        ) from error
    buffer = io.BytesIO()
    torch.export.save(exported, buffer)
    return Dump(PROGRAM, buffer.getvalue(), set())


def weights(state: Mapping[str, Any]) -> Dump:
    """A state dict as safetensors.

    Raises:
        MlflowException: it holds what is no plain tensor.
    """
    import torch
    from safetensors.torch import save

    seen: set[int] = set()
    tensors = {}
    for name, value in state.items():
        if not isinstance(value, torch.Tensor) or value.layout != torch.strided:
            raise invalid(f"'{name}' of the state dict is no plain tensor, so not for safetensors.")
        tensor = value.detach().cpu().contiguous()
        place = tensor.untyped_storage().data_ptr()
        # A weight that two layers share is written twice: the format knows no sharing.
        tensors[name] = tensor.clone() if place in seen else tensor
        seen.add(place)
    return Dump(WEIGHTS, save(tensors), set())


def read_weights(data: bytes) -> dict[str, Any]:
    """The state dict of a safetensors file."""
    from safetensors.torch import load

    state: dict[str, Any] = load(data)
    return state


def read_state_dict(data: bytes) -> Any:
    """What ``torch.save`` wrote, as long as that is plain data and tensors. Runs no code."""
    import torch

    _check_version()
    return torch.load(io.BytesIO(data), map_location=_there(None), weights_only=True)


def read_module(data: bytes, map_location: Any, trusted: bool) -> Any:
    """The module of a file that ``torch.save`` or TorchScript wrote.

    Args:
        data: the content.
        map_location: as for ``torch.load``.
        trusted: whether code that the file names may run; else only what consists of layers of
            PyTorch itself is read.

    Raises:
        pickle.UnpicklingError: not trusted, and there is more than that in it.
    """
    import torch

    place = _there(map_location)
    scripted = False
    if zipfile.is_zipfile(io.BytesIO(data)):  # PyTorch before 1.6 wrote a bare pickle
        names = zipfile.ZipFile(io.BytesIO(data)).namelist()
        scripted = any(name.endswith("/constants.pkl") for name in names)
    if trusted and scripted:
        return torch.jit.load(io.BytesIO(data), map_location=place)
    if trusted:
        return torch.load(io.BytesIO(data), map_location=place, weights_only=False)
    if scripted:
        raise pickle.UnpicklingError("TorchScript")
    _check_version()
    with torch.serialization.safe_globals(_layers()):
        return torch.load(io.BytesIO(data), map_location=place, weights_only=True)


def read_program(data: bytes) -> Any:
    """The module of an exported program. May run code that the file holds."""
    import torch

    return torch.export.load(io.BytesIO(data)).module()


def _check_version() -> None:
    """Refuse versions of PyTorch whose ``weights_only`` can be got round (CVE-2025-32434)."""
    import torch

    if tuple(int(part) for part in torch.__version__.split(".")[:2]) < (2, 6):
        raise pickle.UnpicklingError("PyTorch before 2.6 cannot read it safely")


def _layers() -> list[Any]:
    """The layers that come with PyTorch: building them runs nothing but PyTorch."""
    import torch

    return [
        kind
        for kind in vars(torch.nn).values()
        if isinstance(kind, type)
        and issubclass(kind, torch.nn.Module)
        and kind.__module__.startswith("torch.nn.modules.")
    ]


def _there(map_location: Any) -> Any:
    """Where to put tensors: where they were, unless this machine has no such device."""
    import torch

    return "cpu" if map_location is None and not torch.cuda.is_available() else map_location
