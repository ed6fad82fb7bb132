"""Who we are to a tracking server, and how we know that it is the right one."""

from __future__ import annotations

import base64
import configparser
import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

import msgspec

from core_client.exceptions import MlflowException, invalid
from core_client.settings import home

LOGINS = "mantik.json"  # in the user's folder: where this user has logged in, no secrets
Renewal = Callable[[str], str]

# For servers whose tokens run out within a training, by their addresses: gives a token that is
# good; told the one that the server has just refused, if it has.
renewals: dict[str, Renewal] = {}


class Server(msgspec.Struct, frozen=True):
    """A tracking server: its address without any credential, and the credential by itself.

    Args:
        url: ``scheme://host[:port][/path]``, without a slash at the end.
        authorization: the header that says who we are; empty without credentials.
    """

    url: str
    authorization: str = ""


class Tls(msgspec.Struct, frozen=True):
    """How a server proves itself to us, and we to it."""

    verify: bool = True
    ca_path: str = ""
    client_cert: str = ""


def server(uri: str) -> Server:
    """The server behind a tracking URI, with the credentials that hold now.

    A user and password in the URI come first; then ``MLFLOW_TRACKING_USERNAME`` and
    ``MLFLOW_TRACKING_PASSWORD``; then ``MLFLOW_TRACKING_TOKEN``. ``databricks`` and
    ``databricks://profile`` take host and token from the environment or ``~/.databrickscfg``.

    Raises:
        MlflowException: the URI is malformed, or the credentials are incomplete.
    """
    if uri == "databricks" or uri.startswith("databricks://"):
        return _databricks(uri.removeprefix("databricks").removeprefix("://"))
    place, parts = address(uri)
    if parts.username is not None:
        return Server(place, _basic(unquote(parts.username), unquote(parts.password or "")))
    return Server(place, _from_environment())


def address(uri: str) -> tuple[str, SplitResult]:
    """The address of a server without credentials and without a slash at the end, and its parts.

    Raises:
        MlflowException: the URI is malformed.
    """
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise _malformed() from error
    if not host or parts.query or parts.fragment or any(mark.isspace() for mark in uri):
        raise _malformed()
    name = f"[{host}]" if ":" in host else host
    place = f"{parts.scheme}://{name}{f':{port}' if port else ''}{parts.path.rstrip('/')}"
    return place, parts


def renewal(uri: str, url: str) -> Renewal | None:
    """What gives the tokens for a server: because this process has logged in there, or an earlier
    one of this user did and no credentials are set.

    Args:
        uri: the tracking URI; a password in it comes before all others.
        url: the server's address.
    """
    if "@" in uri:
        return None
    variables = ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
    stranger = url not in renewals and not any(map(os.environ.get, variables))
    if stranger and (home() / LOGINS).exists():
        from core_client import mantik

        mantik.log_in_again(url)
    return renewals.get(url)


def tls() -> Tls:
    """What ``MLFLOW_TRACKING_INSECURE_TLS``, ``…_SERVER_CERT_PATH`` and ``…_CLIENT_CERT_PATH`` say.

    Where they say nothing of the server's certificate, ``REQUESTS_CA_BUNDLE`` names whom to trust,
    as for other programs of the same machine.

    Raises:
        MlflowException: they contradict each other, or name a file that is not there.
    """
    insecure = os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "") == "true"
    ca_path = _file("MLFLOW_TRACKING_SERVER_CERT_PATH")
    if insecure and ca_path:
        raise invalid(
            "MLFLOW_TRACKING_INSECURE_TLS=true and MLFLOW_TRACKING_SERVER_CERT_PATH are both set: "
            "the one says not to check the server's certificate, the other how. Unset one of them."
        )
    if not insecure:
        ca_path = ca_path or _file("REQUESTS_CA_BUNDLE")
    return Tls(not insecure, ca_path, _file("MLFLOW_TRACKING_CLIENT_CERT_PATH"))


def _from_environment() -> str:
    user = os.environ.get("MLFLOW_TRACKING_USERNAME")
    password = os.environ.get("MLFLOW_TRACKING_PASSWORD")
    if user and password:
        return _basic(user, password)
    if user or password:
        there, lacking = ("USERNAME", "PASSWORD") if user else ("PASSWORD", "USERNAME")
        raise invalid(
            f"MLFLOW_TRACKING_{there} is set but MLFLOW_TRACKING_{lacking} is not; "
            "set both, or neither."
        )
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    return f"Bearer {_one_line(token, 'MLFLOW_TRACKING_TOKEN')}" if token else ""


def _basic(user: str, password: str) -> str:
    if ":" in user:
        raise invalid("The user name for the tracking server holds a ':', which none can.")
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _databricks(profile: str) -> Server:
    """The workspace of a profile; without one, what the environment says comes first."""
    variables = {"host": "DATABRICKS_HOST", "token": "DATABRICKS_TOKEN"}
    found = {name: os.environ.get(variable) for name, variable in variables.items()}
    path = Path(os.environ.get("DATABRICKS_CONFIG_FILE") or "~/.databrickscfg").expanduser()
    if profile or not all(found.values()):
        config = configparser.ConfigParser(interpolation=None)
        try:
            config.read(path)
            found = dict(config[profile or "DEFAULT"])
        except (configparser.Error, KeyError, UnicodeDecodeError):
            found = {}  # no part of the file is shown: a token may stand on the broken line
    host, token = found.get("host"), found.get("token")
    if not host or not (token or (found.get("username") and found.get("password"))):
        raise MlflowException(
            f"No Databricks host and token for the profile '{profile or 'DEFAULT'}': set "
            f"DATABRICKS_HOST and DATABRICKS_TOKEN, or write them to '{path}'.",
            "UNAUTHENTICATED",
        )
    url = server(host if "://" in host else f"https://{host}").url
    if not url.startswith("https://"):
        raise invalid("The Databricks host must begin with https://, or the token could be read.")
    if token:
        return Server(url, f"Bearer {_one_line(token, 'the Databricks token')}")
    return Server(url, _basic(found["username"] or "", found["password"] or ""))


def _one_line(token: str, what: str) -> str:
    token = token.strip()
    if not token.isascii() or not token.isprintable():
        raise invalid(f"The value of {what} is no token: it holds more than printable ASCII.")
    return token


def _file(variable: str) -> str:
    path = os.environ.get(variable, "")
    if path and not os.path.exists(path):
        raise invalid(f"{variable} names '{path}', which does not exist.")
    return path


def _malformed() -> MlflowException:
    # The URI itself is not shown: where it is broken, a password in it cannot be told apart.
    return invalid(
        "The tracking URI is malformed. Use 'https://host:port', with no spaces, query or "
        "fragment, and special characters of a password percent-encoded."
    )
