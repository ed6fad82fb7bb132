"""What went wrong in an artifact store, in one sentence, whichever driver says it how."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from urllib.parse import urlsplit

from core_client.exceptions import MlflowException, StoreUnavailable, invalid
from core_client.settings import without_password

# Where each kind of store takes its credentials from.
CREDENTIALS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile in ~/.aws/credentials",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS, or `gcloud auth application-default login`",
    "wasbs": "AZURE_STORAGE_CONNECTION_STRING or AZURE_STORAGE_ACCESS_KEY",
    "abfss": "AZURE_STORAGE_CONNECTION_STRING or AZURE_STORAGE_ACCESS_KEY",
    "ftp": "the user and password in the URI",
    "sftp": "the identity file for this host in ~/.ssh/config, or the SSH agent",
    "hdfs": "MLFLOW_KERBEROS_USER and MLFLOW_KERBEROS_TICKET_CACHE",
    "viewfs": "MLFLOW_KERBEROS_USER and MLFLOW_KERBEROS_TICKET_CACHE",
}

# The drivers' own classes, by name: none of them is imported for this.
NOT_ALLOWED = {
    "PermissionError", "NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError",
    "ClientAuthenticationError", "AuthenticationException", "GoogleAuthError", "error_perm",
}  # fmt: skip
NOT_REACHED = {
    "ConnectionError", "TimeoutError", "gaierror", "EOFError",
    "HTTPClientError", "EndpointConnectionError", "ClientConnectionError", "ServiceRequestError",
    "ServiceResponseError", "NoValidConnectionsError", "error_temp",
}  # fmt: skip
NOT_TRUSTED = {"SSLError", "SSLCertVerificationError"}
OTHER_REGION = ("PermanentRedirect", "AuthorizationHeaderMalformed", "region")
NEVER_TAKEN = {
    errno.ENAMETOOLONG, errno.EMSGSIZE, errno.EISDIR, errno.ENOTDIR, errno.EEXIST
}  # fmt: skip


@contextlib.contextmanager
def explained(uri: str) -> Iterator[None]:
    """Turn a driver's error into one of ours: StoreUnavailable where it may go better later."""
    try:
        yield
    except MlflowException:
        raise
    except Exception as error:
        raise _explained(uri, error) from error


def _explained(uri: str, error: BaseException) -> MlflowException:
    kinds: set[str] = set()
    texts: list[str] = []
    codes = set()
    cause: BaseException | None = error
    while cause is not None and len(texts) < 10:
        codes |= {getattr(cause, name, None) for name in ("status_code", "status", "code")}
        kinds |= {kind.__name__ for kind in type(cause).__mro__}
        texts.append(" ".join(str(cause).split()) or type(cause).__name__)
        cause = cause.__cause__ or cause.__context__
    where = f"The artifact store '{without_password(uri)}'"
    said = without_password(texts[0])[:200]
    scheme = urlsplit(uri).scheme
    if isinstance(error, OSError) and error.errno in NEVER_TAKEN:
        return invalid(f"{where} does not take this file: {said}")
    if scheme == "s3" and any(word in text for word in OTHER_REGION for text in texts):
        return StoreUnavailable(
            f"{where} lies in another region than '{_region()}' ({said}). Set AWS_DEFAULT_REGION."
        )
    if isinstance(error, FileNotFoundError):
        return StoreUnavailable(f"{where} does not exist: {said}.")
    if "BadHostKeyException" in kinds or "known_hosts" in said:
        return StoreUnavailable(
            f"{where} is not the server that ~/.ssh/known_hosts knows ({said}). "
            "Compare its key with its owner's, and correct that file."
        )
    if kinds & NOT_ALLOWED or codes & {401, 403} or "authentication methods" in said:
        cure = f"Check {CREDENTIALS[scheme]}." if scheme in CREDENTIALS else ""
        return StoreUnavailable(f"{where} does not accept these credentials ({said}). {cure}")
    if kinds & NOT_TRUSTED:
        cure = "Set AWS_CA_BUNDLE to the file of its authority." if scheme == "s3" else ""
        return StoreUnavailable(f"{where} failed the check of its certificate ({said}). {cure}")
    if kinds & NOT_REACHED:
        return StoreUnavailable(f"{where} cannot be reached ({said}).")
    return StoreUnavailable(f"{where} failed: {type(error).__name__}: {said}.")


def _region() -> str:
    return os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
