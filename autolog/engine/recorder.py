"""The run as framework files see it: what is wrong with one value costs that value only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any

from autolog.engine import guard
from core_client import background
from core_client.entities import DatasetInput
from core_client.exceptions import MlflowException
from core_client.run import ActiveRun
from core_client.settings import MAX_KEY

_counting = Lock()


class Recorder:
    """A run's verbs for handlers and callbacks. No verb raises; what fails is told once.

    Args:
        run: the run written to.
        framework: whose handler writes, for messages.
        silent: say nothing of what could not be recorded.
        prefix: put in front of every name; see `scope`.
    """

    def __init__(
        self, run: ActiveRun, framework: str, silent: bool = False, prefix: str = ""
    ) -> None:
        self.run, self.framework, self.silent, self.prefix = run, framework, silent, prefix

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.run.run_id

    @property
    def name(self) -> str:
        """The run's name for people."""
        return str(self.run.info.run_name)

    def scope(self, class_name: str) -> Recorder:
        """The recorder for one more training in this run, so that trainings share no names.

        The first training in a run keeps plain names. Of later ones all names begin with
        ``<Class>.`` if the class is new to the run, then ``<Class>-2.``, ``<Class>-3.``, ...

        Args:
            class_name: of what is trained, such as ``LogisticRegression``.
        """
        with _counting:
            counts: dict[str, int] = self.run.__dict__.setdefault("trainings", {})
            first, nth = not counts, counts.get(class_name, 0) + 1
            counts[class_name] = nth
        prefix = "" if first else f"{class_name}." if nth == 1 else f"{class_name}-{nth}."
        return self.within(prefix)

    def within(self, prefix: str) -> Recorder:
        """The recorder whose names begin with `prefix`."""
        return Recorder(self.run, self.framework, self.silent, prefix)

    def log_param(self, key: str, value: Any) -> None:
        """Record an input of the run."""
        self.log_params({key: value})

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Record several inputs; what is too long is cut."""
        self._each("param", self.run.log_params, params)

    def set_tag(self, key: str, value: Any) -> None:
        """Record a note on the run."""
        self.set_tags({key: value})

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Record several notes; what is too long is cut."""
        self._each("tag", self.run.set_tags, tags)

    def log_metric(
        self, key: str, value: Any, step: int | None = None, timestamp: int | None = None
    ) -> None:
        """Record one point of a metric."""
        self.log_metrics({key: value}, step, timestamp)

    def log_metrics(
        self, metrics: Mapping[str, Any], step: int | None = None, timestamp: int | None = None
    ) -> None:
        """Record one point of each of several metrics."""
        self._each("metric", lambda some: self.run.log_metrics(some, step, timestamp), metrics)

    def log_steps(self, rows: Sequence[tuple[int, int, Mapping[str, float]]]) -> None:
        """Record what was collected over many steps, at once.

        Args:
            rows: step, ms since 1970, and one point of each of several metrics.
        """
        with self._guarded("metrics"):
            if self.prefix:
                rows = [
                    (step, time, {self._key("metric", key): one for key, one in values.items()})
                    for step, time, values in rows
                ]
            self.run.log_steps(rows)

    def log_inputs(self, datasets: Sequence[DatasetInput]) -> None:
        """Record which datasets the run used, and how."""
        with self._guarded("datasets"):
            self.run.log_inputs(datasets)

    def log_dataset(
        self, data: Any, targets: Any = None, name: str | None = None, context: str = "train"
    ) -> None:
        """Record a dataset by its description; `data` and `targets` are not kept.

        Args:
            data: features, rows first.
            targets: what is to be predicted.
            name: how the user calls it.
            context: what it was used for, ``train`` or ``eval``.
        """
        with self._guarded("dataset"):
            from flavors.dataset import describe

            self.run.log_inputs([describe(data, targets, name, context)])

    def log_artifact(self, local_path: str | Path, artifact_path: str | None = None) -> None:
        """Keep a copy of a file or folder."""
        with self._guarded(f"artifact {local_path}"):
            self.run.log_artifact(local_path, artifact_path)

    def log_artifacts(self, local_dir: str | Path, artifact_path: str | None = None) -> None:
        """Keep a copy of everything in a folder."""
        with self._guarded(f"artifacts in {local_dir}"):
            self.run.log_artifacts(local_dir, artifact_path)

    def log_bytes(self, data: bytes, artifact_file: str) -> None:
        """Keep these bytes as a file."""
        with self._guarded(artifact_file):
            self.run.log_bytes(data, self.prefix + artifact_file)

    def log_text(self, text: str, artifact_file: str) -> None:
        """Keep a text as a file."""
        with self._guarded(artifact_file):
            self.run.log_text(text, self.prefix + artifact_file)

    def log_dict(self, dictionary: Any, artifact_file: str) -> None:
        """Keep a dictionary or list as JSON, or as YAML if the file's name ends so."""
        with self._guarded(artifact_file):
            self.run.log_dict(dictionary, self.prefix + artifact_file)

    def log_figure(self, draw: Callable[[], Any], artifact_file: str) -> None:
        """Draw a figure off the training thread, and keep it.

        Args:
            draw: gives a matplotlib figure, made without pyplot, whose state is the user's.
            artifact_file: its file name; the ending says the format.
        """

        def make() -> None:
            self.run.log_figure(draw(), self.prefix + artifact_file)

        self._in_background(artifact_file, make)

    def later(self, function: Callable[..., object], *args: Any) -> None:
        """Call the function off the training thread. Every read and the exit wait for it."""
        name = getattr(function, "__qualname__", repr(function))
        self._in_background(name, lambda: function(*args))

    def log_model(self, model: Any, name: str = "model", *, flavor: str, **how: Any) -> None:
        """Save a model among the run's artifacts.

        Args:
            model: what was trained, as the flavor's `log_model` takes it.
            name: its folder.
            flavor: which file in flavors/ saves it.
            how: further arguments of that `log_model`.
        """
        with self._guarded(f"model '{name}'"):
            save = import_module(f"flavors.{flavor}").log_model
            save(model, name=self.prefix + name, run=self.run, **how)

    def register_model(self, registered_name: str | None, name: str = "model") -> None:
        """Make a logged model a version of a registered name; say so where there are no names.

        Args:
            registered_name: None if the user asked for none.
            name: the model's folder.
        """
        if registered_name is None:
            return
        try:
            self.run.register_model(registered_name, self.prefix + name)
        except MlflowException as error:
            guard.notice(
                f"autolog: the model is in its run, but not registered as '{registered_name}'. "
                f"{error}",
                self.silent,
            )

    def artifact_folder(
        self, artifact_path: str, replaces: bool = True
    ) -> AbstractContextManager[Path]:
        """An empty folder to fill; it is put in place, or not at all if the block raises.

        Args:
            artifact_path: where it goes.
            replaces: whole, in place of what is there; else its files join those there.
        """
        return self.run.artifact_folder(self.prefix + artifact_path, replaces)

    def child(
        self,
        run_name: str | None = None,
        tags: Mapping[str, Any] | None = None,
        start_time: int | None = None,
    ) -> ActiveRun:
        """A nested run, begun but not made the active one. End it with `end`."""
        return self.run.child(run_name, tags, start_time)

    def _each(
        self, kind: str, log: Callable[[Mapping[str, Any]], None], values: Mapping[str, Any]
    ) -> None:
        """All at once; if one of them is refused, the others without it."""
        with self._guarded(f"{kind}s"):
            named = {self._key(kind, key): value for key, value in values.items()}
            try:
                log(named)
            except Exception:  # noqa: BLE001 - whose fault it is shows one by one
                for key, value in named.items():
                    with self._guarded(f"{kind} '{key}'"):
                        log({key: value})

    def _key(self, kind: str, key: Any) -> str:
        name = f"{self.prefix}{key}"
        if len(name) <= MAX_KEY:
            return name
        guard.notice(
            f"autolog: the name of the {kind} '{name[:50]}...' has {len(name)} characters; "
            f"its first {MAX_KEY} are kept.",
            self.silent,
        )
        return name[:MAX_KEY]

    def _in_background(self, what: str, work: Callable[[], object]) -> None:
        with self._guarded(what):
            background.submit(self._guarded(what)(work))

    def _guarded(self, what: str) -> guard.guarded:
        return guard.guarded(f"{self.framework}: {what}", lambda: self.name, self.silent)
