"""The record of one fit, for every framework that trains Keras models: `keras` and `tensorflow`."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from autolog.engine.guard import guarded
from autolog.engine.origins import ById
from autolog.engine.texts import readable
from autolog.keras import callbacks, data
from autolog.keras.copies import of_this_process
from autolog.keras.curve import Curve, Forerunner
from autolog.sklearn.params import is_search

if TYPE_CHECKING:
    from autolog.engine.call import Call
    from autolog.engine.recorder import Recorder

# Arguments of `fit` that are no params: data, and what has its own place.
NO_PARAMS = ("x", "y", "validation_data", "callbacks")

trained = ById()  # models that were recorded, and the Recorder of each


class Manner(NamedTuple):
    """What differs between the frameworks that record a Keras model.

    Attributes:
        optimizer: what the names of the optimizer's params begin with.
        flavor: which file in flavors/ saves the model.
        save: further keywords for that flavor's `log_model`.
        callbacks: gives further callbacks of ours for a training, and notes what is to be done when
            it is over, by whatever end.
    """

    optimizer: str
    flavor: str
    save: Mapping[str, Any] = MappingProxyType({})
    callbacks: Callable[[Recorder, ExitStack], list[Any]] = lambda run, ending: []


def fit(call: Call, manner: Manner) -> Generator[None, Any, None]:
    """Record one training; if another framework records this very call, what that cannot know."""
    if is_step(call):
        yield
        return
    _ = call.arguments  # that do not fit the method open no run
    run = call.scope(type(call.instance).__name__)
    log_optimizer(call, run, manner)
    with ExitStack() as ending:
        added = manner.callbacks(run, ending)
        if is_recorded_elsewhere(call, manner):
            callbacks.add(call, added)
            yield
            return
        record = Fit(call, run, manner)
        record.before(added)
        ending.callback(record.finish)
        history: Any = yield
    record.after(history)


def is_recorded_elsewhere(call: Call, manner: Manner) -> bool:
    """Whether another framework sees the same call and records it: Keras does, if it is on."""
    return call.home not in (None, manner.flavor)


def is_step(call: Call) -> bool:
    """Whether a search or cross-validation makes this call, as one of many."""
    outer = call.outer
    while outer is not None and outer.instance is call.instance:  # seen by another framework, too
        outer = outer.outer
    return outer is not None and (outer.instance is None or is_search(outer.instance))


def log_optimizer(call: Call, run: Recorder, manner: Manner) -> None:
    """The optimizer's hyper-parameters."""
    with guarded(f"{manner.flavor}: optimizer", lambda: run.name, run.silent):
        optimizer = getattr(call.instance, "optimizer", None)
        if optimizer is not None:
            config = optimizer.get_config()
            run.log_params(readable({manner.optimizer + key: config[key] for key in config}))


class Fit:
    """All of one fit.

    Args:
        call: the call.
        run: where it is recorded.
        manner: how.
    """

    def __init__(self, call: Call, run: Recorder, manner: Manner) -> None:
        self.call, self.run, self.manner = call, run, manner
        self.model, self.given = call.instance, call.arguments
        self.user_callbacks = callbacks.flat(self.given["callbacks"])
        self.curve: Any = None
        self.files = callbacks.Files(self.user_callbacks)
        self.is_summarised = False

    def before(self, added: list[Any]) -> None:
        """Params, summary and datasets; the curve is written from now on.

        Args:
            added: further callbacks of ours.
        """
        x, options = self.given.get("x"), self.call.options
        with self._part("params"):
            params = {key: value for key, value in self.given.items() if key not in NO_PARAMS}
            params["batch_size"] = data.batch_size(x, params.get("batch_size"))
            if params.get("sample_weight") is not None:
                params["sample_weight"] = f"<{type(params['sample_weight']).__name__}>"
            self.run.log_params(readable(params))
            self.run.log_params(readable(callbacks.early_stopping_params(self.user_callbacks)))
        self._summarise()
        if options.log_datasets:
            for dataset in data.of_fit(self.given, self.model, self.call.caller):
                with self._part(f"dataset '{dataset.name}'"):
                    self.run.log_inputs([dataset.described()])
        kind = callbacks.kind(self.model, Curve)
        self.curve = kind(self.run, options.log_every_epoch, options.log_every_n_steps)
        first = callbacks.kind(self.model, Forerunner)(self.curve)
        callbacks.add(self.call, [*added, self.curve], before=[first])

    def finish(self) -> None:
        """The training is over, by whatever end: keep what it has left behind."""
        self.curve.close()
        with self._part("files of callbacks"):
            self.files.log(self.run)
        self._summarise()

    def after(self, history: Any) -> None:
        """What stopping early did, and the model."""
        trained.put(self.model, self.run)
        with self._part("early stopping"):
            callbacks.log_early_stopping(self.user_callbacks, history, self.curve)
        options = self.call.options
        if not options.log_models:
            return
        example, signature = None, None
        with self._part("signature"):
            example = data.head(self.given.get("x"), self.model)
            if options.log_model_signatures:
                from flavors.keras import signature_of

                signature = signature_of(self.model, example)
        with self._part("model"):
            self.run.log_model(
                of_this_process(self.model),
                flavor=self.manner.flavor,
                signature=signature if signature is not None else False,
                input_example=example if options.log_input_examples else None,
                **self.manner.save,
            )
        self.run.register_model(options.registered_model_name)

    def _summarise(self) -> None:
        """Keep the summary of a model that is built: most are before the training begins."""
        if self.model.built and not self.is_summarised:
            self.is_summarised = True
            with self._part("summary"):
                lines: list[str] = []
                self.model.summary(print_fn=lambda line, **_: lines.append(line))
                self.run.log_text("\n".join(lines), "model_summary.txt")

    def _part(self, what: str) -> guarded:
        return guarded(f"{self.manner.flavor}: {what}", lambda: self.run.name, self.run.silent)
