"""The check that every artifact path passes before a file is touched: it stays where it belongs."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

from core_client.exceptions import invalid


def safe_relative(path: str) -> str:
    """The path without empty and ``.`` segments; ``""`` is the root itself.

    The text is checked as it is written and as it reads after each round of percent-decoding,
    query and fragment included, because a store on the way may decode it once more. What is
    returned is not decoded: it is a file's name.

    Raises:
        MlflowException: the path is absolute, names a drive or a URI, or holds ``..``, a
            backslash or a NUL, openly or encoded.
    """
    text = path
    while True:
        fault = _fault(text)
        if fault:
            raise invalid(f"Artifact path {path!r} is refused: it {fault}. Use a relative path.")
        decoded = unquote(text)
        if decoded == text:
            break
        text = decoded
    return "/".join(segment for segment in path.split("/") if segment not in ("", "."))


def contained(root: str | Path, relative: str) -> Path:
    """The file of that relative path under `root`, links resolved.

    Raises:
        MlflowException: the path is refused by `safe_relative`, or a link leads out of `root`.
    """
    top = Path(root).resolve()
    try:
        found = (top / safe_relative(relative)).resolve()
    except (OSError, RuntimeError) as error:
        raise invalid(f"Artifact path {relative!r} cannot be followed: {error}") from error
    if not found.is_relative_to(top):
        raise invalid(f"Artifact path {relative!r} is refused: a link leads out of '{top}'.")
    return found


def _fault(text: str) -> str | None:
    if "\0" in text:
        return "holds a NUL"
    if "\\" in text:
        return "holds a backslash"
    if text.startswith("/"):
        return "is absolute"
    if re.match(r"[A-Za-z]:", text) or re.match(r"[A-Za-z][\w+.-]*:/|file:", text):
        return "names a drive or a URI"
    # A query or fragment hides nothing: `a?../b`, `a#/../b` and `a;../b` are cut there too.
    if ".." in re.split(r"[/?#;]", text):
        return "holds '..'"
    return None
