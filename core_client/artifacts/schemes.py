"""The kinds of artifact stores, by the scheme of their URIs, and how each is connected to."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from core_client.artifacts.storage import FileSystemStorage, Place, Storage
from core_client.exceptions import MlflowException, invalid
from core_client.paths import safe_relative
from core_client.settings import without_password


def open_storage(uri: str, tracking_uri: str = "") -> Storage:
    """The store behind an artifact URI; it is connected to when the first file is asked for.

    Args:
        uri: such as ``s3://bucket/path``; a query or fragment means nothing.
        tracking_uri: the server that ``mlflow-artifacts:`` URIs without a host mean.

    Raises:
        MlflowException: the scheme is not known, the URI is malformed, or the driver is missing.
    """
    shown = without_password(uri)
    try:
        parts = urlsplit(uri)._replace(query="", fragment="")
        malformed = parts.port == 0
    except ValueError:
        parts, malformed = urlsplit(uri.partition(":")[0] + ":"), True
    kind = KINDS.get(parts.scheme)
    if parts.scheme == "mlflow-artifacts" and not malformed:
        from core_client.artifacts.proxy import ProxyStorage

        return ProxyStorage(parts.geturl(), tracking_uri)
    if parts.scheme == "dbfs" and not malformed:
        from core_client.artifacts.databricks import DatabricksStorage

        return DatabricksStorage(parts.geturl(), tracking_uri)
    if kind is None:
        known = ", ".join(f"{scheme}:" for scheme in [*KINDS, "mlflow-artifacts", "dbfs"])
        raise invalid(
            f"Artifacts at '{shown}' cannot be reached: '{parts.scheme}' is no kind of artifact "
            f"store. Use a local path, or one of {known}."
        )
    if malformed or not re.fullmatch(kind.host, parts.netloc):
        raise invalid(f"The artifact URI '{shown}' is malformed. Its form is '{kind.form}'.")
    safe_relative(parts.path.lstrip("/"))
    if find_spec(kind.driver) is None:
        raise MlflowException(
            f"Artifacts at '{shown}' need the package {kind.driver}, which is not installed. "
            f"Run: pip install 'mlautolog[{kind.extra}]'",
            "FEATURE_DISABLED",
        )
    return FileSystemStorage(uri, partial(kind.connect, parts))


def _s3(parts: SplitResult) -> Place:
    from s3fs import S3FileSystem

    ignores_tls = os.environ.get("MLFLOW_S3_IGNORE_TLS", "").lower() in ("true", "1")
    if ignores_tls and os.environ.get("AWS_CA_BUNDLE"):
        raise invalid(
            "MLFLOW_S3_IGNORE_TLS and AWS_CA_BUNDLE are both set: the one says not to check the "
            "server's certificate, the other how. Unset one of them."
        )
    system = S3FileSystem(
        endpoint_url=os.environ.get("MLFLOW_S3_ENDPOINT_URL") or None,
        client_kwargs={"verify": False} if ignores_tls else {},
        s3_additional_kwargs=_upload_extra_args(),
        config_kwargs={"connect_timeout": 10, "retries": {"max_attempts": 1}},
        use_listings_cache=False,
    )
    return Place(system, parts.netloc + parts.path, parts.netloc)


def _upload_extra_args() -> dict[str, Any]:
    text = os.environ.get("MLFLOW_S3_UPLOAD_EXTRA_ARGS") or "{}"
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise invalid(f"MLFLOW_S3_UPLOAD_EXTRA_ARGS is {text!r}; it must be a JSON object.")
    return found


def _gs(parts: SplitResult) -> Place:
    from gcsfs.core import GCSFileSystem  # the plain one: no gRPC to find out a bucket's kind

    # Left to itself the driver would go on without credentials when it finds none.
    token = "anon" if os.environ.get("STORAGE_EMULATOR_HOST") else "google_default"
    system = GCSFileSystem(token=token, use_listings_cache=False)
    return Place(system, parts.netloc + parts.path, parts.netloc)


def _azure(parts: SplitResult) -> Place:
    from adlfs import AzureBlobFileSystem

    container, _, host = parts.netloc.partition("@")
    connection = os.environ.get("AZURE_STORAGE_CONNECTION_STRING")
    key = os.environ.get("AZURE_STORAGE_ACCESS_KEY")
    options: dict[str, Any] = {
        "account_name": host.partition(".")[0],
        "account_host": host.replace(".dfs.", ".blob.", 1),
    }
    if connection:
        options = {"connection_string": connection}
    elif key:
        options["account_key"] = key
    else:
        options["anon"] = False  # then what the machine itself is allowed
    system = AzureBlobFileSystem(use_listings_cache=False, **options)
    return Place(system, container + parts.path, container)


def _ftp(parts: SplitResult) -> Place:
    from fsspec.implementations.ftp import FTPFileSystem

    system = FTPFileSystem(
        parts.hostname,
        parts.port or 21,
        unquote(parts.username or ""),
        unquote(parts.password or ""),
        use_listings_cache=False,
    )
    return Place(system, parts.path or "/")


def _sftp(parts: SplitResult) -> Place:
    from core_client.artifacts.sftp import connect

    password = unquote(parts.password) if parts.password else None
    user = unquote(parts.username) if parts.username else None
    return Place(connect(parts.hostname or "", parts.port, user, password), parts.path or "/")


def _hdfs(parts: SplitResult) -> Place:
    from fsspec.implementations.arrow import HadoopFileSystem

    system = HadoopFileSystem(
        host=f"{parts.scheme}://{parts.hostname}" if parts.hostname else "default",
        port=parts.port or 0,
        user=os.environ.get("MLFLOW_KERBEROS_USER") or None,
        kerb_ticket=os.environ.get("MLFLOW_KERBEROS_TICKET_CACHE") or None,
    )
    return Place(system, parts.path or "/")


class Kind(NamedTuple):
    """A kind of artifact store.

    Args:
        connect: opens the place that a URI means.
        host: what stands between the slashes.
        form: an example of its URIs.
        driver: the package that it needs, and
        extra: the extra of this distribution that brings it.
    """

    connect: Callable[[SplitResult], Place]
    host: str
    form: str
    driver: str
    extra: str


_AZURE = r"[^@:]+@[^.@:]+\.(blob|dfs)\.[^@:]+"
KINDS = {
    "s3": Kind(_s3, "[^@:]+", "s3://bucket/path", "s3fs", "s3"),
    "gs": Kind(_gs, "[^@:]+", "gs://bucket/path", "gcsfs", "gcs"),
    "wasbs": Kind(
        _azure, _AZURE, "wasbs://container@account.blob.core.windows.net/path", "adlfs", "azure"
    ),
    "abfss": Kind(
        _azure, _AZURE, "abfss://container@account.dfs.core.windows.net/path", "adlfs", "azure"
    ),
    "ftp": Kind(_ftp, ".+", "ftp://user@host/path", "ftplib", ""),
    "sftp": Kind(_sftp, ".+", "sftp://user@host/path", "paramiko", "sftp"),
    "hdfs": Kind(_hdfs, ".*", "hdfs://host:port/path", "pyarrow", "hdfs"),
    "viewfs": Kind(_hdfs, ".*", "viewfs://cluster/path", "pyarrow", "hdfs"),
}
