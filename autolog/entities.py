"""MLflow's place for runs, experiments and what they hold."""

from core_client.entities import (
    Dataset,
    DatasetInput,
    Experiment,
    ExperimentTag,
    FileInfo,
    InputTag,
    LifecycleStage,
    Metric,
    Param,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunStatus,
    RunTag,
    SourceType,
    ViewType,
)  # fmt: skip

__all__ = [
    "Dataset", "DatasetInput", "Experiment", "ExperimentTag", "FileInfo", "InputTag",
    "LifecycleStage", "Metric", "Param", "Run", "RunData", "RunInfo", "RunInputs", "RunStatus",
    "RunTag", "SourceType", "ViewType",
]  # fmt: skip
