"""The record of one fit: what is written before it, after it, and beside it."""

from __future__ import annotations

from contextlib import suppress
from numbers import Real
from time import sleep
from typing import TYPE_CHECKING, Any

from autolog.engine.guard import guarded
from autolog.engine.names import variable
from autolog.sklearn.training import HEAD_START, estimator_tags
from autolog.statsmodels import data, params, table
from autolog.statsmodels.snapshot import snapshot
from core_client import warning_filters

if TYPE_CHECKING:
    from autolog.engine.call import Call

METRICS = (
    "aic", "bic", "centered_tss", "condition_number", "df_model", "df_resid", "ess", "f_pvalue",
    "fvalue", "llf", "mse_model", "mse_resid", "mse_total", "rsquared", "rsquared_adj", "scale",
    "ssr", "uncentered_tss",
)  # fmt: skip


class Training:
    """A fit that is being recorded.

    Args:
        call: the call of fit, or of one of its kin.
    """

    def __init__(self, call: Call) -> None:
        self.call, self.model, self.options = call, call.instance, call.options
        self.arguments = call.arguments
        self.name = type(self.model).__name__
        self.run = call.scope(self.name)

    def before(self) -> None:
        """Params, tags and the dataset."""
        with self._part("params"):
            given = params.readable(self.arguments)
            self.run.log_params(params.of_model(self.model) | given)
        with self._part("tags"):
            self.run.set_tags(estimator_tags(self.model))
        if self.options.log_datasets:
            with self._part("dataset"):
                self._log_dataset()

    def _log_dataset(self) -> None:
        from flavors.dataset import describe

        given = data.given(self.model)
        if given is not None:
            name = variable(given[0], self.call.caller, unknown="dataset")
            self.run.log_inputs([describe(*given, name=name, context="train")])

    def after(self, result: Any) -> None:
        """Statistics at once; summary and model beside the training, from a copy.

        Args:
            result: what the call returned.
        """
        if result is None:
            return
        with self._part("result"), warning_filters.muted():
            self.run.later(sleep, HEAD_START)
            copied = snapshot(result)
            found = metrics(copied)
            self.run.log_metrics(found)
            if self.options.log_models:
                # A copy of its own, for the summary fills the caches of the other one.
                self.run.later(self._log_model, snapshot(result))
            self.run.later(self._log_summary, copied, found)

    def _log_summary(self, result: Any, found: dict[str, float]) -> None:
        with warning_filters.muted(), warning_filters.unchanged():
            with suppress(Exception):  # not every result has one, a regularized fit raises
                text = result.summary()
                text = text.as_text() if hasattr(text, "as_text") else str(text)
                self.run.log_text(text, "model_summary.txt")
            values = table.summary(result, found)
            if values is not None:
                self.run.log_dict(values, "model_summary.json")

    def _log_model(self, result: Any) -> None:
        with warning_filters.muted(), warning_filters.unchanged():
            self.run.log_model(result, flavor="statsmodels", signature=self._signature(result))
        self.run.register_model(self.options.registered_model_name)

    def _signature(self, result: Any) -> Any:
        from flavors.signature import infer_signature

        rows = data.of_prediction(getattr(result, "model", None))
        with suppress(Exception):  # not every result predicts from rows
            if rows is not None:
                return infer_signature(rows, result.predict(rows))
        return None

    def _part(self, what: str) -> guarded:
        place = f"statsmodels: {what} of {self.name}"
        return guarded(place, lambda: self.run.name, self.options.silent)


def metrics(result: Any) -> dict[str, float]:
    """The statistics that the result has, as they are, finite or not."""
    found = {}
    for name in METRICS:
        # What a kind of result offers, a single one may still lack; it raises whatever it likes.
        with suppress(Exception):
            value = getattr(result, name)
            if isinstance(value, Real):
                found[name] = float(value)
    return found
