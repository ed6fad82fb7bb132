"""Everything that can happen to a run or an experiment: the one language of spool, drain and store.

An event is a fact with its own time; applying it twice changes nothing. In the spool an event
is one line of JSON, an array that starts with a short tag.
"""

from __future__ import annotations

import math
from typing import Union

import msgspec

from core_client.entities import DatasetInput


class Metrics(msgspec.Struct, tag="m", array_like=True, gc=False):
    """Values of one instant. JSON has no NaN or infinity: those travel as text (see `number`)."""

    run_id: str
    timestamp: int
    step: int
    values: dict[str, float | str]


class Params(msgspec.Struct, tag="p", array_like=True):
    run_id: str
    values: dict[str, str]


class Tags(msgspec.Struct, tag="t", array_like=True):
    run_id: str
    values: dict[str, str]


class TagDeleted(msgspec.Struct, tag="t-", array_like=True):
    run_id: str
    key: str


class Inputs(msgspec.Struct, tag="i", array_like=True):
    run_id: str
    datasets: list[DatasetInput]


class Files(msgspec.Struct, tag="f", array_like=True):
    """Files for a run: those in the folder `staged` of the spool, which is laid out as the run's
    artifacts are. They replace what is in the artifact folder `replaces`, if that is not empty.
    With a `model_id` that folder is a logged model, which may keep its files elsewhere."""

    run_id: str
    staged: str
    replaces: str = ""
    model_id: str = ""


class ModelRegistered(msgspec.Struct, tag="mr", array_like=True):
    """The model in a folder of the run's artifacts becomes a version of a registered name; a
    second time is no news. Only for stores that have a model registry. Without a `model_id`, the
    last logged model of that path counts where the store has them."""

    run_id: str
    name: str
    artifact_path: str
    tags: dict[str, str]
    model_id: str = ""


class ModelLogged(msgspec.Struct, tag="ml", array_like=True):
    """A run has logged a model, which MLflow 3 keeps beside the runs; no news for other stores.

    It gets `params` and what the run holds by then: all params, and the last value of each metric.
    Told again, it gets what the run holds since. Without a name it is a model that is there
    already. `from_run` is False for a model that is copied, and has all that it is to have.
    """

    run_id: str
    model_id: str
    name: str
    model_type: str
    step: int
    time: int
    params: dict[str, str]
    tags: dict[str, str]
    from_run: bool = True


class ModelMetrics(msgspec.Struct, tag="mm", array_like=True):
    """`Metrics` of a run that also belong to a logged model."""

    run_id: str
    timestamp: int
    step: int
    values: dict[str, float | str]
    model_id: str


class ModelReady(msgspec.Struct, tag="m.", array_like=True):
    """All files of a logged model are where it keeps them."""

    model_id: str


class RunStarted(msgspec.Struct, tag="r", array_like=True):
    """A new run. `experiment_id` may be empty: then `experiment_name` says where it belongs, and
    the store creates that experiment if it has to. An empty `artifact_uri` is filled in by the
    store: ``<experiment's artifact location>/<run id>/artifacts``."""

    run_id: str
    experiment_id: str
    experiment_name: str
    run_name: str
    user_id: str
    start_time: int
    artifact_uri: str
    tags: dict[str, str]


class RunResumed(msgspec.Struct, tag="r+", array_like=True):
    """This process writes to a run that it did not start; the run is RUNNING again."""

    run_id: str


class RunInherited(msgspec.Struct, tag="rf", array_like=True):
    """A forked child writes to its parent's run; its own end is not the run's end. The run is
    told again in full, for the child's events may reach the store before the parent's."""

    start: RunStarted


class RunEnded(msgspec.Struct, tag="r.", array_like=True):
    run_id: str
    status: str
    end_time: int


class RunRenamed(msgspec.Struct, tag="rn", array_like=True):
    run_id: str
    name: str


class RunDeleted(msgspec.Struct, tag="r-", array_like=True):
    run_id: str
    time: int


class RunRestored(msgspec.Struct, tag="r*", array_like=True):
    run_id: str


class ExperimentCreated(msgspec.Struct, tag="e", array_like=True):
    """A new experiment; the store chooses its id. An empty `artifact_location` is filled in by
    the store: ``<artifact root>/<experiment id>``. A second one of the same name is no news."""

    name: str
    artifact_location: str
    tags: dict[str, str]
    time: int


class ExperimentRenamed(msgspec.Struct, tag="en", array_like=True):
    experiment_id: str
    name: str
    time: int


class ExperimentTagged(msgspec.Struct, tag="et", array_like=True):
    experiment_id: str
    values: dict[str, str]


class ExperimentDeleted(msgspec.Struct, tag="e-", array_like=True):
    """The experiment and its runs are deleted; all can be restored."""

    experiment_id: str
    time: int


class ExperimentRestored(msgspec.Struct, tag="e*", array_like=True):
    experiment_id: str
    time: int


Event = Union[
    Metrics, Params, Tags, TagDeleted, Inputs, Files,
    ModelLogged, ModelMetrics, ModelReady, ModelRegistered,
    RunStarted, RunResumed, RunInherited, RunEnded, RunRenamed, RunDeleted, RunRestored,
    ExperimentCreated, ExperimentRenamed, ExperimentTagged, ExperimentDeleted, ExperimentRestored,
]  # fmt: skip

encode = msgspec.json.Encoder().encode
encode_lines = msgspec.json.Encoder().encode_lines
decode = msgspec.json.Decoder(Event).decode
decode_lines = msgspec.json.Decoder(Event).decode_lines


def writable(value: float) -> float | str:
    """The value as JSON can hold it: finite numbers as they are, others as text."""
    return value if math.isfinite(value) else str(value)


def number(value: float | str) -> float:
    """The float that `writable` was given."""
    return float(value)
