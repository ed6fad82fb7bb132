"""The fit of a scikit-learn wrapper around a booster: what its `train` does not tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autolog.boosting import sources
from autolog.engine.guard import guarded
from autolog.sklearn.data import data_of, head, indexable
from core_client import warning_filters

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autolog.engine.call import Call


class Fit:
    """Datasets and model of one fit.

    Args:
        call: the call of fit.
        framework: whose flavor saves the model.
        unnamed: what the framework calls eval sets without a name, up to their number.
    """

    def __init__(self, call: Call, framework: str, unnamed: str) -> None:
        self.call, self.framework, self.unnamed = call, framework, unnamed
        self.estimator = call.instance
        self.run = call.scope(type(self.estimator).__name__)
        self.X, self.y, _ = data_of(call.arguments, self.estimator)
        self.name = sources.variable(self.X, call.caller, "dataset")

    def before(self) -> None:
        """The training data and each eval set."""
        if not self.call.options.log_datasets:
            return
        sets = [(self.X, self.y, self.name, "train")]
        names = self.call.arguments.get("eval_names") or ()
        for position, (X, y) in enumerate(_eval_sets(self.call.arguments)):
            if position < len(names):
                name = names[position]
            else:
                name = sources.variable(X, self.call.caller, f"{self.unnamed}{position}")
            sets.append((X, y, name, "eval"))
        from flavors.dataset import describe

        for X, y, name, context in sets:
            with self._part(f"dataset '{name}'"), warning_filters.muted():
                self.run.log_inputs([describe(indexable(X), y, name=name, context=context)])

    def after(self, **how: Any) -> None:
        """The model, and from now on the metrics of what it predicts.

        Args:
            how: further arguments for the flavor's `log_model`.
        """
        options = self.call.options
        if options.log_models:
            example, signature = None, None
            with self._part("signature"), warning_filters.muted():
                example = head(self.X)
                if options.log_model_signatures:
                    from flavors.signature import infer_signature

                    signature = infer_signature(example, self.estimator.predict(example))
            self.run.log_model(
                self.estimator,
                flavor=self.framework,
                signature=signature,
                input_example=example if options.log_input_examples else None,
                **how,
            )
            self.run.register_model(options.registered_model_name)
        sources.register(self.estimator, self.run, type(self.estimator).__name__, self.X, self.name)

    def _part(self, what: str) -> guarded:
        return guarded(f"{self.framework}: {what}", lambda: self.run.name, self.run.silent)


def _eval_sets(arguments: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    """Features and targets of each, however they were given."""
    pairs = arguments.get("eval_set")
    if pairs is None:
        X, y = arguments.get("eval_X"), arguments.get("eval_y")
        if X is None or y is None:
            return []
        return list(zip(X, y, strict=False)) if isinstance(X, tuple) else [(X, y)]
    return [pairs] if isinstance(pairs, tuple) and len(pairs) == 2 else list(pairs)
