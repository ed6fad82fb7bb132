"""The mantik platform: where runs go there, and the token that lets them in."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import time
from datetime import datetime
from functools import partial
from pathlib import Path

import msgspec
from urllib3.exceptions import HTTPError

from core_client import auth, connections
from core_client.exceptions import MlflowException, StoreUnavailable, invalid
from core_client.settings import home

TOKEN = "MLFLOW_TRACKING_TOKEN"
TRACKING_URI = "MLFLOW_TRACKING_URI"
API_URL = "MANTIK_API_URL"  # of newer platforms
EARLY = 30.0  # seconds before its end that a token is renewed
WITHIN = 15.0  # seconds for a request for tokens
LOCAL = ("localhost", "127.0.0.1", "::1")  # hosts that passwords reach without a network
# What the platform says of a refresh token that is of no more use.
USED_UP = ("Refresh token has expired", "Refresh token is invalid")


class Platform(msgspec.Struct, frozen=True):
    """Where things are on a platform.

    Args:
        tracking: the tracking server's address.
        tokens: the address below which tokens are created and refreshed.
    """

    tracking: str
    tokens: str


class Tokens(msgspec.Struct, frozen=True):
    """What the platform gave us, as the mantik package keeps it too."""

    access_token: str
    refresh_token: str
    expires_at: str  # ISO 8601; local time if it names no zone

    def expired(self) -> bool:
        """Whether the access token has no more than a moment to live."""
        try:
            # Python 3.10 does not know that Z is a time zone.
            end = datetime.fromisoformat(re.sub("[Zz]$", "+00:00", self.expires_at))
        except ValueError:
            return True
        return end.timestamp() - EARLY < time.time()


class _Login(msgspec.Struct, frozen=True):
    """Where the tokens of a platform come from, and by what they are known: no secrets."""

    tokens: str
    digest: str


class _Answer(msgspec.Struct, rename="pascal"):
    access_token: str
    expires_at: str
    refresh_token: str = ""


def init_tracking() -> None:
    """Log in at the mantik platform; what is recorded from now on goes there.

    ``MLFLOW_TRACKING_URI`` names the platform, such as ``https://test.cloud.mantik.ai``;
    ``MANTIK_USERNAME`` and ``MANTIK_PASSWORD`` are asked for only where ``~/.mantik/tokens.json``
    holds no token that is still good. ``MLFLOW_TRACKING_TOKEN`` is set,
    ``MLFLOW_TRACKING_USERNAME`` and ``MLFLOW_TRACKING_PASSWORD`` are unset, since they would come
    before it. A token that runs out while this process records is renewed by itself. Within a
    job of the compute backend, which has a token already, nothing is to be done.

    Raises:
        StoreUnavailable: the platform cannot be reached.
        MlflowException: it does not accept the password, or a variable is missing or malformed.
    """
    found = platform()
    if os.environ.get("MANTIK_USERNAME") or not os.environ.get(TOKEN):
        _renew(found)
        auth.renewals[found.tracking] = partial(_renew, found)
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        os.environ.pop(name, None)
    os.environ[TRACKING_URI] = found.tracking


def log_in_again(url: str) -> None:
    """Where an earlier process of this user has logged in at this address, do so when needed.

    The token is for that platform alone and does not go into the environment: `autolog sync`
    speaks to many servers.
    """
    login = _logins().get(url)
    if login:
        auth.renewals[url] = partial(_token, Platform(url, login.tokens))


def platform() -> Platform:
    """The platform that the environment names.

    A host that begins with ``api.``, or ``MANTIK_API_URL``, tells a newer platform.

    Raises:
        MlflowException: none is named, or its address is malformed.
    """
    named, api = os.environ.get(TRACKING_URI, ""), os.environ.get(API_URL, "")
    if not named and not api:
        raise invalid(
            f"Which mantik platform? Set {TRACKING_URI}, such as 'https://test.cloud.mantik.ai'."
        )
    if not api:
        base = address(named)
        if "://api." not in base:
            return Platform(base, f"{base}/api/mantik/tokens")
        api = "/".join(base.split("/")[:3])
    api = address(api)
    tracking = address(named) if named else api
    return Platform(tracking if tracking != api else f"{api}/tracking", f"{api}/mantik/tokens")


def address(text: str) -> str:
    """An address with ``https://`` and without double slashes, a slash at its end, or a password.

    Raises:
        MlflowException: it is malformed, or of another kind.
    """
    place, parts = auth.address(text if "://" in text else f"https://{text}")
    if parts.scheme not in ("http", "https"):
        raise invalid(
            f"A mantik platform is reached by https://, not by '{parts.scheme}://'; "
            f"set {TRACKING_URI} to its address, such as 'https://test.cloud.mantik.ai'."
        )
    scheme = parts.scheme if parts.hostname in LOCAL else "https"
    return f"{scheme}://{re.sub('/{2,}', '/', place.partition('://')[2])}"


def post(
    url: str, body: bytes, headers: dict[str, str], within: float = WITHIN
) -> tuple[int, bytes]:
    """Send something; redirects are not followed.

    Returns:
        The status and the body of the answer.

    Raises:
        StoreUnavailable: there was no answer.
    """
    try:
        with connections.pool(url) as pool:
            answer = pool.request(
                "POST", url, body=body, headers=headers,
                redirect=False, retries=False, timeout=within,
            )  # fmt: skip
    except HTTPError as error:
        raise StoreUnavailable(
            f"The mantik platform '{url}' cannot be reached: {type(error).__name__}."
        ) from error
    return answer.status, answer.data


def _renew(found: Platform, refused: str = "") -> str:
    """The environment, too, gets the token: for processes that are started from here."""
    os.environ[TOKEN] = token = _token(found, refused)
    return token


def _token(found: Platform, refused: str = "") -> str:
    """An access token that is good, and another one than that which was refused."""
    path = Path.home() / ".mantik" / "tokens.json"
    logins = _logins()
    tokens = _stored(path)
    if tokens is None or any(
        login.digest == _digest(tokens) and login.tokens != found.tokens
        for login in logins.values()
    ):
        tokens = _created(found)  # what another platform gave us is nothing for this one
        _store(msgspec.json.encode(tokens), path)
    elif tokens.expired() or tokens.access_token == refused:
        tokens = _refreshed(found, tokens)
        _store(msgspec.json.encode(tokens), path)
    login = _Login(found.tokens, _digest(tokens))
    if logins.get(found.tracking) != login:
        logins[found.tracking] = login
        _store(msgspec.json.encode(logins), home() / auth.LOGINS)
    return tokens.access_token


def _logins() -> dict[str, _Login]:
    """Where this user has logged in, by the addresses of the tracking servers."""
    try:
        return msgspec.json.decode((home() / auth.LOGINS).read_bytes(), type=dict[str, _Login])
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return {}


def _digest(tokens: Tokens) -> str:
    return hashlib.sha256(tokens.refresh_token.encode()).hexdigest()


def _created(found: Platform) -> Tokens:
    answer = _ask(found, "create", password=_variable("MANTIK_PASSWORD"))
    return Tokens(answer.access_token, answer.refresh_token, answer.expires_at)


def _refreshed(found: Platform, tokens: Tokens) -> Tokens:
    try:
        answer = _ask(found, "refresh", refresh_token=tokens.refresh_token)
    except MlflowException as error:
        if any(story in error.message for story in USED_UP):
            return _created(found)
        raise
    return Tokens(
        answer.access_token, answer.refresh_token or tokens.refresh_token, answer.expires_at
    )


def _ask(found: Platform, what: str, **secret: str) -> _Answer:
    url = f"{found.tokens}/{what}"
    body = msgspec.json.encode({"username": _variable("MANTIK_USERNAME"), **secret})
    status, data = post(url, body, {"Content-Type": "application/json"})
    if status == 401:
        story = data[:200].decode(errors="replace")
        raise MlflowException(
            f"The mantik platform '{url}' does not let us in (401): {story} "
            "Check MANTIK_USERNAME and MANTIK_PASSWORD.",
            "UNAUTHENTICATED",
        )
    if status == 429 or status >= 500:
        raise StoreUnavailable(f"The mantik platform '{url}' is in trouble ({status}).")
    try:
        return msgspec.json.decode(data, type=_Answer)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StoreUnavailable(
            f"'{url}' does not answer as a mantik platform does ({status}). Check {TRACKING_URI}, "
            f"or set {API_URL} if the platform's API has an address of its own."
        ) from error


def _variable(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise MlflowException(f"To log in at the mantik platform, set {name}.", "UNAUTHENTICATED")
    return value


def _stored(path: Path) -> Tokens | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Tokens)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None  # none, or none that can be read: new ones take its place


def _store(content: bytes, path: Path) -> None:
    """Put the file in its place whole, for this user's eyes only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")  # mode 0600
    try:
        with open(fd, "wb") as file:
            file.write(content)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
