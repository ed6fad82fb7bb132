"""Verbs that record: params, metrics, tags, datasets and files of the active run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from core_client import context as contexts
from core_client.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from core_client.exceptions import invalid
from core_client.fluent import active
from core_client.fluent.runs import start_run
from core_client.paths import safe_relative
from core_client.run import ActiveRun


def log_param(key: str, value: Any, synchronous: bool | None = None) -> Any:
    """Record an input of the active run, and return it."""
    _run().log_param(key, value)
    return value


def log_params(
    params: Mapping[str, Any], synchronous: bool | None = None, run_id: str | None = None
) -> None:
    """Record several inputs, all or none."""
    _run(run_id).log_params(params)


def log_metric(
    key: str,
    value: Any,
    step: int | None = None,
    synchronous: bool | None = None,
    timestamp: int | None = None,
    run_id: str | None = None,
    model_id: str | None = None,
    dataset: Any = None,
) -> None:
    """Record one point of a metric; it is safe from `kill -9` when this returns.

    Args:
        key: the metric's name, at most 250 characters.
        value: a number; NaN and infinity are kept.
        step: any 64-bit integer, 0 by default.
        synchronous: accepted for MLflow's sake; every call is fast, and safe when it returns.
        timestamp: ms since 1970, now by default.
        run_id: the active run by default.
        model_id: a logged model that the point also belongs to, where the store has them.
        dataset: accepted for MLflow's sake.

    Raises:
        MlflowException: the key, value, step or time is not one, or the disk is full.
    """
    _run(run_id).log_metric(key, value, step, timestamp, model_id)


def log_metrics(
    metrics: Mapping[str, Any],
    step: int | None = None,
    synchronous: bool | None = None,
    run_id: str | None = None,
    timestamp: int | None = None,
    model_id: str | None = None,
    dataset: Any = None,
) -> None:
    """Record one point of each of several metrics, all or none; see `log_metric`."""
    _run(run_id).log_metrics(metrics, step, timestamp, model_id)


def log_batch(
    metrics: Iterable[Metric] = (),
    params: Iterable[Param] = (),
    tags: Iterable[RunTag] = (),
    run_id: str | None = None,
) -> None:
    """Record metrics, params and tags together, all or none."""
    _run(run_id).log_batch(metrics, params, tags)


def log_input(
    dataset: Any,
    context: str | None = None,
    tags: Mapping[str, str] | None = None,
    model: Any = None,
) -> None:
    """Record a dataset that the run used.

    Args:
        dataset: a `Dataset`, or any object that describes itself by MLflow's ``to_dict``.
        context: what it was used for, such as ``training``.
        tags: notes on its use.
        model: accepted for MLflow's sake.
    """
    log_inputs([dataset], [context], [tags])


def log_inputs(
    datasets: Sequence[Any],
    contexts: Sequence[str | None] | None = None,
    tags_list: Sequence[Mapping[str, str] | None] | None = None,
    models: Any = None,
) -> None:
    """Record several datasets that the run used; see `log_input`."""
    contexts = contexts or [None] * len(datasets)
    tags_list = tags_list or [None] * len(datasets)
    if not len(datasets) == len(contexts) == len(tags_list):
        raise invalid("log_inputs takes lists of the same length.")
    _run().log_inputs(
        [_as_input(*each) for each in zip(datasets, contexts, tags_list, strict=True)]
    )


def set_tag(key: str, value: Any, synchronous: bool | None = None) -> None:
    """Set a note on the active run; the last one counts."""
    _run().set_tag(key, value)


def set_tags(tags: Mapping[str, Any], synchronous: bool | None = None) -> None:
    """Set several notes on the active run, all or none."""
    _run().set_tags(tags)


def delete_tag(key: str) -> None:
    """Take a note on the active run back. Raises MlflowException if it has none of that name."""
    active.client().delete_tag(_run().run_id, key)


# Files


def log_artifact(
    local_path: str | Path, artifact_path: str | None = None, run_id: str | None = None
) -> None:
    """Keep a copy of a file or folder, in the folder `artifact_path` of the run's artifacts."""
    _run(run_id).log_artifact(local_path, artifact_path)


def log_artifacts(
    local_dir: str | Path, artifact_path: str | None = None, run_id: str | None = None
) -> None:
    """Keep a copy of everything in a folder."""
    _run(run_id).log_artifacts(local_dir, artifact_path)


def log_text(text: str, artifact_file: str, run_id: str | None = None) -> None:
    """Keep a text as a file, in UTF-8."""
    _run(run_id).log_text(text, artifact_file)


def log_dict(dictionary: Any, artifact_file: str, run_id: str | None = None) -> None:
    """Keep a dictionary or list as JSON, or as YAML if the file's name ends so."""
    _run(run_id).log_dict(dictionary, artifact_file)


def log_figure(
    figure: Any, artifact_file: str, *, save_kwargs: Mapping[str, Any] | None = None
) -> None:
    """Keep a matplotlib or plotly figure; the file's ending says the format."""
    _run().log_figure(figure, artifact_file, save_kwargs)


def log_image(
    image: Any,
    artifact_file: str | None = None,
    key: str | None = None,
    step: int | None = None,
    timestamp: int | None = None,
    synchronous: bool | None = None,
) -> None:
    """Keep a picture, by file name or as one of a series (`key`, `step`)."""
    _run().log_image(image, artifact_file, key, step, timestamp)


def log_table(data: Any, artifact_file: str, run_id: str | None = None) -> None:
    """Keep a table (dict of columns, or DataFrame) as JSON; adds rows if it is there."""
    _run(run_id).log_table(data, artifact_file)


def get_artifact_uri(artifact_path: str | None = None) -> str:
    """Where the active run keeps its files, or one of them."""
    uri = _run().info.artifact_uri
    return f"{uri}/{safe_relative(artifact_path)}" if artifact_path else uri


def flush_async_logging() -> None:
    """Wait until everything recorded until now is in the store."""
    active.client().flush()


def _run(run_id: str | None = None) -> ActiveRun:
    """The run to write to: the active one, or the given one; without either a new one."""
    run = contexts.active_run()
    if run_id and not (run and run.run_id == run_id):
        return active.client().writer(run_id)
    return run or start_run()


def _as_input(dataset: Any, use: str | None, tags: Mapping[str, str] | None) -> DatasetInput:
    if isinstance(dataset, DatasetInput):
        return dataset
    if not isinstance(dataset, Dataset):
        if not hasattr(dataset, "to_dict"):
            raise invalid(
                f"log_input got a {type(dataset).__name__}. Give it a Dataset (name, digest, "
                "source_type, source), or an object that describes itself by to_dict()."
            )
        told = dataset.to_dict()
        dataset = Dataset(**{field: told.get(field) for field in Dataset.__struct_fields__})
    notes = {**({"mlflow.data.context": use} if use else {}), **(tags or {})}
    return DatasetInput(dataset, [InputTag(key, value) for key, value in notes.items()])
