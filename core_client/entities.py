"""What a store holds, by MLflow's names: experiments, runs, metrics, params, tags, datasets."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")

# Tag of a logged model: the path that it was logged at, if no logged model can have that name.
MODEL_PATH = "autolog.artifact_path"


class RunStatus:
    """The five states of a run, as stores spell them."""

    RUNNING = "RUNNING"
    SCHEDULED = "SCHEDULED"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"
    ALL = (RUNNING, SCHEDULED, FINISHED, FAILED, KILLED)
    TERMINATED = (FINISHED, FAILED, KILLED)


class LifecycleStage:
    """Deleted runs and experiments stay in the store under another stage."""

    ACTIVE = "active"
    DELETED = "deleted"


class ViewType:
    """Which lifecycle stages a search looks at."""

    ACTIVE_ONLY = 1
    DELETED_ONLY = 2
    ALL = 3


class SourceType:
    """Where a run's code came from (tag ``mlflow.source.type``)."""

    NOTEBOOK = "NOTEBOOK"
    JOB = "JOB"
    PROJECT = "PROJECT"
    LOCAL = "LOCAL"
    UNKNOWN = "UNKNOWN"


class Metric(msgspec.Struct, frozen=True):
    """One point of a metric: value at a step (any 64-bit integer) and a time (ms since 1970)."""

    key: str
    value: float
    timestamp: int
    step: int = 0


class Param(msgspec.Struct, frozen=True):
    """An input of a run, set once."""

    key: str
    value: str


class RunTag(msgspec.Struct, frozen=True):
    """A note on a run; the last value set counts."""

    key: str
    value: str


class ExperimentTag(msgspec.Struct, frozen=True):
    """A note on an experiment; the last value set counts."""

    key: str
    value: str


class InputTag(msgspec.Struct, frozen=True):
    """How a dataset was used, such as ``mlflow.data.context`` = ``train``."""

    key: str
    value: str


class Dataset(msgspec.Struct, frozen=True):
    """A dataset by description: `schema` and `profile` are JSON texts, no data is held."""

    name: str
    digest: str
    source_type: str
    source: str
    schema: str | None = None
    profile: str | None = None


class DatasetInput(msgspec.Struct, frozen=True):
    """A dataset with the tags of its use in one run."""

    dataset: Dataset
    tags: list[InputTag] = []


class RunInputs(msgspec.Struct, frozen=True):
    """All datasets of a run."""

    dataset_inputs: list[DatasetInput] = []


class LoggedModelOutput(msgspec.Struct, frozen=True):
    """That a run has logged a model, and at which step."""

    model_id: str
    step: int = 0


class RunOutputs(msgspec.Struct, frozen=True):
    """The models that a run has logged, where the store keeps them beside the runs."""

    model_outputs: list[LoggedModelOutput] = []


class RunInfo(msgspec.Struct, frozen=True):
    """A run without its data; times in ms since 1970."""

    run_id: str
    experiment_id: str
    run_name: str
    user_id: str
    status: str
    start_time: int
    end_time: int | None
    lifecycle_stage: str
    artifact_uri: str

    @property
    def run_uuid(self) -> str:
        """The run's id under its older name."""
        return self.run_id


class RunData(msgspec.Struct, frozen=True):
    """The latest value of each metric, and all params and tags, of one run."""

    metrics: dict[str, float] = {}
    params: dict[str, str] = {}
    tags: dict[str, str] = {}


class Run(msgspec.Struct, frozen=True):
    """A run as read from a store."""

    info: RunInfo
    data: RunData
    inputs: RunInputs = RunInputs()
    outputs: RunOutputs = RunOutputs()

    def _repr_html_(self) -> str | None:
        from core_client import display

        return display.shown(display.run, self)


class Experiment(msgspec.Struct, frozen=True):
    """A named group of runs; times in ms since 1970."""

    experiment_id: str
    name: str
    artifact_location: str
    lifecycle_stage: str
    tags: dict[str, str] = {}
    creation_time: int | None = None
    last_update_time: int | None = None

    def _repr_html_(self) -> str | None:
        from core_client import display

        return display.shown(display.experiment, self)


class LoggedModelStatus:
    """Whether a logged model's files are there yet."""

    PENDING = "PENDING"
    READY = "READY"
    FAILED = "FAILED"


class LoggedModel(msgspec.Struct, frozen=True):
    """A model that MLflow 3 keeps beside the run that logged it; times in ms since 1970."""

    model_id: str
    experiment_id: str
    name: str
    artifact_location: str
    creation_timestamp: int = 0
    last_updated_timestamp: int = 0
    model_type: str = ""
    source_run_id: str = ""
    status: str = LoggedModelStatus.PENDING
    params: dict[str, str] = {}
    tags: dict[str, str] = {}
    metrics: list[Metric] = []

    @property
    def model_uri(self) -> str:
        """What loads it."""
        return f"models:/{self.model_id}"

    @property
    def path(self) -> str:
        """The folder that it would be in among the run's artifacts: its name as it was given."""
        return self.tags.get(MODEL_PATH, self.name)


class ModelVersion(msgspec.Struct, frozen=True):
    """A model under a registered name; versions are numbered from 1."""

    name: str
    version: str
    source: str
    run_id: str
    status: str
    current_stage: str
    aliases: list[str] = []
    tags: dict[str, str] = {}


class FileInfo(msgspec.Struct, frozen=True):
    """One artifact: path relative to the run's artifact root, size in bytes (None for folders)."""

    path: str
    is_dir: bool
    file_size: int | None = None


class PagedList(list[T], Generic[T]):
    """One page of results; `token` asks for the next one and is None on the last page."""

    def __init__(self, items: list[T], token: str | None = None) -> None:
        super().__init__(items)
        self.token = token

    def _repr_html_(self) -> str | None:
        from core_client import display

        return display.shown(display.results, self)
