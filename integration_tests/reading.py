"""What was recorded, for tests of any framework."""

from __future__ import annotations

from typing import Any

import autolog
from core_client import background
from core_client.client import Client


def runs() -> list[Any]:
    """All runs, the oldest first; of those that began in one millisecond, the nested ones last."""
    background.wait()
    found = autolog.search_runs(search_all_experiments=True, output_format="list")
    found.reverse()
    found.sort(key=lambda run: (run.info.start_time, "mlflow.parentRunId" in run.data.tags))
    return found


def only_run() -> Any:
    """The one run that there is."""
    (run,) = runs()
    return run


def artifacts(run: Any, path: str | None = None) -> set[str]:
    """Paths of a run's artifacts, one level deep."""
    return {file.path for file in Client().list_artifacts(run.info.run_id, path)}
