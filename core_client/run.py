"""A run that this process writes to: every verb becomes an event in the spool."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any

import msgspec

from core_client import background, context, source
from core_client.artifacts import Artifacts
from core_client.beginning import artifact_uri, first_event, known_from
from core_client.checks import (
    check_key,
    check_status,
    metric_value,
    param_value,
    tag_value,
    whole_number,
)
from core_client.clock import now
from core_client.destination import CALL_WAIT, Destination, destination
from core_client.entities import (
    DatasetInput,
    Metric,
    Param,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunStatus,
    RunTag,
)
from core_client.events import (
    Inputs,
    Metrics,
    ModelLogged,
    ModelMetrics,
    Params,
    RunEnded,
    RunResumed,
    RunStarted,
    TagDeleted,
    Tags,
    encode,
    encode_lines,
    writable,
)
from core_client.exceptions import MlflowException, invalid
from core_client.run_files import RunFiles
from core_client.run_models import RunModels

ROOM_WAIT = 5.0  # seconds that the end of a user's own run waits for room on a full disk
PARENT = "mlflow.parentRunId"


class ActiveRun(RunFiles, RunModels):
    """A run being written. In a ``with`` statement it ends with the block, FAILED if that raises.

    Args:
        destination: where its events go.
        info: what is known of it; an empty `artifact_uri` is looked up when it is needed.
        tags: those it has.
        params: those it has; a param never changes its value.
        start: its first event, if it was begun here: a server may have given it another id since.
    """

    def __init__(
        self,
        destination: Destination,
        info: RunInfo,
        tags: Mapping[str, str],
        params: Mapping[str, str] = {},
        start: RunStarted | None = None,
    ) -> None:
        self.run_id = info.run_id
        self._id = start.run_id if start else info.run_id  # as its events say
        self._experiment_name = start.experiment_name if start else ""
        self._destination = destination
        self._info = info
        self.tags = dict(tags)
        self._params = dict(params)
        self._metric_keys: set[str] = set()
        self._models: list[ModelLogged] = []
        self._append = destination.spool.append
        self.at_rest = False  # see `context.rest`

    @classmethod
    def begin(
        cls,
        destination: Destination,
        experiment_id: str,
        run_name: str | None = None,
        tags: Mapping[str, Any] | None = None,
        start_time: int | None = None,
        source_tags: Mapping[str, str] | None = None,
        experiment_name: str = "",
        wait: float = 0.0,
    ) -> ActiveRun:
        """Record the start of a new run.

        Args:
            destination: where it goes.
            experiment_id: an experiment of that store; empty if its name is given.
            run_name: a name for people; an adjective, a noun and a number by default.
            tags: further tags; they win over those that the system sets.
            start_time: ms since 1970, now by default.
            source_tags: who runs what code, found out by default.
            experiment_name: the experiment by its name; the store creates it if it has to.
            wait: seconds that a server may take to name the run; if it does not, the run has an
                id of ours, which stands for the server's here.

        Raises:
            MlflowException: there cannot be such a run.
        """
        time = now() if start_time is None else whole_number(start_time, "start time")
        start = first_event(
            destination, experiment_id, experiment_name, run_name, tags or {}, time, source_tags
        )
        destination.spool.append_events(start)
        info = destination.named_by_server(start.run_id, wait) if wait else None
        return cls(destination, info or known_from(start), start.tags, start=start)

    @classmethod
    def of(cls, destination: Destination, run_id: str) -> ActiveRun:
        """A run that the store has. Raises MlflowException RESOURCE_DOES_NOT_EXIST."""
        stored = destination.current().get_run(run_id)
        return cls(destination, stored.info, stored.data.tags, stored.data.params)

    def resume(self) -> None:
        """The run, begun elsewhere, is RUNNING again and ends in this process."""
        self.at_rest = False
        self._destination.spool.append_events(RunResumed(self._id))
        self._info = msgspec.structs.replace(self._info, status=RunStatus.RUNNING, end_time=None)

    def child(
        self,
        run_name: str | None = None,
        tags: Mapping[str, Any] | None = None,
        start_time: int | None = None,
    ) -> ActiveRun:
        """A nested run, begun but not made the active one. End it with `end`."""
        return ActiveRun.begin(
            self._destination,
            self._info.experiment_id,
            run_name,
            {**(tags or {}), PARENT: self.run_id},
            start_time,
            {key: text for key, text in self.tags.items() if key.startswith(source.PREFIXES)},
            "" if self._info.experiment_id else self._experiment_name,
        )

    @property
    def info(self) -> RunInfo:
        """The run's names, times and places."""
        if not self._info.artifact_uri and self._destination.near:
            experiment = self._destination.experiment(self._info.experiment_id)
            uri = artifact_uri(experiment, self.run_id)
            self._info = msgspec.structs.replace(self._info, artifact_uri=uri)
        elif not self._info.artifact_uri and (found := self._destination.started(self._id)):
            # Known by now, without a question that might take its time. The id stays as it is.
            self._info = msgspec.structs.replace(
                self._info, artifact_uri=found.artifact_uri, experiment_id=found.experiment_id
            )
        return self._info

    @property
    def is_running(self) -> bool:
        """Whether it has neither ended nor failed, as far as this process knows."""
        return bool(self._info.status == RunStatus.RUNNING)

    def stored(self) -> Run:
        """The run as it is in the store now."""
        return self._destination.current().get_run(self.run_id)

    def known(self) -> Run:
        """What this process knows of the run without a look at the store: no metrics."""
        return Run(self._info, RunData({}, dict(self._params), dict(self.tags)))

    @property
    def data(self) -> RunData:
        """Metrics, params and tags as they are in the store now."""
        return self.stored().data

    @property
    def inputs(self) -> RunInputs:
        """The datasets of the run as they are in the store now."""
        return self.stored().inputs

    @property
    def artifacts(self) -> Artifacts:
        """The run's files."""
        return self._destination.artifacts(self._id, lambda: self.info.artifact_uri)

    def log_metric(
        self,
        key: str,
        value: Any,
        step: int | None = None,
        timestamp: int | None = None,
        model_id: str | None = None,
    ) -> None:
        """Record one point.

        Args:
            key: the metric's name, at most 250 characters.
            value: a number, or what `float` makes one of; NaN and infinity are kept.
            step: any 64-bit integer, 0 by default.
            timestamp: ms since 1970, now by default.
            model_id: a logged model that the point also belongs to.
        """
        if model_id is not None:
            return self.log_metrics({key: value}, step, timestamp, model_id)
        if type(key) is not str or key not in self._metric_keys:
            self._metric_keys.add(check_key(key, "metric"))
        if type(value) is not float:
            value = metric_value(value, key)
        step = 0 if step is None else whole_number(step, "step")
        timestamp = now() if timestamp is None else whole_number(timestamp, "timestamp")
        self._append(encode(Metrics(self._id, timestamp, step, {key: writable(value)})) + b"\n")

    def log_metrics(
        self,
        metrics: Mapping[str, Any],
        step: int | None = None,
        timestamp: int | None = None,
        model_id: str | None = None,
    ) -> None:
        """Record one point of each of several metrics, all or none."""
        values = {}
        for key, value in metrics.items():
            if type(key) is not str or key not in self._metric_keys:
                self._metric_keys.add(check_key(key, "metric"))
            number = value if type(value) is float else metric_value(value, key)
            values[key] = writable(number)
        step = 0 if step is None else whole_number(step, "step")
        timestamp = now() if timestamp is None else whole_number(timestamp, "timestamp")
        if values and model_id is not None:
            event = ModelMetrics(self._id, timestamp, step, values, model_id)
            self._append(encode(event) + b"\n")
        elif values:
            self._append(encode(Metrics(self._id, timestamp, step, values)) + b"\n")

    def log_steps(self, rows: Iterable[tuple[int, int, Mapping[str, float]]]) -> None:
        """Record many steps with one write: step, ms since 1970, points of some metrics."""
        some = []
        for step, timestamp, metrics in rows:
            for key in metrics:
                if key not in self._metric_keys:
                    self._metric_keys.add(check_key(key, "metric"))
            values = {key: writable(value) for key, value in metrics.items()}
            some.append(Metrics(self._id, timestamp, step, values))
        if some:
            self._append(encode_lines(some))

    def log_param(self, key: str, value: Any) -> None:
        """Record an input of the run. Raises MlflowException if it has another value already."""
        self.log_params({check_key(key, "param"): value})

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Record several inputs, all or none."""
        values = self._new_params(params)
        if values:
            self._append(encode(Params(self._id, values)) + b"\n")
            self._params.update(values)

    def set_tag(self, key: str, value: Any) -> None:
        """Record a note on the run; the last one counts."""
        self.set_tags({check_key(key, "tag"): value})

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Record several notes, all or none."""
        values = {check_key(key, "tag"): tag_value(value, key) for key, value in tags.items()}
        if values:
            self._append(encode(Tags(self._id, values)) + b"\n")
            self.tags.update(values)

    def delete_tag(self, key: str) -> None:
        """Take a note back."""
        self._append(encode(TagDeleted(self._id, check_key(key, "tag"))) + b"\n")
        self.tags.pop(key, None)

    def log_batch(
        self,
        metrics: Iterable[Metric] = (),
        params: Iterable[Param] = (),
        tags: Iterable[RunTag] = (),
    ) -> None:
        """Record metrics, params and tags together, all or none."""
        values = self._new_params({param.key: param.value for param in params})
        notes = {check_key(tag.key, "tag"): tag_value(tag.value, tag.key) for tag in tags}
        events: list[Metrics | Params | Tags] = [
            Metrics(
                self._id,
                whole_number(point.timestamp, "timestamp"),
                whole_number(point.step, "step"),
                {check_key(point.key, "metric"): writable(metric_value(point.value, point.key))},
            )
            for point in metrics
        ]
        if values:
            events.append(Params(self._id, values))
        if notes:
            events.append(Tags(self._id, notes))
        if events:
            self._append(b"".join(encode(event) + b"\n" for event in events))
            self._params.update(values)
            self.tags.update(notes)

    def log_inputs(self, datasets: Sequence[DatasetInput]) -> None:
        """Record which datasets the run used, and how."""
        for dataset in datasets:
            if not isinstance(dataset, DatasetInput):
                raise invalid(
                    f"log_inputs got a {type(dataset).__name__}. Give it DatasetInputs, or use "
                    "log_input for a dataset alone."
                )
        self._append(encode(Inputs(self._id, list(datasets))) + b"\n")

    def end(
        self,
        status: str = RunStatus.FINISHED,
        end_time: int | None = None,
        wait_for_disk: bool = True,
    ) -> None:
        """The run is over; no kill can lose what it recorded.

        Args:
            status: FINISHED, FAILED or KILLED.
            end_time: ms since 1970, now by default.
            wait_for_disk: return when it is safe from a power cut, too; else that takes the
                background some milliseconds more.
        """
        status = check_status(status)
        self.at_rest = False
        context.ending(self)
        end_time = now() if end_time is None else whole_number(end_time, "end time")
        ended = RunEnded(self._id, status, end_time)
        try:
            self._destination.spool.append_events(ended)
        except MlflowException:  # the disk is full: what can be sent makes room
            with contextlib.suppress(MlflowException):
                self._destination.drain.flush(ROOM_WAIT if wait_for_disk else CALL_WAIT)
            self._destination.spool.append_events(ended)
        if PARENT not in self.tags:  # else the parent's end does it for all its children
            sync = self._destination.spool.sync
            sync() if wait_for_disk else background.submit(sync)
        self._info = msgspec.structs.replace(self._info, status=status, end_time=end_time)
        context.remove(self)
        if self._models:  # what is still computed in the background belongs to them, too
            background.submit(self.complete_models)

    def __reduce__(self) -> tuple[Any, ...]:
        start = self._destination.spool.beginning(self._id)
        return _elsewhere, (self._destination.uri, start, self._info, self.tags, self._params)

    def _repr_html_(self) -> str | None:
        from core_client import display

        return display.shown(display.active_run, self)

    def __enter__(self) -> ActiveRun:  # noqa: PYI034 - Self needs Python 3.11
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.end(RunStatus.FINISHED if error is None else RunStatus.FAILED)

    def _new_params(self, params: Mapping[str, Any]) -> dict[str, str]:
        values = {check_key(key, "param"): param_value(text, key) for key, text in params.items()}
        for key, value in values.items():
            known = self._params.get(key, value)
            if known != value:
                raise invalid(
                    f"The param '{key}' of run {self.run_id} is '{known}' and cannot become "
                    f"'{value}': a param is set once. Use another key, a tag, or a new run."
                )
        return {key: value for key, value in values.items() if key not in self._params}


def _elsewhere(
    uri: str,
    start: RunStarted | None,
    info: RunInfo,
    tags: Mapping[str, str],
    params: Mapping[str, str],
) -> ActiveRun:
    """The run in a process that was started meanwhile: it is written to, and ends where it began."""
    where = destination(uri)
    if start is not None:
        where.spool.inherit(start)
    return ActiveRun(where, info, tags, params, start)
