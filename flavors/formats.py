"""A model as the bytes of one file, and back: skops where it can hold the model, else pickle."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from core_client.exceptions import MlflowException, invalid
from flavors import environment, trust

SKOPS, CLOUDPICKLE, PICKLE = "skops", "cloudpickle", "pickle"
FORMATS = (SKOPS, CLOUDPICKLE, PICKLE)


class Dump(NamedTuple):
    """A model as one file.

    `modules` are those that loading imports from; `untrusted` the types that whoever loads a
    skops file must agree to, beyond those that skops knows as safe.
    """

    file: str
    data: bytes
    format: str
    modules: set[str]
    untrusted: list[str]


def check(format: str | None) -> None:
    """Refuse a format that does not exist."""
    if format is not None and format not in FORMATS:
        raise invalid(f"serialization_format={format!r} is not one of {FORMATS}.")


def dump(model: Any, format: str | None, allowed: Sequence[str] | None = None) -> Dump:
    """The model as one file.

    Args:
        model: anything that the format can hold.
        format: one of FORMATS; None takes skops where it can hold the model, else cloudpickle.
        allowed: the types, beyond those that skops knows, that a skops file may hold; None: any.

    Raises:
        MlflowException: the model does not fit; the attribute and its type are named.
    """
    if format == SKOPS:
        return _as_skops(model, allowed)
    if format is not None:
        return _as_pickle(model, format)
    pickled = _as_pickle(model, CLOUDPICKLE)
    return safer(pickled, allowed, model) or pickled


def safer(pickled: Dump, allowed: Sequence[str] | None = None, model: Any = None) -> Dump | None:
    """The skops form of a pickled model; None where skops cannot hold it.

    Args:
        pickled: as made by `dump` in this process, just now.
        allowed: as for `dump`.
        model: the model itself, if it has not changed since.
    """
    # Classes and functions that travel inside a cloudpickle have no name to be found by.
    if any(name == "__main__" or name.startswith("cloudpickle") for name in pickled.modules):
        return None
    try:
        return _as_skops(pickle.loads(pickled.data) if model is None else model, allowed)
    except MlflowException:
        return None


def load(
    folder: Path, data: bytes, format: str, trusted: bool, harmless: Collection[str] = ()
) -> Any:
    """The model of a file's content.

    Args:
        folder: where it came from, for messages.
        data: the content.
        format: one of FORMATS.
        trusted: whether code that the file names may run.
        harmless: types, beyond those that skops knows, that may be built in any case.

    Raises:
        MlflowException: it may run code, and is not trusted.
    """
    if format not in FORMATS:
        raise invalid(f"The model in '{folder}' has the unknown format {format!r}.")
    if format == SKOPS:
        return _from_skops(folder, data, trusted, harmless)
    if not trusted:
        raise trust.refused(
            folder,
            "it is a pickle, which runs code when it is loaded",
            f"Better, have it saved with serialization_format='{SKOPS}'.",
        )
    return pickle.loads(data)


def _as_pickle(model: Any, format: str) -> Dump:
    dumps = pickle.dumps
    if format == CLOUDPICKLE:
        import cloudpickle

        dumps = cloudpickle.dumps
    try:
        data = dumps(model, protocol=pickle.DEFAULT_PROTOCOL)
    except Exception as error:
        raise MlflowException(
            f"{type(model).__name__} cannot be saved: {_culprit(model, dumps)} cannot be pickled "
            f"({error}). Remove it from the model, or define __getstate__ without it."
        ) from error
    return Dump("model.pkl", data, format, environment.pickle_modules(data), [])


def _culprit(thing: Any, dumps: Callable[..., bytes], path: str = "") -> str:
    """The innermost attribute that does not pickle, as a path with its type."""
    for name, value in getattr(thing, "__dict__", {}).items():
        try:
            dumps(value)
        except Exception:  # noqa: BLE001 - whatever it is, that attribute is the one
            return _culprit(value, dumps, f"{path}.{name}" if path else name)
    return f"{f'attribute {path!r}' if path else 'it'} of type {type(thing).__name__}"


def _skops() -> Any:
    """The module skops.io, of a version whose loader is known to be safe (CVE-2025-54886)."""
    try:
        import skops.io
    except ImportError as error:
        raise MlflowException("skops is not installed: pip install skops") from error
    if tuple(int(part) for part in skops.__version__.split(".")[:2]) < (0, 13):
        raise MlflowException(
            f"skops {skops.__version__} has known holes: pip install --upgrade skops (0.13 or later)"
        )
    return skops.io


def _as_skops(model: Any, allowed: Sequence[str] | None) -> Dump:
    io = _skops()
    try:
        # Stored as it is, a forest takes ten times the space of its pickle.
        data = io.dumps(model, compression=zipfile.ZIP_DEFLATED, compresslevel=1)
        types = io.get_untrusted_types(data=data)
        if allowed is not None and not set(types) <= set(allowed):
            raise TypeError(f"it holds types beyond skops_trusted_types: {types}")
        # What another process cannot find by name would be saved for nobody.
        hidden = [name for name in types if name.startswith("__main__.") or "<" in name]
        if hidden:
            raise TypeError(f"it holds what no other process can import: {hidden}")
        if type(io.loads(data, trusted=types)) is not type(model):
            raise TypeError("what skops reads back is of another type")
    except Exception as error:
        raise MlflowException(
            f"{type(model).__name__} cannot be saved as skops: {error}. "
            f"Use serialization_format='{CLOUDPICKLE}'."
        ) from error
    return Dump("model.skops", data, SKOPS, environment.skops_modules(data), types)


def _from_skops(folder: Path, data: bytes, trusted: bool, harmless: Collection[str]) -> Any:
    io = _skops()
    # Types that the MLmodel file calls trusted are the word of whoever wrote it.
    types = io.get_untrusted_types(data=data)
    odd = [name for name in types if name not in harmless]
    if odd and not trusted:
        raise trust.refused(folder, f"it holds types that skops does not know as safe, {odd}", "")
    return io.loads(data, trusted=types)
