"""The calls of MLflow's REST API: a path, a message there, a message back."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from core_client.exceptions import MlflowException, StoreUnavailable
from core_client.http import Http, Unsure
from core_client.stores.rest import wire

READ_TIME = 15.0  # seconds for a question, which somebody waits for
WRITE_TIME = 60.0  # seconds for a change, which only the drain waits for, repetitions included
MISSING = "RESOURCE_DOES_NOT_EXIST"
# Errors that are not about one event: all is kept until they are cured.
_UNUSABLE = frozenset({"UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED", "PERMISSION_DENIED"})

Message = TypeVar("Message", bound=msgspec.Struct)


class Api:
    """One server's API. Every method raises what `Http.request` raises.

    Args:
        http: the way to the server.
    """

    def __init__(self, http: Http) -> None:
        self.http = http
        self.shown = http.shown

    def ask(self, path: str, kind: type[Message], **query: Any) -> Message:
        """What the server says to a question (GET)."""
        return self._question("GET", path, kind, query=query)

    def search(self, path: str, kind: type[Message], **body: Any) -> Message:
        """What the server finds (POST, changes nothing)."""
        return self._question("POST", path, kind, body=msgspec.json.encode(body))

    def do(self, path: str, **body: Any) -> None:
        """Change something, again and again if the server is busy: once or twice is the same."""
        self._insist("POST", path, body)

    def patch(self, path: str, **body: Any) -> None:
        """The same where the API has it as a PATCH."""
        self._insist("PATCH", path, body)

    def _insist(self, method: str, path: str, body: dict[str, Any]) -> None:
        sent = msgspec.json.encode(body)
        data = self.http.insist(method, _place(path), body=sent, within=WRITE_TIME)
        self._read(wire.Nothing, data)

    def do_once(self, path: str, kind: type[Message], **body: Any) -> Message:
        """Change something that must not be done twice."""
        sent = msgspec.json.encode(body)
        data = self.http.request("POST", _place(path), body=sent, within=WRITE_TIME)
        return self._read(kind, data)

    def run(self, run_id: str) -> wire.RunMessage | None:
        """A run by the server's id; None without one."""
        try:
            return self.ask("runs/get", wire.OneRun, run_id=run_id).run
        except MlflowException as error:
            if error.error_code == MISSING:
                return None
            raise

    def experiment(self, experiment_id: str) -> wire.ExperimentMessage | None:
        """An experiment; None without one."""
        if not is_experiment_id(experiment_id):
            return None
        return self._experiment("experiments/get", experiment_id=experiment_id)

    def experiment_named(self, name: str) -> wire.ExperimentMessage | None:
        """The experiment of that name; None without one."""
        return self._experiment("experiments/get-by-name", experiment_name=name)

    def _experiment(self, path: str, **query: str) -> wire.ExperimentMessage | None:
        try:
            return self.ask(path, wire.OneExperiment, **query).experiment
        except MlflowException as error:
            if error.error_code == MISSING:
                return None
            raise

    def _question(self, method: str, path: str, kind: type[Message], **parts: Any) -> Message:
        try:
            data = self.http.request(method, _place(path), within=READ_TIME, **parts)
        except Unsure:  # the server had closed the idle connection
            data = self.http.request(method, _place(path), within=READ_TIME, **parts)
        return self._read(kind, data)

    def _read(self, kind: type[Message], data: bytes) -> Message:
        try:
            return msgspec.json.decode(data, type=kind, strict=False)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise self.http.not_mlflow(f"it says {data[:40]!r}") from error


def is_experiment_id(text: str) -> bool:
    """Whether a server could have given this id; it calls others malformed."""
    return text.isascii() and text.isdigit() and len(text) < 19


def lasting(error: MlflowException) -> MlflowException:
    """The same error, if a repetition cannot help and other events are not concerned."""
    if isinstance(error, StoreUnavailable) or error.error_code in _UNUSABLE:
        raise error
    return error


def _place(path: str) -> str:
    return f"/api/2.0/mlflow/{path}"
