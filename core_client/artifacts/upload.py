"""The drain's end for files: what the spool holds goes to where its run keeps its artifacts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from core_client.artifacts import open_artifacts
from core_client.artifacts.base import Artifacts, tree
from core_client.artifacts.models import note_id
from core_client.artifacts.staging import discard
from core_client.entities import LoggedModel, Run
from core_client.events import Event, Files, ModelReady
from core_client.exceptions import MlflowException
from core_client.paths import contained
from core_client.stores.base import Refused, Store

GIVE_UP = 2  # failures in one store in one round: it is the store, not the file
FINAL = ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST")  # no later try goes better


class Uploads:
    """Sends staged files, each as often as it takes.

    Args:
        folder: where the staged files lie.
        tracking_uri: the server that ``mlflow-artifacts:`` URIs without a host mean.
        current: the runs' store, with every run in it that was begun until now.
    """

    def __init__(self, folder: Path, tracking_uri: str, current: Callable[[], Store]) -> None:
        self._folder = folder
        self._tracking_uri = tracking_uri
        self._current = current
        self.sent = 0  # bytes since the process began
        self.watch: Callable[[int], object] = lambda sent: None
        self._file = 0  # bytes of the file under way

    def apply(self, batch: Sequence[Event]) -> None:
        """Send the files of these events, in order. One that cannot go holds up no other.

        Raises:
            Refused: some can never be sent; they stay where they are staged.
            MlflowException: some could not be sent now; the same batch is to be tried again.
        """
        refused: list[tuple[Event, str]] = []
        failures: list[MlflowException] = []
        failed: Counter[tuple[str, str]] = Counter()
        for event in batch:
            assert isinstance(event, Files)
            staged = contained(self._folder, event.staged)
            if not staged.is_dir():
                continue  # sent, but the process died before it could say so
            place = ("", "")
            try:
                model = self._model(event.model_id) if event.model_id else None
                run_uri = "" if model else self.get_run(event.run_id).info.artifact_uri
                place = urlsplit(model.artifact_location if model else run_uri)[:2]
                if failed[place] < GIVE_UP and model:
                    self._send_model(staged, event, model)
                elif failed[place] < GIVE_UP:
                    self._send(staged, event, self._open(run_uri))
            except MlflowException as error:
                if error.error_code in FINAL:
                    refused.append((event, f"{error} The files stay in '{staged}'."))
                else:
                    failed[place] += 1
                    failures.append(error)
        if failures:
            raise failures[0]
        if refused:
            raise Refused(refused)

    def waiting(self) -> int:
        """How many bytes are staged."""
        return sum(file.stat().st_size for file in tree(self._folder).values())

    def get_run(self, run_id: str) -> Run:
        """The run as it is in its store."""
        return self._current().get_run(run_id)

    def _model(self, model_id: str) -> LoggedModel | None:
        """The logged model; None where models are among the files of runs."""
        try:
            return self._current().get_logged_model(model_id)
        except MlflowException as error:
            if error.error_code not in ("FEATURE_DISABLED", "RESOURCE_DOES_NOT_EXIST"):
                raise
            return None

    def _open(self, uri: str) -> Artifacts:
        return open_artifacts(uri, self._tracking_uri, self._tell)

    def _send_model(self, staged: Path, event: Files, model: LoggedModel) -> None:
        note_id(staged / event.replaces, model.model_id)
        around, _, name = model.artifact_location.rpartition("/")
        self._open(around).add_all(staged / event.replaces, name, replaces=True)
        self._current().apply([ModelReady(event.model_id)])
        discard(staged)

    def _send(self, staged: Path, event: Files, artifacts: Artifacts) -> None:
        if event.replaces:
            artifacts.add_all(staged / event.replaces, event.replaces, replaces=True)
        else:
            for path, file in tree(staged).items():
                artifacts.add(file, path.rpartition("/")[0])
                file.unlink()  # the next try goes on behind it
        discard(staged)

    def _tell(self, sent: int) -> None:
        """So many bytes of one file have gone; 0 begins the next file."""
        self.sent += max(0, sent - self._file)
        self._file = sent
        self.watch(self.sent)
