"""MLflow's messages as they travel, and the entities they stand for. Unknown fields are ignored."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from core_client.entities import (
    DatasetInput,
    Experiment,
    LifecycleStage,
    LoggedModel,
    LoggedModelStatus,
    Metric,
    ModelVersion,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
    RunStatus,
)
from core_client.stores.values import LARGEST, loaded, stored

LOCAL_ID = "autolog.local_run_id"  # tag of the server's run: the id that it had here before
LOCAL_MODEL_ID = "autolog.local_model_id"  # the same of a logged model
STATUS = "LOGGED_MODEL_"  # what the names of a logged model's states begin with


class Pair(msgspec.Struct):
    """A param or tag."""

    key: str
    value: str = ""


class Point(msgspec.Struct):
    """A metric's value; NaN and infinity travel as text."""

    key: str
    value: float | str = 0.0
    timestamp: int = 0
    step: int = 0

    def metric(self) -> Metric:
        """The point with the value that was logged."""
        return Metric(self.key, self.number(), self.timestamp, self.step)

    def number(self) -> float:
        """The value that was logged."""
        value = float(self.value)
        return loaded(value, math.isnan(value))


class Info(msgspec.Struct):
    """A run without its data."""

    run_id: str
    experiment_id: str = ""
    run_name: str = ""
    user_id: str = ""
    status: str = RunStatus.RUNNING
    start_time: int = 0
    end_time: int | None = None
    lifecycle_stage: str = LifecycleStage.ACTIVE
    artifact_uri: str = ""

    def entity(self) -> RunInfo:
        """The same for users. A run that was resumed has no end, though servers keep the old one."""
        info = msgspec.convert(self, RunInfo, from_attributes=True)
        if self.status in RunStatus.TERMINATED:
            return info
        return msgspec.structs.replace(info, end_time=None)


class Data(msgspec.Struct):
    """What a run holds."""

    metrics: list[Point] = []
    params: list[Pair] = []
    tags: list[Pair] = []


class RunMessage(msgspec.Struct):
    """A whole run."""

    info: Info
    data: Data = msgspec.field(default_factory=Data)
    inputs: RunInputs = msgspec.field(default_factory=RunInputs)
    outputs: RunOutputs = msgspec.field(default_factory=RunOutputs)

    def entity(self) -> Run:
        """The same for users."""
        data = RunData(
            {point.key: point.number() for point in self.data.metrics},
            {param.key: param.value for param in self.data.params},
            {tag.key: tag.value for tag in self.data.tags if tag.key != LOCAL_ID},
        )
        return Run(self.info.entity(), data, self.inputs, self.outputs)


class ExperimentMessage(msgspec.Struct):
    """A group of runs."""

    experiment_id: str
    name: str = ""
    artifact_location: str = ""
    lifecycle_stage: str = LifecycleStage.ACTIVE
    tags: list[Pair] = []
    creation_time: int | None = None
    last_update_time: int | None = None

    def entity(self) -> Experiment:
        """The same for users."""
        return Experiment(
            self.experiment_id,
            self.name,
            self.artifact_location,
            self.lifecycle_stage,
            {tag.key: tag.value for tag in self.tags},
            self.creation_time,
            self.last_update_time,
        )


class OneRun(msgspec.Struct):
    """The answer to a question for a run."""

    run: RunMessage


class Runs(msgspec.Struct):
    """A page of runs."""

    runs: list[RunMessage] = []
    next_page_token: str | None = None


class History(msgspec.Struct):
    """A page of a metric's points."""

    metrics: list[Point] = []
    next_page_token: str | None = None


class OneExperiment(msgspec.Struct):
    """The answer to a question for an experiment."""

    experiment: ExperimentMessage


class Experiments(msgspec.Struct):
    """A page of experiments."""

    experiments: list[ExperimentMessage] = []
    next_page_token: str | None = None


class Created(msgspec.Struct):
    """The id of a new experiment."""

    experiment_id: str


class VersionMessage(msgspec.Struct):
    """A version of a registered model."""

    name: str
    version: str
    source: str = ""
    run_id: str = ""
    status: str = ""
    current_stage: str = ""
    aliases: list[str] = []
    tags: list[Pair] = []

    def entity(self) -> ModelVersion:
        """The same for users."""
        tags = {tag.key: tag.value for tag in self.tags}
        values = {**msgspec.structs.asdict(self), "tags": tags}
        return ModelVersion(**values)


class OneVersion(msgspec.Struct):
    """The answer to a question for a version."""

    model_version: VersionMessage


class Versions(msgspec.Struct):
    """Versions that were searched for."""

    model_versions: list[VersionMessage] = []


class Place(msgspec.Struct):
    """Where files are."""

    artifact_uri: str


class LoggedModelInfo(msgspec.Struct):
    """A logged model of MLflow 3 without its data."""

    model_id: str
    experiment_id: str = ""
    name: str = ""
    artifact_uri: str = ""
    creation_timestamp_ms: int = 0
    last_updated_timestamp_ms: int = 0
    model_type: str = ""
    source_run_id: str = ""
    status: str = STATUS + LoggedModelStatus.PENDING
    tags: list[Pair] = []


class LoggedModelData(msgspec.Struct):
    """What a logged model holds."""

    params: list[Pair] = []
    metrics: list[Point] = []


class LoggedModelMessage(msgspec.Struct):
    """A whole logged model."""

    info: LoggedModelInfo
    data: LoggedModelData = msgspec.field(default_factory=LoggedModelData)

    def entity(self) -> LoggedModel:
        """The same for users."""
        info = self.info
        return LoggedModel(
            model_id=info.model_id,
            experiment_id=info.experiment_id,
            name=info.name,
            artifact_location=info.artifact_uri,
            creation_timestamp=info.creation_timestamp_ms,
            last_updated_timestamp=info.last_updated_timestamp_ms,
            model_type=info.model_type,
            source_run_id=info.source_run_id,
            status=info.status.removeprefix(STATUS).removeprefix("UPLOAD_"),
            params={param.key: param.value for param in self.data.params},
            tags={tag.key: tag.value for tag in info.tags if tag.key != LOCAL_MODEL_ID},
            metrics=[point.metric() for point in self.data.metrics],
        )


class OneLoggedModel(msgspec.Struct):
    """The answer to a question for a logged model."""

    model: LoggedModelMessage


class LoggedModels(msgspec.Struct):
    """Logged models that were searched for."""

    models: list[LoggedModelMessage] = []


class Nothing(msgspec.Struct):
    """The answer to what only has to be done."""


def pairs(values: dict[str, str]) -> list[dict[str, str]]:
    """Params or tags as they are sent."""
    return [{"key": key, "value": value} for key, value in values.items()]


def point(
    key: str, value: float | str, timestamp: int, step: int, model_id: str = ""
) -> dict[str, Any]:
    """A point as it is sent: servers keep an infinity as the largest float."""
    number: float | str = value
    if not isinstance(value, float) or not -LARGEST < value < LARGEST:
        number, is_nan = stored(value)
        number = "NaN" if is_nan else number
    sent = {"key": key, "value": number, "timestamp": timestamp, "step": step}
    return {**sent, "model_id": model_id} if model_id else sent


def inputs(datasets: list[DatasetInput]) -> list[dict[str, Any]]:
    """Datasets as they are sent: what is not known is left out."""
    return [
        {
            "tags": pairs({tag.key: tag.value for tag in one.tags}),
            "dataset": {
                name: value
                for name, value in msgspec.structs.asdict(one.dataset).items()
                if value is not None
            },
        }
        for one in datasets
    ]
