"""Files on their way: what one destination's spool holds of them, and who sends it."""

from __future__ import annotations

from collections.abc import Callable

from core_client import background
from core_client.artifacts import Artifacts, open_artifacts
from core_client.artifacts.progress import shown
from core_client.artifacts.staged import StagedArtifacts
from core_client.artifacts.staging import sweep
from core_client.artifacts.upload import Uploads
from core_client.drain import Account, Drain
from core_client.exceptions import StoreUnavailable
from core_client.spool import Spool, folder_for
from core_client.stores.base import Store


class Outbox:
    """A queue of its own, so that a slow artifact store holds up no metric.

    Args:
        uri: the absolute tracking URI.
        current: the runs' store, with every run in it that was begun until now.
        grown: called when a file has been staged.
    """

    def __init__(self, uri: str, current: Callable[[], Store], grown: Callable[[], None]) -> None:
        self._uri = uri
        self._current = current
        self._grown = grown
        self.spool = Spool(uri, self._notify, folder_for(uri) / "files")
        self.uploads = Uploads(self.spool.folder, uri, current)
        self._drain = Drain(self.spool, self._begin, "no file reaches")
        self._swept = False

    def artifacts(self, run_id: str, model_id: str = "") -> StagedArtifacts:
        """A run's files, or those of a model: written into the queue, read where they arrive."""
        return StagedArtifacts(run_id, self.spool, lambda: self._stored(run_id), model_id)

    def flush(self) -> None:
        """Wait until every file is where it belongs. Raises MlflowException if one cannot be sent."""
        if self.spool.folder.exists():
            with shown(self.uploads):
                self._drain.flush()

    def adopt(self, every_host: bool, account: Account | None) -> None:
        """Send the files that processes left which are gone; see `Drain.adopt`."""
        with shown(self.uploads):
            self._drain.adopt(every_host, account)

    def close(self, timeout: float) -> None:
        """Send every file and end the thread; a file that is being sent gets the time it takes.

        Args:
            timeout: seconds to wait while nothing moves.

        Raises:
            MlflowException: not everything has been sent; all is kept.
        """
        if not self.spool.segments():
            return
        with shown(self.uploads):
            while True:
                before = self.uploads.sent
                try:
                    return self._drain.close(timeout)
                except StoreUnavailable:
                    if self.uploads.sent == before:
                        raise

    def after_fork(self) -> None:
        """In the child: an own queue and an own thread."""
        self.spool.after_fork()
        self._drain.after_fork()

    def go_on(self) -> None:
        """Send what processes that are gone have left; nothing is waited for."""
        self._notify()

    def _begin(self) -> Uploads:
        if not self._swept:
            self._swept = True
            sweep(self.spool.folder)
        return self.uploads

    def _stored(self, run_id: str) -> Artifacts:
        background.wait()
        self.flush()
        uri = self._current().get_run(run_id).info.artifact_uri
        return open_artifacts(uri, self._uri)

    def _notify(self) -> None:
        self._grown()
        self._drain.notify()
