"""Folders of MLflow's layout become experiments and runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core_client.artifacts import local_root
from core_client.entities import (
    Dataset,
    DatasetInput,
    Experiment,
    InputTag,
    LifecycleStage,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunStatus,
)
from core_client.settings import scheme
from core_client.stores.file.layout import META, key_files, read_meta, read_texts
from core_client.stores.file.points import PointFiles
from core_client.stores.values import RUN_NAME

# MLflow's numbers of the states of a run, from 1 on.
STATES = (
    RunStatus.RUNNING,
    RunStatus.SCHEDULED,
    RunStatus.FINISHED,
    RunStatus.FAILED,
    RunStatus.KILLED,
)


def read_experiment(folder: Path) -> Experiment:
    """The experiment of a folder."""
    meta = read_meta(folder)
    return Experiment(
        experiment_id=str(meta.get("experiment_id", folder.name)),
        name=str(meta.get("name", "")),
        artifact_location=str(meta.get("artifact_location") or ""),
        lifecycle_stage=meta.get("lifecycle_stage") or LifecycleStage.ACTIVE,
        tags=read_texts(folder / "tags"),
        creation_time=meta.get("creation_time"),
        last_update_time=meta.get("last_update_time"),
    )


def read_run(folder: Path, points: PointFiles) -> Run:
    """The run of a folder, with its data and inputs."""
    meta = read_meta(folder)
    tags = read_texts(folder / "tags")
    latest = {key: points.latest(path) for key, path in key_files(folder / "metrics").items()}
    metrics = {key: value for key, value in latest.items() if value is not None}
    return Run(
        read_info(folder, meta, tags),
        RunData(metrics, read_texts(folder / "params"), tags),
        RunInputs(_read_inputs(folder)),
    )


def read_info(folder: Path, meta: dict[str, Any], tags: dict[str, str]) -> RunInfo:
    """What a run's description says; older MLflows wrote less."""
    return RunInfo(
        run_id=folder.name,
        experiment_id=str(meta.get("experiment_id", folder.parent.name)),
        run_name=str(meta.get("run_name") or tags.get(RUN_NAME) or meta.get("name") or ""),
        user_id=str(meta.get("user_id") or ""),
        status=status_named(meta.get("status")),
        start_time=meta.get("start_time") or 0,
        end_time=meta.get("end_time"),
        lifecycle_stage=meta.get("lifecycle_stage") or LifecycleStage.ACTIVE,
        artifact_uri=_artifact_uri(folder, str(meta.get("artifact_uri") or "")),
    )


def _artifact_uri(folder: Path, written: str) -> str:
    """Where the artifacts are: beside the run still if its folder was moved, as to the trash."""
    here = folder / "artifacts"
    moved = written.endswith(f"/{folder.parent.name}/{folder.name}/artifacts") and here.is_dir()
    if moved and scheme(written) in ("", "file") and not local_root(written).is_dir():
        return here.as_uri()
    return written


def is_deleted(meta: dict[str, Any]) -> bool:
    """Whether a description is that of a deleted run or experiment."""
    return meta.get("lifecycle_stage") == LifecycleStage.DELETED


def status_named(number: object) -> str:
    """The name of a state by MLflow's number."""
    known = isinstance(number, int) and 1 <= number <= len(STATES)
    return STATES[number - 1] if known else RunStatus.RUNNING  # type: ignore[operator]


def _read_inputs(folder: Path) -> list[DatasetInput]:
    found = []
    for path in sorted((folder / "inputs").glob(f"*/{META}")):
        link = read_meta(path.parent)
        if link.get("source_type") != "DATASET":
            continue
        meta = read_meta(folder.parent / "datasets" / str(link.get("source_id")))
        if not meta:
            continue
        dataset = Dataset(
            name=str(meta.get("name")),
            digest=str(meta.get("digest")),
            source_type=str(meta.get("source_type")),
            source=str(meta.get("source")),
            schema=meta.get("schema"),
            profile=meta.get("profile"),
        )
        tags = link.get("tags") or {}
        found.append(DatasetInput(dataset, [InputTag(str(k), str(v)) for k, v in tags.items()]))
    return found
