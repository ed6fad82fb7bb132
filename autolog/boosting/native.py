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
    and the number of all rows; None if only the training makes it. `predict` makes predictions for rows as users have them.
    """

    name: str
    kind: type
    sample: Callable[[Any], tuple[Any, Any, int] | None]
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
        self._not_built: list[tuple[Any, str, str]] = []  # sets that the training makes

    def log_datasets(self, evals: Iterable[tuple[Any, str]]) -> None:
        """The training data and each eval set, given with its name."""
        if not self.call.options.log_datasets:
            return
        sets = [(self.data, self.name, "train"), *((data, name, "eval") for data, name in evals)]
        for data, name, context in sets:
            if isinstance(data, self.library.kind):  # else the library will refuse it
                self._log_dataset(data, name, context)

    def log_built_datasets(self) -> None:
        """Those of which nothing was known before the training."""
        sets, self._not_built = self._not_built, []
        for one in sets:
            self._log_dataset(*one)

    def _log_dataset(self, data: Any, name: str, context: str) -> None:
        with self._part(f"dataset '{name}'"):
            described = self._described(data, name, context)
            if described is None:
                self._not_built.append((data, name, context))
            else:
                self.run.log_inputs([described])

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
                example = self._head()
                if options.log_model_signatures and example is not None:
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

    def _head(self) -> Any:
        """The first rows of the training data; None where it does not give them back."""
        known = sources.head(self.data)
        if known is None and (sample := self.library.sample(self.data)):
            known = sample[0][: sources.HEAD_ROWS]
        return known if known is not None and known.shape[0] else None

    def _described(self, data: Any, name: str, context: str) -> Any:
        from flavors.dataset import describe

        given = sources.given(data)
        if given is not None:
            return describe(*given, name=name, context=context)
        sample = self.library.sample(data)
        if sample is None:
            return None
        rows, targets, count = sample
        return describe(rows, targets, name=name, context=context, rows=count)

    def _part(self, what: str) -> guarded:
        return guarded(f"{self.library.name}: {what}", lambda: self.run.name, self.run.silent)
