"""Runs and experiments by their ids: MLflow's client, with its method names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from core_client import settings
from core_client.artifacts import Artifacts
from core_client.checks import check_experiment_name, check_key, check_status, tag_value
from core_client.clock import now
from core_client.destination import START_WAIT, destination
from core_client.entities import (
    DatasetInput,
    Experiment,
    FileInfo,
    LifecycleStage,
    LoggedModel,
    Metric,
    PagedList,
    Param,
    Run,
    RunStatus,
    RunTag,
    ViewType,
)
from core_client.events import (
    Event,
    ExperimentCreated,
    ExperimentDeleted,
    ExperimentRenamed,
    ExperimentRestored,
    ExperimentTagged,
    RunDeleted,
    RunRenamed,
    RunRestored,
)
from core_client.exceptions import MlflowException, invalid, missing
from core_client.run import PARENT, ActiveRun

MOST_WRITERS = 1000  # runs whose params are kept in memory for the checks


class Client:
    """Reads and writes the runs of one store. What a method returned from is kept for good.

    Args:
        tracking_uri: such as ``sqlite:///mlflow.db``; by default what `set_tracking_uri` or
            ``MLFLOW_TRACKING_URI`` says.
        registry_uri: accepted for MLflow's sake; the names of models are the store's own.
    """

    def __init__(
        self, tracking_uri: str | Path | None = None, registry_uri: str | None = None
    ) -> None:
        self.tracking_uri = str(tracking_uri) if tracking_uri else settings.tracking_uri()
        self._destination = destination(self.tracking_uri)
        self._writers: dict[str, ActiveRun] = {}

    # Experiments

    def create_experiment(
        self,
        name: str,
        artifact_location: str | None = None,
        tags: Mapping[str, Any] | None = None,
    ) -> str:
        """Create an experiment and return its id. Raises MlflowException if the name is taken."""
        check_experiment_name(name)
        known = self.get_experiment_by_name(name)
        if known:
            stage = f" and is {known.lifecycle_stage}" if known.lifecycle_stage != "active" else ""
            raise MlflowException(
                f"The experiment '{name}' exists already{stage}, with id {known.experiment_id}. "
                "Use another name, or set_experiment to use it.",
                "RESOURCE_ALREADY_EXISTS",
            )
        notes = {
            check_key(key, "tag"): tag_value(value, key) for key, value in (tags or {}).items()
        }
        event = ExperimentCreated(name, str(artifact_location or ""), notes, now())
        self._destination.spool.append_events(event)
        return self._destination.experiment_named(name).experiment_id

    def get_experiment(self, experiment_id: str) -> Experiment:
        """One experiment, deleted or not."""
        return self._destination.current().get_experiment(str(experiment_id))

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """The experiment of that name, deleted or not; None without one."""
        return self._destination.current().get_experiment_by_name(name)

    def search_experiments(
        self,
        view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        filter_string: str | None = None,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[Experiment]:
        """One page of the experiments that match, the last updated first."""
        return self._destination.current().search_experiments(
            view_type, max_results, filter_string or "", order_by or (), page_token
        )

    def list_experiments(self, view_type: int = ViewType.ACTIVE_ONLY) -> list[Experiment]:
        """All experiments, the first one created first."""
        return list(self.search_experiments(view_type, order_by=["creation_time ASC"]))

    def rename_experiment(self, experiment_id: str, new_name: str) -> None:
        """Give an experiment another name."""
        self._experiment_event(
            experiment_id,
            lambda one: ExperimentRenamed(one, check_experiment_name(new_name), now()),
        )

    def delete_experiment(self, experiment_id: str) -> None:
        """Delete an experiment and its runs; `restore_experiment` brings them back."""
        self._experiment_event(experiment_id, lambda one: ExperimentDeleted(one, now()))

    def restore_experiment(self, experiment_id: str) -> None:
        """Undo `delete_experiment`."""
        self._experiment_event(experiment_id, lambda one: ExperimentRestored(one, now()))

    def set_experiment_tag(self, experiment_id: str, key: str, value: Any) -> None:
        """Set a note on an experiment; the last one counts."""
        values = {check_key(key, "tag"): tag_value(value, key)}
        self._experiment_event(experiment_id, lambda one: ExperimentTagged(one, values))

    # Runs

    def create_run(
        self,
        experiment_id: str,
        start_time: int | None = None,
        tags: Mapping[str, Any] | None = None,
        run_name: str | None = None,
    ) -> Run:
        """Begin a run without making it the active one; end it with `set_terminated`."""
        experiment = self._destination.experiment(str(experiment_id))
        run = ActiveRun.begin(
            self._destination,
            experiment.experiment_id,
            run_name,
            tags,
            start_time,
            wait=START_WAIT,
        )
        self._keep(run.run_id, run)
        return self.get_run(run.run_id)

    def get_run(self, run_id: str) -> Run:
        """One run with the latest value of each metric, its params, tags and datasets."""
        return self._destination.current().get_run(run_id)

    def get_parent_run(self, run_id: str) -> Run | None:
        """The run that this one is nested in; None for a run at the top."""
        parent = self.get_run(run_id).data.tags.get(PARENT)
        return self.get_run(parent) if parent else None

    def search_runs(
        self,
        experiment_ids: Sequence[str],
        filter_string: str = "",
        run_view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[Run]:
        """One page of the runs that match, such as ``metrics.rmse < 1 and params.model = 'tree'``."""
        ids = [experiment_ids] if isinstance(experiment_ids, (str, int)) else experiment_ids
        return self._destination.current().search_runs(
            [str(one) for one in ids],
            filter_string or "",
            run_view_type,
            max_results,
            order_by or (),
            page_token,
        )

    def set_terminated(
        self, run_id: str, status: str | None = None, end_time: int | None = None
    ) -> None:
        """End a run: FINISHED unless `status` says otherwise."""
        self.writer(run_id).end(status or RunStatus.FINISHED, end_time)

    def update_run(self, run_id: str, status: str | None = None, name: str | None = None) -> None:
        """Change a run's status or name."""
        run = self.writer(run_id)
        if name:
            self._destination.spool.append_events(RunRenamed(run_id, name))
        if status and check_status(status) in RunStatus.TERMINATED:
            run.end(status)
        elif status:
            run.resume()

    def delete_run(self, run_id: str) -> None:
        """Delete a run; `restore_run` brings it back."""
        self.writer(run_id)
        self._destination.spool.append_events(RunDeleted(run_id, now()))

    def restore_run(self, run_id: str) -> None:
        """Undo `delete_run`."""
        self._writers.pop(run_id, None)
        self.get_run(run_id)
        self._destination.spool.append_events(RunRestored(run_id))

    # What a run holds

    def log_metric(
        self,
        run_id: str,
        key: str,
        value: Any,
        timestamp: int | None = None,
        step: int | None = None,
        synchronous: bool | None = None,
        model_id: str | None = None,
        **_: Any,
    ) -> None:
        """Record one point; see `ActiveRun.log_metric`."""
        self.writer(run_id).log_metric(key, value, step, timestamp, model_id)

    def log_param(self, run_id: str, key: str, value: Any, synchronous: bool | None = None) -> Any:
        """Record an input of the run, and return it."""
        self.writer(run_id).log_param(key, value)
        return value

    def log_batch(
        self,
        run_id: str,
        metrics: Iterable[Metric] = (),
        params: Iterable[Param] = (),
        tags: Iterable[RunTag] = (),
        synchronous: bool | None = None,
    ) -> None:
        """Record metrics, params and tags together, all or none."""
        self.writer(run_id).log_batch(metrics, params, tags)

    def log_inputs(self, run_id: str, datasets: Sequence[DatasetInput]) -> None:
        """Record which datasets the run used."""
        self.writer(run_id).log_inputs(datasets)

    def set_tag(self, run_id: str, key: str, value: Any, synchronous: bool | None = None) -> None:
        """Set a note on the run; the last one counts."""
        self.writer(run_id).set_tag(key, value)

    def delete_tag(self, run_id: str, key: str) -> None:
        """Take a note back. Raises MlflowException if the run has none of that name."""
        if key not in self.get_run(run_id).data.tags:
            raise missing(f"Run {run_id} has no tag '{key}'.")
        self.writer(run_id).delete_tag(key)

    def get_metric_history(self, run_id: str, key: str) -> list[Metric]:
        """Every point of one metric, by time and step."""
        store = self._destination.current()
        store.get_run(run_id)
        return list(store.metric_history(run_id, key))

    # Files

    def log_artifact(
        self, run_id: str, local_path: str | Path, artifact_path: str | None = None
    ) -> None:
        """Keep a copy of a file or folder."""
        self.writer(run_id).log_artifact(local_path, artifact_path)

    def log_artifacts(
        self, run_id: str, local_dir: str | Path, artifact_path: str | None = None
    ) -> None:
        """Keep a copy of everything in a folder."""
        self.writer(run_id).log_artifacts(local_dir, artifact_path)

    def log_text(self, run_id: str, text: str, artifact_file: str) -> None:
        """Keep a text as a file."""
        self.writer(run_id).log_text(text, artifact_file)

    def log_dict(self, run_id: str, dictionary: Any, artifact_file: str) -> None:
        """Keep a dictionary as JSON or YAML, by the file's ending."""
        self.writer(run_id).log_dict(dictionary, artifact_file)

    def log_figure(
        self,
        run_id: str,
        figure: Any,
        artifact_file: str,
        *,
        save_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep a matplotlib or plotly figure."""
        self.writer(run_id).log_figure(figure, artifact_file, save_kwargs)

    def log_image(
        self,
        run_id: str,
        image: Any,
        artifact_file: str | None = None,
        key: str | None = None,
        step: int | None = None,
        timestamp: int | None = None,
        synchronous: bool | None = None,
    ) -> None:
        """Keep a picture, by file name or as one of a series (`key`, `step`)."""
        self.writer(run_id).log_image(image, artifact_file, key, step, timestamp)

    def log_table(self, run_id: str, data: Any, artifact_file: str) -> None:
        """Keep a table as JSON; adds rows if it is there."""
        self.writer(run_id).log_table(data, artifact_file)

    def list_artifacts(self, run_id: str, path: str | None = None) -> list[FileInfo]:
        """What lies directly in a folder of the run's artifacts."""
        return self.artifacts(run_id).list(path)

    def download_artifacts(
        self, run_id: str, path: str = "", dst_path: str | Path | None = None
    ) -> str:
        """Copy artifacts into an existing folder, or say where they lie if none is given."""
        return str(self.artifacts(run_id).download(path, dst_path))

    def artifacts(self, run_id: str) -> Artifacts:
        """The files of a run."""
        return self._destination.stored_artifacts(self.get_run(run_id))

    def get_logged_model(self, model_id: str) -> LoggedModel:
        """A logged model (``m-…``), where the store has them."""
        return self._destination.current().get_logged_model(model_id)

    def flush(self) -> None:
        """Wait until everything recorded until now is in the store."""
        self._destination.current()

    def resume(self, run_id: str) -> ActiveRun:
        """The run, RUNNING again; its end is up to this process."""
        run = self.writer(run_id)
        run.resume()
        return run

    def writer(self, run_id: str) -> ActiveRun:
        """What writes to that run, without a change of its state."""
        if run_id not in self._writers:
            run = ActiveRun.of(self._destination, run_id)
            if run.info.lifecycle_stage == LifecycleStage.DELETED:
                raise invalid(f"Run {run_id} is deleted. Restore it with restore_run first.")
            self._keep(run_id, run)
        return self._writers[run_id]

    def _experiment_event(self, experiment_id: str, make: Callable[[str], Event]) -> None:
        experiment = self.get_experiment(experiment_id)
        self._destination.spool.append_events(make(experiment.experiment_id))
        self._destination.forget_experiments()

    def _keep(self, run_id: str, run: ActiveRun) -> None:
        if len(self._writers) >= MOST_WRITERS:
            self._writers.pop(next(iter(self._writers)))
        self._writers[run_id] = run
