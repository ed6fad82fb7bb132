"""A model among the artifacts of a run, whatever its flavor."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from core_client import background
from core_client.settings import MAX_TAG_VALUE
from flavors.model import MLMODEL, Model, ModelInfo, info

if TYPE_CHECKING:
    from core_client.run import ActiveRun
    from core_client.run_models import NewModel
    from flavors.keywords import LogKeywords

HISTORY = "mlflow.log-model.history"
_noting = threading.Lock()
_newest: dict[tuple[str, str], str] = {}  # by run and name, while a better form is being made


class Saved(NamedTuple):
    """A model ready to be written: its description, and its files by their path."""

    model: Model
    files: dict[str, bytes]

    def write(self, folder: Path) -> None:
        """Write all files; the MLmodel file, which makes a folder a model, comes last."""
        for name, data in sorted(self.files.items(), key=lambda file: file[0] == MLMODEL):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def facts(keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the keywords that tell further facts about a model, as far as given."""
    given = {name: keywords.get(name) for name in ("params", "tags", "model_type", "step")}
    return {
        name: dict(value) if isinstance(value, Mapping) else value
        for name, value in given.items()
        if value
    }


def log(
    artifact_path: str | None,
    keywords: LogKeywords,
    model: Model,
    save: Callable[[], Saved],
    improve: Callable[[], Saved | None] | None = None,
) -> ModelInfo:
    """Write a model into a run.

    Args:
        artifact_path: as given to the flavor's `log_model`.
        keywords: as given.
        model: the description; it learns where it is.
        save: makes the files, at once.
        improve: makes better files, in the background; None leaves the first ones.

    Raises:
        MlflowException: it cannot be saved or, FEATURE_DISABLED, not be registered.
    """
    from core_client import fluent

    name = keywords.get("name") or artifact_path or "model"
    registered_name = keywords.get("registered_model_name")
    run = keywords.get("run") or fluent.active_run()
    if registered_name is not None:
        (run or fluent.active.destination()).check_registry()
    run = run or fluent.start_run()
    model.run_id, model.artifact_path = run.run_id, name
    saved = save()
    logged = run.new_model(name, **facts(keywords), model_id=keywords.get("model_id"))
    with logged.folder() as folder:
        saved.write(folder)
    _note(run, saved.model)
    if registered_name is not None:
        run.register_model(registered_name, name)
    if improve is not None:
        _newest[run.run_id, name] = model.model_uuid
        background.submit(_replace, logged, run.run_id, name, model.model_uuid, improve)
    else:
        _newest.pop((run.run_id, name), None)
    return info(saved.model, f"runs:/{run.run_id}/{name}", logged.model_id)


def _replace(
    logged: NewModel,
    run_id: str,
    name: str,
    model_uuid: str,
    improve: Callable[[], Saved | None],
) -> None:
    better = improve()
    # Another model may have been logged under the same name meanwhile.
    if _newest.get((run_id, name)) != model_uuid:
        return
    del _newest[run_id, name]
    if better is not None:
        with logged.folder() as folder:
            better.write(folder)


def _note(run: ActiveRun, model: Model) -> None:
    """Add the model to the run's tag that lists its models; the oldest go if it gets too long."""
    entry: dict[str, Any] = {
        "run_id": model.run_id,
        "artifact_path": model.artifact_path,
        "model_uuid": model.model_uuid,
        "utc_time_created": model.utc_time_created,
        "flavors": {flavor: {} for flavor in model.flavors},
    }
    with _noting:
        try:
            history = [*json.loads(run.known().data.tags.get(HISTORY, "[]")), entry]
        except (ValueError, TypeError):
            history = [entry]
        while len(text := json.dumps(history)) > MAX_TAG_VALUE and len(history) > 1:
            del history[0]
        run.set_tag(HISTORY, text)
