"""The fit of a scikit-learn wrapper around a booster: what its `train` does not tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autolog.boosting import sources
from autolog.engine.guard import guarded
from autolog.sklearn.data import data_of, head, indexable
from autolog.sklearn.quiet import no_warnings

if TYPE_CHECKING:
    from autolog.engine.call import Call


class Fit:
    """Datasets and model of one fit.

    Args:
        call: the call of fit.
        framework: whose flavor saves the model.
    """

    def __init__(self, call: Call, framework: str) -> None:
        self.call, self.framework = call, framework
        self.estimator = call.instance
        self.run = call.scope(type(self.estimator).__name__)
        self.X, self.y, _ = data_of(call.arguments, self.estimator)
        self.name = sources.variable(self.X, call.caller, "dataset")

    def before(self) -> None:
        """The training data and each eval set."""
        if not self.call.options.log_datasets:
            return
        sets = [(self.X, self.y, self.name, "train")]
        for position, (X, y) in enumerate(self.call.arguments.get("eval_set") or ()):
            name = sources.variable(X, self.call.caller, f"validation_{position}")
            sets.append((X, y, name, "eval"))
        from flavors.dataset import describe

        for X, y, name, context in sets:
            with self._part(f"dataset '{name}'"), no_warnings():
                self.run.log_inputs([describe(indexable(X), y, name=name, context=context)])

    def after(self, **how: Any) -> None:
        """The model.

        Args:
            how: further arguments for the flavor's `log_model`.
        """
        options = self.call.options
        if options.log_models:
            example, signature = None, None
            with self._part("signature"), no_warnings():
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
            self.run.explain_no_registry(options.registered_model_name)

    def _part(self, what: str) -> guarded:
        return guarded(f"{self.framework}: {what}", lambda: self.run.name, self.run.silent)
