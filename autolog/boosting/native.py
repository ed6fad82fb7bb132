"""A training on the library's own kind of data: the datasets, and the booster as a model."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from autolog.boosting import sources
from autolog.engine.guard import guarded

if TYPE_CHECKING:
    from autolog.engine.call import Call
    from autolog.engine.recorder import Recorder


class Library(NamedTuple):
    """What differs from library to library.

    `kind` is the class of its data. `sample` gives some rows of such data, their targets or None,
    and the number of all rows. `predict` makes predictions for rows as users have them.
    """

    name: str
    kind: type
    sample: Callable[[Any], tuple[Any, Any, int]]
    predict: Callable[[Any, Any], Any]


class Native:
    """The record of data and model of one call of `train` or `cv`.

    Args:
        library: whose call it is.
        call: the call.
        run: where it is recorded.
        data: the training data.
    """

    def __init__(self, library: Library, call: Call, run: Recorder, data: Any) -> None:
        self.library, self.call, self.run, self.data = library, call, run, data
        self.name = sources.variable(data, call.caller, "dataset")

    def log_datasets(self, evals: Iterable[tuple[Any, str]]) -> None:
        """The training data and each eval set, given with its name."""
        if not self.call.options.log_datasets:
            return
        sets = [(self.data, self.name, "train"), *((data, name, "eval") for data, name in evals)]
        for data, name, context in sets:
            if isinstance(data, self.library.kind):  # else the library will refuse it
                with self._part(f"dataset '{name}'"):
                    self.run.log_inputs([self._described(data, name, context)])

    def log_model(self, booster: Any, **how: Any) -> None:
        """The booster, and from now on the metrics of what it predicts.

        Args:
            booster: what was trained.
            how: further arguments for the flavor's `log_model`.
        """
        options = self.call.options
        if options.log_models:
            example, signature = None, None
            with self._part("signature"):
                example = sources.head(self.data)
                if example is None:
                    example = self.library.sample(self.data)[0][: sources.HEAD_ROWS]
                if options.log_model_signatures and example.shape[0]:
                    from flavors.signature import infer_signature

                    signature = infer_signature(example, self.library.predict(booster, example))
            self.run.log_model(
                booster,
                flavor=self.library.name,
                signature=signature,
                input_example=example if options.log_input_examples else None,
                **how,
            )
            self.run.register_model(options.registered_model_name)
        sources.register(booster, self.run, "Booster", self.data, self.name)

    def _described(self, data: Any, name: str, context: str) -> Any:
        from flavors.dataset import describe

        given = sources.given(data)
        if given is not None:
            return describe(*given, name=name, context=context)
        rows, targets, count = self.library.sample(data)
        return describe(rows, targets, name=name, context=context, rows=count)

    def _part(self, what: str) -> guarded:
        return guarded(f"{self.library.name}: {what}", lambda: self.run.name, self.run.silent)
