"""Which pickles load without asking: those that this user's own key signed.

Loading a pickle runs code that is in it. A model folder written here holds the hashes of its
files under an HMAC made with a key that only this user can read.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from core_client import settings
from core_client.exceptions import MlflowException
from core_client.paths import contained

SIGNATURE_FILE = "autolog.sig"

# Folders of imported code, by what is in them; they go when the process ends.
_imported: dict[str, tempfile.TemporaryDirectory[str]] = {}


class Contents(NamedTuple):
    """Files of a model as they were when they were hashed; whether this user signed them."""

    files: dict[str, bytes]
    ours: bool


def signature(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The signature of those files, as one more file; nothing where there can be no key."""
    hashes = _hashes(files)
    try:
        mac = _mac(hashes, _key())
    except OSError:
        return {}
    return {SIGNATURE_FILE: json.dumps({"files": hashes, "hmac": mac}).encode()}


def read(folder: Path, names: Iterable[str]) -> Contents:
    """Read those files once, and say whether exactly these bytes were signed by this user.

    Raises:
        MlflowException: a name leads out of the folder, or a file is not there.
    """
    files = {}
    for name in names:
        try:
            files[name] = contained(folder, name).read_bytes()
        except OSError as error:
            raise MlflowException(
                f"The model in '{folder}' is incomplete: its file '{name}' cannot be read ({error})"
            ) from error
    return Contents(files, _signed(folder, _hashes(files)))


def importable(files: Mapping[str, bytes]) -> None:
    """Let those Python files, named below ``code/``, be imported in this process.

    They are written to a private folder first: in the model's own, an extension module or a
    cached bytecode file beside a signed source would be imported in its place.
    """
    if not files:
        return
    digest = hashlib.sha256(json.dumps(_hashes(files), sort_keys=True).encode()).hexdigest()
    if digest not in _imported:
        _imported[digest] = tempfile.TemporaryDirectory(prefix="autolog-code-")
        _write(files, Path(_imported[digest].name))
    top = str(Path(_imported[digest].name, "code"))
    if top not in sys.path:
        sys.path.append(top)  # last, so that nothing installed is hidden by it


@contextmanager
def unpacked(files: Mapping[str, bytes]) -> Iterator[Path]:
    """A private folder with those files, for libraries that load a model from a path.

    In the model's own folder a file might change after it was hashed.
    """
    with tempfile.TemporaryDirectory(prefix="autolog-model-") as folder:
        _write(files, Path(folder))
        yield Path(folder)


def _write(files: Mapping[str, bytes], folder: Path) -> None:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def refused(folder: Path, what: str, cure: str) -> MlflowException:
    """The error for a model that may run code and that nobody vouched for."""
    return MlflowException(
        f"The model in '{folder}' is not loaded: {what}, and it was not signed by this user on "
        f"this machine. If you know where it comes from, pass trusted=True. {cure}",
        "PERMISSION_DENIED",
    )


def _signed(folder: Path, hashes: dict[str, str]) -> bool:
    try:
        note = json.loads((folder / SIGNATURE_FILE).read_text())
        return note["files"] == hashes and hmac.compare_digest(note["hmac"], _mac(hashes, _key()))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _hashes(files: Mapping[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}


def _mac(hashes: dict[str, str], key: bytes) -> str:
    return hmac.new(key, json.dumps(hashes, sort_keys=True).encode(), "sha256").hexdigest()


def _key() -> bytes:
    """This user's key, made at first use. One that others could read is a secret no more."""
    path = settings.home() / "signing.key"
    try:
        if os.name == "nt" or not path.stat().st_mode & 0o077:
            return path.read_bytes()
        path.unlink()
    except FileNotFoundError:
        pass
    # Written aside and linked, so that of two processes at once both get the same whole key.
    draft = path.with_name(f"signing.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(secrets.token_bytes(32))
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_bytes()
