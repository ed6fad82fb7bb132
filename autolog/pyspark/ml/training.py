"""The record of one fit: what is written before the training and what after it."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autolog.engine.guard import guarded, notice
from autolog.engine.names import variable
from autolog.engine.texts import texts
from autolog.pyspark.ml import data, evaluation, tuning
from autolog.pyspark.ml.params import Names
from autolog.sklearn.training import estimator_tags
from core_client.clock import now
from flavors.signature import ColSpec, ModelSignature, Schema
from flavors.spark_schema import columns

if TYPE_CHECKING:
    from autolog.engine.call import Call

EXAMPLE_ROWS = 5


class Training:
    """A fit that is being recorded.

    Args:
        call: the call of fit.
    """

    def __init__(self, call: Call) -> None:
        self.call, self.options = call, call.options
        self.estimator = call.instance
        self.name = type(self.estimator).__name__
        self.run = call.scope(self.name)
        self.frame = call.arguments["dataset"]
        self.given = call.arguments.get("params")
        if isinstance(self.given, dict) and self.given:
            self.estimator = self.estimator.copy(self.given)
        self.names = Names(self.estimator)
        self.searching = tuning.is_search(self.estimator)
        self.inputs: list[Any] = []
        self.started = now()

    def before(self) -> None:
        """Params, tags, what the estimator is made of, and the dataset."""
        with self._part("params"):
            self.run.log_params(texts(self.names.params(self.searching)))
        with self._part("tags"):
            self.run.set_tags(estimator_tags(self.estimator))
        with self._part("estimator_info.json"):
            hierarchy = self.names.hierarchy()
            if len(hierarchy) > 1:  # it has parts
                told = tuning.told(self) if self.searching else {}
                self.run.log_dict({"hierarchy": hierarchy, **told}, "estimator_info.json")
        if self.options.log_datasets:
            with self._part("dataset"):
                name = variable(self.frame, self.call.caller, unknown="dataset")
                self.inputs = [data.describe(self.frame, name, "train")]
                self.run.log_inputs(self.inputs)

    def after(self, result: Any) -> None:
        """Candidates of a search, and the model.

        Args:
            result: what fit returned: a model, or a list of them for a list of param maps.
        """
        ended = now()
        if isinstance(result, list):
            with self._part("fits of several param maps"):
                self._log_each(result, ended)
            return
        if self.searching:
            with self._part("search"):
                tuning.log(self, result, ended)
        if self.options.log_post_training_metrics:
            evaluation.register(result, self.run, self.name)
        if self.options.log_models:
            with self._part("model"):
                self._log_model(result, "model")
                if self.searching:
                    self._log_model(result.bestModel, "best_model")
                self.run.register_model(self.options.registered_model_name)

    def _log_each(self, models: list[Any], ended: int) -> None:
        """A nested run for each param map, whose model goes to the run around them."""
        maps: Any = self.given
        for number, (values, model) in enumerate(zip(maps, models, strict=True)):
            child = self.run.child(tags=tuning.child_tags(self.estimator), start_time=self.started)
            child.log_params(texts(Names(self.estimator.copy(values)).params(self.searching)))
            child.log_inputs(self.inputs)
            child.end(end_time=ended)
            if self.options.log_models:
                self._log_model(model, f"model_{number}")

    def _log_model(self, model: Any, name: str) -> None:
        if not self._allowed(model):
            return
        signature = example = None
        with self._part("signature"):
            taken = data.inputs(self.frame, model)
            if taken and self.options.log_model_signatures:
                signature = self._signature(model, taken)
            if taken and self.options.log_input_examples:
                rows = self.frame.select(*taken).limit(EXAMPLE_ROWS).toPandas()
                example = rows.map(_plain) if hasattr(rows, "map") else rows.applymap(_plain)
        self.run.log_model(
            model, name, flavor="spark", signature=signature or False, input_example=example
        )

    def _signature(self, model: Any, taken: list[str]) -> ModelSignature:
        inputs = columns(self.frame.select(*taken).schema.json())
        given = model.transform(self.frame).schema
        output = getattr(model, "getPredictionCol", lambda: "prediction")()
        if output not in given.names:
            return ModelSignature(inputs)
        kind = columns(given.json()).inputs[given.names.index(output)]
        assert isinstance(kind, ColSpec)
        return ModelSignature(inputs, Schema([ColSpec(kind.kind)]))

    def _allowed(self, model: Any) -> bool:
        """Whether the list of the user's, if there is one, has the model and all its stages."""
        path = self.options.log_model_allowlist
        if path is None:
            return True
        lines = [line.partition("#")[0].strip() for line in Path(path).read_text().splitlines()]
        for one in data.stage_classes(model):
            if not any(fnmatchcase(one, line) for line in lines if line):
                notice(
                    f"autolog: {one} is not in {path}, so its model is not kept.", self.run.silent
                )
                return False
        return True

    def _part(self, what: str) -> guarded:
        place = f"pyspark.ml: {what} of {self.name}"
        return guarded(place, lambda: self.run.name, self.options.silent)


def _plain(value: Any) -> Any:
    """A vector as the list that an example in JSON can hold."""
    return value.toArray().tolist() if hasattr(value, "toArray") else value
