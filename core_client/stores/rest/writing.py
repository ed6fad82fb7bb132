"""Events become requests: values of a run in batches as large as the limits allow."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from core_client import events
from core_client.entities import LifecycleStage, RunInfo, RunStatus
from core_client.events import Event
from core_client.exceptions import MlflowException
from core_client.http import ANOTHER_TAG
from core_client.settings import (
    MAX_BATCH_METRICS,
    MAX_BATCH_PARAMS,
    MAX_BATCH_TAGS,
    MAX_PARAM_VALUE,
    MAX_TAG_VALUE,
)
from core_client.spool import folder_for
from core_client.stores.rest import wire
from core_client.stores.rest.api import Api, lasting
from core_client.stores.rest.experiment import Experiments
from core_client.stores.rest.ids import RunIds
from core_client.stores.rest.models import Models
from core_client.stores.rest.registry import Registry
from core_client.stores.rest.start import Starter
from core_client.stores.values import Unfit, check, not_kept, short

Refusals = list[tuple[Event, str]]

_INT64 = 2**63


class Value(NamedTuple):
    """One value on its way: what it came from, and how it is sent."""

    event: Event
    kind: str  # metrics, params or tags
    sent: dict[str, Any]


class _Values:
    """The values of one run that are not sent yet."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id  # as the events name it
        self.metrics: list[Value] = []
        self.params: dict[str, Value] = {}
        self.tags: dict[str, Value] = {}

    def parts(self) -> Iterator[list[Value]]:
        """All of them in parts that one request may hold."""
        metrics, params, tags = self.metrics, [*self.params.values()], [*self.tags.values()]
        while metrics or params or tags:
            some = params[:MAX_BATCH_PARAMS] + tags[:MAX_BATCH_TAGS]
            del params[:MAX_BATCH_PARAMS], tags[:MAX_BATCH_TAGS]
            room = MAX_BATCH_METRICS - len(some)  # the limit of all values together, too
            yield metrics[:room] + some
            del metrics[:room]


class Batch:
    """One batch under way.

    Args:
        api: the server.
        ids: which run of the server an id stands for.
        starter: begins runs.
        experiments: creates and changes experiments.
        registry: gives models names.
        models: keeps the models that runs log.
    """

    def __init__(
        self,
        api: Api,
        ids: RunIds,
        starter: Starter,
        experiments: Experiments,
        registry: Registry,
        models: Models,
    ) -> None:
        self.api = api
        self.ids = ids
        self.starter = starter
        self.experiments = experiments
        self.registry = registry
        self.models = models
        self.refused: Refusals = []
        self.values: dict[str, _Values] = {}

    def write(self, batch: Sequence[Event]) -> Refusals:
        """Send the events in their order; what the server will never take is returned."""
        for event in batch:
            try:
                _HANDLERS[type(event)](self, event)
            except Unfit as unfit:
                self.refused.append((event, str(unfit)))
            except MlflowException as error:
                self.refuse([event], lasting(error).message)
        for run_id in list(self.values):
            self.flush(run_id)
        return self.refused

    def refuse(self, some: Sequence[Event], reason: str) -> None:
        self.refused += [(event, reason) for event in some]

    # Values of a run

    def of(self, run_id: str) -> _Values:
        server_id = self.ids.server_id(run_id)
        if server_id not in self.values:
            self.values[server_id] = _Values(run_id)
        return self.values[server_id]

    def log_metrics(self, event: events.Metrics | events.ModelMetrics, model_id: str = "") -> None:
        timestamp, step = event.timestamp, event.step
        if not (-_INT64 <= step < _INT64 and -_INT64 <= timestamp < _INT64):
            raise Unfit(f"Step {step} and timestamp {timestamp} must be 64-bit integers.")
        metrics = self.of(event.run_id).metrics
        for key, value in event.values.items():
            try:
                check_text("metric", key)
                sent = wire.point(key, value, timestamp, step, model_id)
                metrics.append(Value(event, "metrics", sent))
            except Unfit as unfit:
                self.refuse([event], str(unfit))
            except (ValueError, OverflowError):
                self.refuse([event], f"The value of metric '{key}' is no number: {short(value)}.")

    def log_params(self, event: events.Params) -> None:
        params = self.of(event.run_id).params
        for key, value in event.values.items():
            try:
                check_text("param", key, value, MAX_PARAM_VALUE)
            except Unfit as unfit:
                self.refuse([event], str(unfit))
                continue
            there = params.setdefault(key, Value(event, "params", {"key": key, "value": value}))
            if there.sent["value"] != value:
                self.refuse([event], _has_other(event.run_id, key, there.sent["value"], value))

    def set_tags(self, event: events.Tags) -> None:
        tags = self.of(event.run_id).tags
        for key, value in self.starter.translated(event.values).items():
            try:
                check_text("tag", key, value, MAX_TAG_VALUE)
                tags[key] = Value(event, "tags", {"key": key, "value": value})
            except Unfit as unfit:
                self.refuse([event], str(unfit))

    def flush(self, server_id: str) -> None:
        """Send the values of a run that came before what now happens to it."""
        values = self.values.pop(server_id, None)
        if values:
            for part in values.parts():
                self.send(server_id, values.run_id, part)

    def send(self, server_id: str, run_id: str, part: list[Value]) -> None:
        body: dict[str, list[dict[str, Any]]] = {}
        for value in part:
            body.setdefault(value.kind, []).append(value.sent)
        try:
            self.api.do("runs/log-batch", run_id=server_id, **body)
        except MlflowException as error:
            self.sort_out(server_id, run_id, part, lasting(error).message)

    def sort_out(self, server_id: str, run_id: str, part: list[Value], reason: str) -> None:
        """The server refused a request: find those values that it is about, send all others."""
        run = self.api.run(server_id)
        lost = _cannot_be_written(run, run_id)
        if run is None or lost:
            self.refuse(list({id(value.event): value.event for value in part}.values()), lost)
            return
        there = {param.key: param.value for param in run.data.params}
        known = self.nans(server_id, part)
        rest = []
        for value in part:
            key, wanted = value.sent["key"], value.sent["value"]
            place = key, value.sent.get("timestamp"), value.sent.get("step")
            # So says a server on MySQL of a key that the database takes for another of the run.
            alike = f"Duplicate entry '{key}-{server_id}" in reason
            if alike or (len(part) == 1 and reason.startswith(ANOTHER_TAG)):
                self.refuse([value.event], not_kept(key, f"run '{run_id}'"))
            elif value.kind == "params" and there.get(key, wanted) != wanted:
                self.refuse([value.event], _has_other(run_id, key, there[key], wanted))
            elif wanted != "NaN" or place not in known:
                rest.append(value)
        if len(part) == len(rest) == 1:
            self.refuse([part[0].event], reason)
        elif len(rest) < len(part):
            if rest:
                self.send(server_id, run_id, rest)
        else:
            half = len(part) // 2
            self.send(server_id, run_id, part[:half])
            self.send(server_id, run_id, part[half:])

    def nans(self, server_id: str, part: list[Value]) -> set[tuple[Any, ...]]:
        """The points without a number that the server has: MLflow 2 refuses to take them twice."""
        keys = {value.sent["key"] for value in part if value.sent["value"] == "NaN"}
        pages = [
            self.api.ask("metrics/get-history", wire.History, run_id=server_id, metric_key=key)
            for key in keys
        ]
        return {
            (point.key, point.timestamp, point.step)
            for page in pages
            for point in page.metrics
            if math.isnan(float(point.value))
        }

    # A run's life

    def change(self, event: Any, path: str, **body: Any) -> None:
        """Do something to a run, after what was logged to it before."""
        server_id = self.ids.server_id(event.run_id)
        self.flush(server_id)
        try:
            self.api.do(path, run_id=server_id, **body)
        except MlflowException as error:
            lasting(error)
            lost = _cannot_be_written(self.api.run(server_id), event.run_id)
            raise Unfit(lost or error.message) from error

    def run_started(self, event: events.RunStarted) -> None:
        for key, reason in self.starter.start(event).items():
            self.refuse([event], f"{reason} The run was begun without the tag '{key[:40]}'.")

    def run_resumed(self, event: events.RunResumed) -> None:
        self.change(event, "runs/update", status=RunStatus.RUNNING)

    def run_ended(self, event: events.RunEnded) -> None:
        if event.status not in RunStatus.ALL:
            known = ", ".join(RunStatus.ALL)
            raise Unfit(f"'{event.status}' is no status of a run; use one of {known}.")
        self.change(event, "runs/update", status=event.status, end_time=event.end_time)
        self.starter.remove_doubles(event.run_id)

    def run_renamed(self, event: events.RunRenamed) -> None:
        self.change(event, "runs/update", run_name=event.name)

    def run_deleted(self, event: events.RunDeleted) -> None:
        self.move(event, "runs/delete", LifecycleStage.DELETED)

    def run_restored(self, event: events.RunRestored) -> None:
        self.move(event, "runs/restore", LifecycleStage.ACTIVE)

    def move(self, event: Any, path: str, stage: str) -> None:
        try:
            self.change(event, path)
        except Unfit:
            run = self.api.run(self.ids.server_id(event.run_id))
            if run is None or run.info.lifecycle_stage != stage:  # else it was so before
                raise

    def delete_tag(self, event: events.TagDeleted) -> None:
        try:
            self.change(event, "runs/delete-tag", key=event.key)
        except Unfit:
            run = self.api.run(self.ids.server_id(event.run_id))
            lost = _cannot_be_written(run, event.run_id)
            if run is None or lost or any(tag.key == event.key for tag in run.data.tags):
                raise

    def log_inputs(self, event: events.Inputs) -> None:
        self.change(event, "runs/log-inputs", datasets=wire.inputs(event.datasets))

    # Models

    def model_logged(self, event: events.ModelLogged) -> None:
        self.flush(self.ids.server_id(event.run_id))  # the model gets what its run holds by now
        self.models.log(event)

    def log_model_metrics(self, event: events.ModelMetrics) -> None:
        try:
            model_id = self.models.server_id(event.model_id)
        except Unfit:
            self.log_metrics(event)
            raise
        self.log_metrics(event, model_id)

    def model_ready(self, event: events.ModelReady) -> None:
        self.models.ready(event.model_id)

    def model_registered(self, event: events.ModelRegistered) -> None:
        self.registry.register(event)

    # Experiments

    def on_experiment(self, event: Any) -> None:
        for run_id in list(self.values):  # a deleted experiment takes its runs along
            self.flush(run_id)
        try:
            self.experiments.write(event)
        except MlflowException as error:
            raise Unfit(self.experiments.reason(event, lasting(error))) from error


class Writer:
    """Writes batches to one server.

    Args:
        api: the server.
        uri: the tracking URI, which says where its run ids are remembered.
    """

    def __init__(self, api: Api, uri: str) -> None:
        self.ids = RunIds(folder_for(uri) / "runs")
        self._api = api
        self._experiments = Experiments(api)
        self._starter = Starter(api, self.ids, self._experiments)
        self.models = Models(api, self.ids)
        self.registry = Registry(api, self.ids, self.models)

    def write(self, batch: Sequence[Event]) -> Refusals:
        """Write a batch; what can never be written is left out and returned with the reason."""
        parts = self._api, self.ids, self._starter, self._experiments, self.registry, self.models
        return Batch(*parts).write(batch)

    def recognize(self, run_id: str, experiment_id: str) -> None:
        """Remember the server's copy of a run, and of its models, if another account made it."""
        with self.ids.alone():
            if copy := self._starter.copy(run_id, experiment_id):
                self.models.recognize(copy)
                self.ids.learn(run_id, copy.info.run_id)

    def started(self, run_id: str) -> RunInfo | None:
        """What the server made of a run that this process has just begun."""
        return self._starter.started.get(run_id)


def check_text(kind: str, key: str, value: str = "", limit: int = 0) -> None:
    """Raise Unfit if a key, or the value of a key, is none that a server can keep."""
    check(kind, key, value, limit)
    if "\0" in key or "\0" in value:
        raise Unfit(f"The {kind} {short(key)} holds a NUL character, which databases cannot keep.")
    try:
        key.encode()
        value.encode()
    except UnicodeEncodeError as error:
        raise Unfit(f"The {kind} {short(key)} is no text: {error.reason}.") from error


def _cannot_be_written(run: wire.RunMessage | None, run_id: str) -> str:
    if run is None:
        return f"Run '{run_id}' does not exist."
    if run.info.lifecycle_stage != LifecycleStage.ACTIVE:
        return f"Run '{run_id}' is deleted; restore it to write to it."
    return ""


def _has_other(run_id: str, key: str, there: str, wanted: str) -> str:
    return (
        f"Param '{key}' of run '{run_id}' is {short(there)} already and stays so; "
        f"{short(wanted)} was not stored. Use another key, or a tag."
    )


_HANDLERS: dict[type, Callable[[Batch, Any], None]] = {
    events.Metrics: Batch.log_metrics,
    events.Params: Batch.log_params,
    events.Tags: Batch.set_tags,
    events.TagDeleted: Batch.delete_tag,
    events.Inputs: Batch.log_inputs,
    events.ModelLogged: Batch.model_logged,
    events.ModelMetrics: Batch.log_model_metrics,
    events.ModelReady: Batch.model_ready,
    events.ModelRegistered: Batch.model_registered,
    events.RunStarted: Batch.run_started,
    events.RunResumed: Batch.run_resumed,
    events.RunEnded: Batch.run_ended,
    events.RunRenamed: Batch.run_renamed,
    events.RunDeleted: Batch.run_deleted,
    events.RunRestored: Batch.run_restored,
    events.ExperimentCreated: Batch.on_experiment,
    events.ExperimentRenamed: Batch.on_experiment,
    events.ExperimentTagged: Batch.on_experiment,
    events.ExperimentDeleted: Batch.on_experiment,
    events.ExperimentRestored: Batch.on_experiment,
}
