"""A DataFrame as a dataset of a run, and as the input of a model; nothing of it is computed."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from core_client.entities import Dataset, DatasetInput, InputTag
from flavors.spark_schema import columns

MOST_SOURCES = 20  # that a dataset names


def describe(frame: Any, name: str, context: str) -> DatasetInput:
    """The dataset by its columns and where Spark reads it from.

    Args:
        frame: a DataFrame, of a classic or a Connect session.
        name: how the user calls it.
        context: what it was used for, ``train`` or ``eval``.
    """
    schema = frame.schema.json()
    sources = _sources(frame)
    paths = [path for source in sources for path in source.paths][:MOST_SOURCES]
    known = {"path": paths[0] if len(paths) == 1 else paths} if paths else {"tags": {}}
    told = json.dumps([schema, [source.lines for source in sources], _meaning(frame)])
    dataset = Dataset(
        name=name,
        digest=hashlib.md5(told.encode(), usedforsecurity=False).hexdigest()[:8],
        source_type="spark" if paths else "code",
        source=json.dumps(known),
        schema=json.dumps({"mlflow_colspec": columns(schema).to_dict()}),
        profile="",
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", context)])


def _sources(frame: Any) -> list[Any]:
    if hasattr(frame, "_jdf"):
        from autolog.spark import plans

        return plans.sources(frame._jdf.queryExecution().analyzed())
    from autolog.spark import connect

    return connect.sources(frame._plan.to_proto(frame.sparkSession.client))


def _meaning(frame: Any) -> int:
    """A number that frames with the same plan share; a server would have to be asked for it."""
    return int(frame.semanticHash()) if hasattr(frame, "_jdf") else 0


def inputs(frame: Any, model: Any) -> list[str]:
    """The columns of the frame that the model, or a stage of it, takes.

    Args:
        frame: what it was fitted to.
        model: the fitted model.
    """
    wanted: set[str] = set()
    for stage in _stages(model):
        for param, value in stage.extractParamMap().items():
            if param.name in ("inputCol", "inputCols", "featuresCol", "userCol", "itemCol"):
                wanted.update(value if isinstance(value, list | tuple) else [value])
    return [name for name in frame.columns if name in wanted]


def _stages(model: Any) -> list[Any]:
    model = getattr(model, "bestModel", model)
    stages = getattr(model, "stages", None)
    if not isinstance(stages, list):
        return [model]
    return [below for stage in stages for below in _stages(stage)]


def stage_classes(model: Any) -> list[str]:
    """The full names of the classes of a model and its stages."""
    classes = {type(one) for one in [model, *_stages(model)]}
    return sorted(f"{one.__module__}.{one.__qualname__}" for one in classes)
