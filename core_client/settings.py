"""Where things are: environment variables, tracking URIs and folders, read at the time of use."""

from __future__ import annotations

import atexit
import os
import re
from pathlib import Path
from urllib.parse import quote, unquote

from core_client.exceptions import MlflowException, invalid

DEFAULT_TRACKING_URI = "sqlite:///mlflow.db"
DEFAULT_EXPERIMENT_ID = "0"

# What stores and servers accept, in characters, and how much one batch may hold.
MAX_KEY = 250
MAX_PARAM_VALUE = 6000
MAX_TAG_VALUE = 8000
MAX_BATCH_PARAMS = 100
MAX_BATCH_TAGS = 100
MAX_BATCH_METRICS = 1000


MODES = ("online", "offline", "disabled")


def mode() -> str:
    """``AUTOLOG_MODE``: whether what is recorded is sent at once (``online``), kept until
    `autolog sync` (``offline``), or forgotten with the process (``disabled``)."""
    chosen = os.environ.get("AUTOLOG_MODE") or "online"
    if chosen not in MODES:
        raise invalid(f"AUTOLOG_MODE is '{chosen}'; use one of {', '.join(MODES)}.")
    return chosen


def scratch() -> Path:
    """Where everything goes while recording is disabled: a folder that ends with the process."""
    if not _scratch:
        import tempfile

        _scratch[os.getpid()] = Path(tempfile.mkdtemp(prefix="autolog-disabled-"))
    return next(iter(_scratch.values()))


_scratch: dict[int, Path] = {}  # by the process that made it: its forked children do not remove it


@atexit.register  # before any other of ours, so it is called after them
def _remove_scratch() -> None:
    if os.getpid() in _scratch:
        import shutil

        shutil.rmtree(_scratch.pop(os.getpid()), ignore_errors=True)


def home() -> Path:
    """This user's folder for the spool and the signing key (``AUTOLOG_HOME`` overrides it)."""
    chosen = os.environ.get("AUTOLOG_HOME")
    if mode() == "disabled":
        chosen = str(scratch() / "home")
    if not chosen:
        import platformdirs

        chosen = platformdirs.user_data_dir("autolog", appauthor=False)
    path = Path(chosen).expanduser().absolute()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise MlflowException(
            f"The folder '{path}' for what is being recorded cannot be made: {error.strerror}. "
            "Set AUTOLOG_HOME to a folder that can be written."
        ) from error
    return path


def tracking_uri() -> str:
    """Where runs go: ``MLFLOW_TRACKING_URI``, or what is in the working directory.

    There, as in MLflow, a folder ``mlruns`` that holds runs in files is gone on with; otherwise
    it is a database.
    """
    chosen = os.environ.get("MLFLOW_TRACKING_URI")
    return chosen or ("mlruns" if _has_runs_in_files("mlruns") else DEFAULT_TRACKING_URI)


def _has_runs_in_files(folder: str) -> bool:
    try:
        with os.scandir(folder) as entries:
            return any(
                entry.name.isdigit() and os.path.lexists(f"{entry.path}/meta.yaml")
                for entry in entries
            )
    except OSError:
        return False


def set_tracking_uri(uri: str | Path) -> None:
    """Choose where runs go, here and in the processes started from here.

    Args:
        uri: such as ``sqlite:///mlflow.db``; empty for the default.
    """
    os.environ["MLFLOW_TRACKING_URI"] = str(uri)


def artifact_root() -> str:
    """Where a store puts the artifacts of the experiments it creates, unless told otherwise."""
    return str(scratch() / "mlruns" if mode() == "disabled" else Path("mlruns").absolute())


def absolute(uri: str) -> str:
    """The tracking URI with its relative path, if any, resolved against the working directory."""
    if not scheme(uri):
        return str(Path(uri).absolute())
    if scheme(uri) == "file" and not uri.startswith("file:/"):
        return "file:" + quote(str(Path(unquote(uri.removeprefix("file:"))).absolute()))
    match = re.fullmatch(
        r"(sqlite(?:\+\w+)?:///)(?!(?:file:)?(?:/|:memory:))(file:)?([^?]+)\??(.*)", uri
    )
    if not match:
        return uri
    start, file, path, query = match.groups()
    path = str(Path(path).absolute())
    if file or "?" in path or "%" in path:  # they mean something in a URI: let SQLite decode it
        path = "file:" + quote(path)
        query = query if "uri=true" in query else "&".join(filter(None, [query, "uri=true"]))
    return f"{start}{path}{'?' if query else ''}{query}"


def scheme(uri: str) -> str:
    """The kind of place that a URI names, in lower case and without a driver; "" for a path."""
    if uri == "databricks":
        return uri
    match = re.match(r"([A-Za-z][\w.-]+)(\+\w+)?:", uri)
    return match[1].lower() if match else ""


def without_password(uri: str) -> str:
    """The URI as it may be shown and stored: a password in it becomes ``***``."""
    # In the URI of a database a password may hold a slash, in that of a server it may not.
    password = "[^/]*@" if scheme(uri) in ("http", "https") else "[^@]*@(?:[^@/?]*@)*"
    uri = re.sub(rf"(://[^/@:]*):{password}", r"\1:***@", uri)
    return re.sub(r"(?i)((?:password|passwd|pwd)(?:=|%3D)).*?(?=%3B|[&;]|$)", r"\1***", uri)
