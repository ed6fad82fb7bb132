"""The record of one fit: what is written before the training and what after it."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext, suppress
from time import sleep
from typing import TYPE_CHECKING, Any

from autolog.engine import origins
from autolog.engine.guard import guarded
from autolog.engine.names import variable
from autolog.engine.texts import texts
from autolog.sklearn import params, searches
from autolog.sklearn.data import EXAMPLE_ROWS, data_of, duplicate, head, indexable
from autolog.sklearn.outcome import Outcome, Scores, own_score
from autolog.sklearn.randomness import no_random_draws
from core_client import warning_filters
from core_client.clock import now

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autolog.engine.call import Call
    from autolog.engine.recorder import Recorder

# Up to here all scores take well under a millisecond; of more rows they are made beside the
# training thread, from copies.
ROWS_SCORED_AT_ONCE = 10_000
HEAD_START = 0.02  # seconds for the call to return before the background gets busy

HTML = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="UTF-8"><title>{name}</title></head>
<body>
{body}
</body>
</html>
"""


class Training:
    """A fit that is being recorded.

    Args:
        call: the call of fit, fit_transform, fit_predict or partial_fit.
        run: where it is recorded, if that has begun already.
    """

    def __init__(self, call: Call, run: Recorder | None = None) -> None:
        self.call = call
        self.estimator = call.instance
        self.options = call.options
        self.name = type(self.estimator).__name__
        # Where another framework knows the estimator better, such as a boosted tree's, that one
        # records params, datasets and model; what scikit-learn adds are scores and figures.
        self.at_home = call.home in (None, "sklearn")
        self.run = run or call.scope(self.name)
        self.searching = params.is_search(self.estimator)
        self.params = params.values(self.estimator, deep=not self.searching)
        self.X, self.y, self.weight = data_of(call.arguments, self.estimator)
        self.given = self.X
        if params.may_change_data(self._all_params(), self.estimator):
            self.X = duplicate(self.X)
        self.random = params.draws_at_random(self.estimator, self._all_params())
        self.inputs: list[Any] = []
        self.later: list[tuple[Any, ...]] = []  # tasks for the background
        self.started = now()
        if run is None:
            origins.forget(self.estimator)

    def _all_params(self) -> dict[str, Any]:
        return params.values(self.estimator) if self.searching else self.params

    def before(self) -> None:
        """Params, tags and the dataset."""
        with warning_filters.muted():
            if self.at_home:
                with self._part("params"):
                    self.run.log_params(texts(self.params))
            with self._part("tags"):
                self.run.set_tags(estimator_tags(self.estimator))
            if self.options.log_datasets and self.at_home:
                with self._part("dataset"):
                    self._log_dataset()

    def _log_dataset(self) -> None:
        from flavors.dataset import describe

        name = variable(self.given, self.call.caller, unknown="dataset")
        self.inputs = [describe(indexable(self.X), self.y, name=name, context="train")]
        self.run.log_inputs(self.inputs)

    def after(self, result: Any) -> None:
        """Scores, figures, model, and the candidates of a search.

        Args:
            result: what the call returned.
        """
        from sklearn.base import clone

        ended = now()
        self.run.later(sleep, HEAD_START)
        outcome = None
        with warning_filters.muted():
            with self._part("training metrics"):
                outcome = self.log_scores()
            if self.options.log_models and self.at_home:
                with self._part("model"):
                    self._log_models(outcome)
            if self.searching:
                with self._part("search"):
                    searches.log(self, ended)
            with self._part("estimator.html"), self._predicting():
                self.later.append((_log_html, self.run, clone(self.estimator)))
        self.start_later()
        if self.options.log_post_training_metrics:
            self.register(result)

    def start_later(self) -> None:
        """Hand over what is done in the background, where it competes with this thread."""
        for task in self.later:
            self.run.later(*task)

    def log_scores(self, step: int | None = None) -> Outcome | None:
        """One pass of predictions over the training data, and all that is made of it.

        Args:
            step: of a batch; its scores are points of a curve, and figures are left out.
        """
        from sklearn.base import is_classifier, is_regressor

        estimator = self.estimator
        classifier = is_classifier(estimator)
        predicts = hasattr(estimator, "predict") and (classifier or is_regressor(estimator))
        if self.y is None:
            return None
        if not predicts:
            self._log_score_of_estimator(step)
            return None
        with self._predicting():
            outcome = Outcome(estimator, self.X, classifier)
        scores = Scores(outcome, self.y, self.weight, self.options.pos_label)
        known = own_score(estimator)
        if classifier and step is None:
            warning_filters.import_first("matplotlib.figure", "matplotlib.backends.backend_agg")
        if len(outcome) > ROWS_SCORED_AT_ONCE:
            self.later.append((scores.log, self.run, known, step))
        else:
            scores.log(self.run, known, step)
        if step is None:
            self.later.append((scores.draw, self.run))
        if known is None:
            self._log_score_of_estimator(step)
        return outcome

    def _log_score_of_estimator(self, step: int | None) -> None:
        """A score of the estimator's own making."""
        from inspect import signature

        if not hasattr(self.estimator, "score"):
            return
        weighted = (
            self.weight is not None
            and "sample_weight" in signature(self.estimator.score).parameters
        )
        weight = {"sample_weight": self.weight} if weighted else {}
        with self._predicting(), suppress(AttributeError, TypeError, ValueError):
            # Not every estimator can score what it was fitted to.
            score = self.estimator.score(self.X, self.y, **weight)
            self.run.log_metrics({"training_score": float(score)}, step=step or 0)

    @contextmanager
    def _predicting(self) -> Iterator[None]:
        """A section for questions to the estimator, which change nothing of the user's."""
        from sklearn import config_context

        generators = params.generators(self._all_params()) if self.random else []
        random = no_random_draws(generators) if self.random else nullcontext()
        # That all values are finite was checked by fit; it would take as long as predicting.
        with random, config_context(assume_finite=True):
            yield

    def _log_models(self, outcome: Outcome | None) -> None:
        example = signature = None
        with self._part("input example"):
            example = head(self.X)
        if self.options.log_model_signatures and example is not None:
            signature = self._signature(example, outcome)
        saved = {"model": self.estimator}
        if self.searching and hasattr(self.estimator, "best_estimator_"):
            saved["best_estimator"] = self.estimator.best_estimator_
        for name, model in saved.items():
            self.run.log_model(
                model,
                name,
                flavor="sklearn",
                serialization_format=self.options.serialization_format,
                signature=signature,
                input_example=example if self.options.log_input_examples else None,
            )
        self.run.register_model(self.options.registered_model_name)

    def _signature(self, example: Any, outcome: Outcome | None) -> Any:
        from flavors.signature import infer_signature

        with self._part("signature"), self._predicting():
            if outcome is not None:
                return infer_signature(example, outcome.first(EXAMPLE_ROWS))
            for method in ("predict", "transform"):
                if hasattr(self.estimator, method):
                    return infer_signature(example, getattr(self.estimator, method)(example))
        return None

    def register(self, result: Any) -> None:
        """From now on, metrics of what this model predicts belong to this run."""
        trained = origins.Trained(self.run, self.name)
        origins.register(self.estimator, trained)
        if hasattr(self.estimator, "best_estimator_"):
            origins.register(self.estimator.best_estimator_, trained)
        labels = [getattr(self.estimator, "labels_", None)]
        if self.call.function == "fit_predict":
            labels.append(result)
        name = trained.dataset_name(self.given, variable(self.given, self.call.caller))
        for predictions in labels:
            if predictions is not None:
                origins.remember(predictions, trained, name, self.given)

    def _part(self, what: str) -> guarded:
        place = f"sklearn: {what} of {self.name}"
        return guarded(place, lambda: self.run.name, self.options.silent)


def _log_html(run: Recorder, estimator: Any) -> None:
    """Draw the estimator's parts and params.

    It is an unfitted clone: fitted attributes are shown by code that swaps the warning filters of
    the whole process, and that must not happen beside the user's thread.
    """
    from html import escape

    from sklearn.utils import estimator_html_repr

    body = estimator_html_repr(estimator).replace("<span>Not fitted</span>", "<span>Fitted</span>")
    run.log_text(HTML.format(name=escape(type(estimator).__name__), body=body), "estimator.html")


def estimator_tags(estimator: Any) -> dict[str, str]:
    """Name and full name of the estimator's class."""
    kind = type(estimator)
    return {
        "estimator_name": kind.__name__,
        "estimator_class": f"{kind.__module__}.{kind.__name__}",
    }
