"""Requests to a tracking server: kept-alive connections, bounded in time, errors by their names."""

from __future__ import annotations

import gzip
import io
import random
import time
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import msgspec
import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    SSLError,
    TimeoutError,
)

from core_client import auth
from core_client.connections import pool
from core_client.exceptions import MlflowException, StoreUnavailable
from core_client.settings import without_password

CONNECT_TIME = 5.0  # seconds
TRIES = 5  # of a request that a busy server has turned down
PAUSE = 0.1  # seconds before the second try, doubled with each further one
LONGEST_PAUSE = 5.0  # seconds; a server that asks for more is asked again by the next round
SMALLEST_ZIPPED = 2048  # bytes

# Errors that MLflow reports with status 500 though a repetition cannot help.
_FINAL = frozenset({"INVALID_STATE", "DATA_LOSS", "NOT_IMPLEMENTED"})

# What a server on MySQL says, also with status 500, of a tag that the database takes for another.
ANOTHER_TAG = "Failed to set tags"


class Busy(StoreUnavailable):
    """The server turned this request down for the moment; soon it may take it.

    Args:
        message: what happened.
        after: seconds that the server wants to be left alone.
    """

    def __init__(self, message: str, after: float = 0.0) -> None:
        super().__init__(message)
        self.after = after


class Unsure(Busy):
    """The connection broke after the request was sent: the server may have done it."""


class NotThere(StoreUnavailable):
    """The server knows no such call: it is an older one, or no MLflow server at all."""


class Unsent(StoreUnavailable):
    """There was no connection: the server knows nothing of the request."""


class _Problem(msgspec.Struct):
    """The body of an MLflow error."""

    error_code: str = ""
    message: str = ""


class Http:
    """The way to one tracking server. Safe to use from several threads.

    Args:
        uri: ``http(s)://`` or ``databricks``; see `auth.server`.
        known: False for a host that our credentials are not meant for: it gets none.

    Raises:
        MlflowException: the URI or the credentials cannot be used.
    """

    def __init__(self, uri: str, known: bool = True) -> None:
        self.uri = uri
        self._known = known
        self.shown = without_password(uri)
        self.url = auth.server(uri).url
        self._pool = pool(self.url)
        self._zips = False

    def request(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, Any] | None = None,
        body: bytes | BinaryIO | None = None,
        within: float,
        headers: dict[str, str] | None = None,
        into: BinaryIO | None = None,
    ) -> bytes:
        """Ask once, or once more with a new token where tokens run out.

        Args:
            method: GET, POST, PUT, PATCH or DELETE.
            path: below the server's address, with a leading slash.
            query: what stands behind the ``?``; None values are left out.
            body: what is sent; of a file, what follows its present position.
            within: seconds for all of it.
            headers: further headers.
            into: takes the body of a successful answer.

        Returns:
            The body of a successful answer, if nothing else takes it.

        Raises:
            StoreUnavailable: no answer, or not one of an MLflow server.
            MlflowException: the server's own error, with its code.
        """
        renew = auth.renewal(self.uri, self.url) if self._known else None
        if renew is None:
            return self._request(method, path, query, body, within, headers, into)
        token = renew("")
        start = 0 if body is None or isinstance(body, bytes) else body.tell()
        try:
            return self._request(method, path, query, body, within, headers, into, token)
        except MlflowException as error:
            if error.error_code != "UNAUTHENTICATED":
                raise
        token = renew(token)
        if body is not None and not isinstance(body, bytes):
            body.seek(start)
        return self._request(method, path, query, body, within, headers, into, token)

    def _request(
        self,
        method: str,
        path: str,
        query: dict[str, Any] | None,
        body: bytes | BinaryIO | None,
        within: float,
        headers: dict[str, str] | None,
        into: BinaryIO | None,
        token: str = "",
    ) -> bytes:
        sent = {**self._headers(token), **(headers or {})}
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
            if self._zips and isinstance(body, bytes) and len(body) >= SMALLEST_ZIPPED:
                body = gzip.compress(body, 1)
                sent["Content-Encoding"] = "gzip"
        try:
            response = self._pool.request(
                method,
                self.url + path,
                fields={k: str(v) for k, v in query.items() if v is not None} if query else None,
                body=body,
                headers=sent,
                redirect=False,
                retries=False,
                preload_content=False,
                timeout=urllib3.Timeout(within, min(CONNECT_TIME, within)),
            )
            try:
                data = _read(response, into if response.status == 200 else None)
            except BaseException:
                response.close()
                raise
        except HTTPError as error:
            raise self._unreachable(error) from error
        # A server that takes zipped requests says so in its answers (RFC 7694).
        self._zips = "gzip" in response.headers.get("Accept-Encoding", "")
        if response.status == 200:
            return data
        raise self._refusal(response, data)

    def insist(self, method: str, path: str, *, body: bytes | None = None, within: float) -> bytes:
        """Ask again, with pauses, while the server is busy; never in a thread that trains.

        Raises:
            StoreUnavailable, MlflowException: as `request` does, in the end.
        """
        deadline = time.monotonic() + within
        for attempt in range(TRIES):
            try:
                left = max(0.1, deadline - time.monotonic())
                return self.request(method, path, body=body, within=left)
            except Busy as error:
                pause = PAUSE * 2**attempt * random.uniform(0.5, 1.5)
                pause = max(pause, error.after)
                last = attempt == TRIES - 1 or pause > LONGEST_PAUSE
                if last or time.monotonic() + pause > deadline:
                    raise
            time.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def _headers(self, token: str) -> dict[str, str]:
        """With the credentials of this moment."""
        headers = {"User-Agent": "mlautolog", "Accept-Encoding": "gzip"}
        if token:
            authorization = f"Bearer {token}"
        else:
            authorization = auth.server(self.uri).authorization if self._known else ""
        return headers | ({"Authorization": authorization} if authorization else {})

    def _unreachable(self, error: HTTPError) -> StoreUnavailable:
        reason: object = error.reason if isinstance(error, MaxRetryError) else error
        where = f"The tracking server '{self.shown}'"
        if isinstance(reason, SSLError):
            return Unsent(
                f"{where} failed the check of its certificate or asks for one of ours: {reason}. "
                "See MLFLOW_TRACKING_SERVER_CERT_PATH and MLFLOW_TRACKING_CLIENT_CERT_PATH."
            )
        if isinstance(reason, NameResolutionError):
            return Unsent(f"{where} is not known by that name.")
        if isinstance(reason, NewConnectionError):
            return Unsent(f"{where} cannot be connected to.")
        if isinstance(reason, ConnectTimeoutError):
            return Unsent(f"{where} cannot be connected to in {CONNECT_TIME:.0f} s.")
        if isinstance(reason, TimeoutError):
            return StoreUnavailable(f"{where} does not answer in time.")
        if isinstance(reason, ProtocolError):
            return Unsure(f"{where} broke the connection off.")
        return StoreUnavailable(f"{where} cannot be used: {type(reason).__name__}.")

    def _refusal(self, response: urllib3.BaseHTTPResponse, data: bytes) -> MlflowException:
        status = response.status
        where = f"The tracking server '{self.shown}'"
        if 300 <= status < 400:
            host = urlsplit(response.headers.get("Location", "")).netloc.rpartition("@")[2]
            return StoreUnavailable(
                f"{where} sends us on to '{host}', which is not followed, for the credentials are "
                "for this server alone. Set MLFLOW_TRACKING_URI to the final address."
            )
        if status == 401:
            return MlflowException(
                f"{where} does not accept these credentials (401). Check MLFLOW_TRACKING_USERNAME "
                "and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN.",
                "UNAUTHENTICATED",
            )
        try:
            problem = msgspec.json.decode(data, type=_Problem)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            problem = _Problem()
        final = problem.error_code in _FINAL or problem.message.startswith(ANOTHER_TAG)
        if status == 429 or (status >= 500 and not final):
            text = f": {problem.message}" if problem.message else ""
            after = response.headers.get("Retry-After", "")
            return Busy(f"{where} is in trouble ({status}{text}).", _seconds(after))
        if status == 413:
            return MlflowException(
                f"{where} takes no request as large as this (413).", "INVALID_PARAMETER_VALUE"
            )
        if problem.error_code:
            return MlflowException(problem.message, problem.error_code)
        if status == 403:
            return MlflowException(
                f"{where} does not allow this with these credentials (403).", "PERMISSION_DENIED"
            )
        kind = NotThere if status == 404 else StoreUnavailable
        return self.not_mlflow(f"{status} {response.reason or ''}".strip(), kind)

    def not_mlflow(
        self, what: str, kind: type[StoreUnavailable] = StoreUnavailable
    ) -> StoreUnavailable:
        """The error for an answer that no MLflow server gives."""
        return kind(
            f"'{self.shown}' does not answer as an MLflow server does ({what}). Check the address."
        )


def _seconds(text: str) -> float:
    return float(text) if text.isascii() and text.isdigit() else 0.0


def _read(response: urllib3.BaseHTTPResponse, into: BinaryIO | None = None) -> bytes:
    """The whole body."""
    body = into or io.BytesIO()
    while part := response.read1(65536, decode_content=True):
        body.write(part)
    return body.getvalue() if isinstance(body, io.BytesIO) else b""
