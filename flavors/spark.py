"""Models of pyspark.ml, in Spark's own format: JSON and Parquet."""

from __future__ import annotations

import json
import os
import re
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core_client.exceptions import MlflowException, invalid
from flavors import environment, package, trust
from flavors.keywords import Keywords, LogKeywords, takes
from flavors.log import Saved, log
from flavors.model import Model, ModelInfo
from flavors.uris import local_path

if TYPE_CHECKING:
    from typing_extensions import Unpack

DATA = "sparkml"
# Stages that Spark may make by the name that a model gives them. A query may call any function.
_OWN = re.compile(r"(org\.apache\.spark|pyspark)\.ml(\.[a-z]\w*)*\.(?!SQLTransformer$)[A-Z]\w*")

# What was loaded is read by Spark when it is used; the folders go when the process ends.
_loaded: list[tempfile.TemporaryDirectory[str]] = []


@takes(Keywords)
def save_model(
    spark_model: Any,
    path: str | os.PathLike[str],
    mlflow_model: Model | None = None,
    conda_env: dict[str, Any] | str | None = None,
    *,
    dfs_tmpdir: str | None = None,
    **keywords: Unpack[Keywords],
) -> None:
    """Save a fitted model of pyspark.ml to a local folder.

    Args:
        spark_model: a ``PipelineModel``, or any fitted model, which becomes a pipeline of one.
        dfs_tmpdir: a folder that driver and executors share, which the model passes through. Not
            needed with a local master; else ``/tmp/autolog`` of Spark's default file system.
    """
    extras = package.extras(mlflow_model, _predictor(spark_model), conda_env, keywords)
    package.write(lambda: _saved(extras, spark_model, dfs_tmpdir), path)


@takes(LogKeywords, like=save_model)
def log_model(
    spark_model: Any,
    artifact_path: str | None = None,
    conda_env: dict[str, Any] | str | None = None,
    *,
    dfs_tmpdir: str | None = None,
    **keywords: Unpack[LogKeywords],
) -> ModelInfo:
    """Save a fitted model of pyspark.ml among the artifacts of a run."""
    extras = package.extras(None, _predictor(spark_model), conda_env, keywords)
    return log(
        artifact_path, keywords, extras.model, lambda: _saved(extras, spark_model, dfs_tmpdir)
    )


def load_model(
    model_uri: str | os.PathLike[str],
    dfs_tmpdir: str | None = None,
    dst_path: str | os.PathLike[str] | None = None,
    trusted: bool = False,
) -> Any:
    """Load a model of pyspark.ml: a ``PipelineModel``.

    Args:
        model_uri: ``runs:/<run id>/<path>``, ``models:/<name>/<version>``, a path, or a URI.
        dfs_tmpdir: as for `save_model`.
        dst_path: an existing folder to copy the model into first.
        trusted: load it even where stages of it run code that is not Spark's.

    Raises:
        MlflowException: there is no such model, it cannot be read, or it may run code and was
            not signed by this user.
    """
    folder = local_path(model_uri, dst_path)
    return _load(folder, Model.load(folder), trusted, dfs_tmpdir)


def load_pyfunc(folder: Path, model: Model, trusted: bool) -> tuple[Any, Callable[..., Any]]:
    """The model, and the function that predicts (see `flavors.pyfunc`)."""
    native = _load(folder, model, trusted)
    predict = _predictor(native)
    return native, lambda data, params: predict(data)


def _predictor(spark_model: Any) -> Callable[[Any], Any]:
    """Predicts rows of pandas, by a session on this machine if there is no other."""

    def predict(data: Any) -> Any:
        import pandas

        rows = pandas.DataFrame(data).copy(deep=False)
        for name in rows.columns:
            rows[name] = _vectors(rows[name])
        found = spark_model.transform(_session().createDataFrame(rows)).select("prediction")
        return [row[0] for row in found.collect()]

    return predict


def _vectors(column: Any) -> Any:
    """A column of lists or arrays of numbers as Spark's vectors; any other as it is."""
    import numpy
    from pyspark.ml.linalg import Vectors

    first = column.iloc[0] if len(column) else None
    if not isinstance(first, list | tuple | numpy.ndarray):
        return column
    return column.map(lambda values: Vectors.dense([float(value) for value in values]))


def _session() -> Any:
    """The active session, or a new one on this machine."""
    from pyspark.sql import SparkSession

    active = SparkSession.getActiveSession()
    if active is not None:
        return active
    builder: Any = SparkSession.builder
    return builder.config("spark.ui.enabled", "false").getOrCreate()


def _saved(extras: package.Extras, spark_model: Any, dfs_tmpdir: str | None) -> Saved:
    import pyspark
    from pyspark.ml import PipelineModel

    if not hasattr(spark_model, "transform") or not hasattr(spark_model, "write"):
        raise invalid(
            f"A {type(spark_model).__name__} cannot be saved: it is no fitted model of pyspark.ml "
            "that can be written."
        )
    pipeline = spark_model if isinstance(spark_model, PipelineModel) else None
    with tempfile.TemporaryDirectory(prefix="autolog-model-") as folder:
        _write(pipeline or PipelineModel([spark_model]), Path(folder, DATA), dfs_tmpdir)
        files = {f"{DATA}/{name}": data for name, data in _files(Path(folder, DATA)).items()}
    about = {
        "pyspark_version": pyspark.__version__,
        "model_data": DATA,
        "model_class": "pyspark.ml.pipeline.PipelineModel",
    }
    found = environment.requirements(["pyspark"], ["mlflow"])
    return package.complete(extras, files, "spark", about, {"data": DATA}, found)


def _files(folder: Path) -> dict[str, bytes]:
    """What Spark has written, without the checksums of its file system."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in found
        if path.suffix != ".crc"
    }


def _write(pipeline: Any, folder: Path, dfs_tmpdir: str | None) -> None:
    shared = _Shared(dfs_tmpdir)
    if not shared.needed:
        pipeline.write().overwrite().save(f"file://{folder}")
        if not folder.is_dir():
            raise MlflowException(
                "Spark has written the model on another machine. Pass dfs_tmpdir, a folder that "
                "this machine and Spark's share."
            )
        return
    pipeline.write().overwrite().save(shared.uri)
    try:
        shared.files.copyToLocalFile(False, shared.path, shared.local(folder), True)
    finally:
        shared.files.delete(shared.path, True)


def _load(folder: Path, model: Model, trusted: bool, dfs_tmpdir: str | None = None) -> Any:
    from pyspark.ml import PipelineModel

    data = str(model.flavor("spark").get("model_data", DATA))
    names = [f"{data}/{name}" for name in _names(folder / data)]
    contents = trust.read(folder, names)
    _check_stages(folder, contents, trusted)
    _session()
    # Spark gets what was checked, not what may lie in the folder by then.
    private = tempfile.TemporaryDirectory(prefix="autolog-spark-")
    _loaded.append(private)
    for name, content in contents.files.items():
        path = Path(private.name, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    there = Path(private.name, data)
    shared = _Shared(dfs_tmpdir)
    uri = f"file://{there}"
    if shared.needed:
        shared.files.copyFromLocalFile(shared.local(there), shared.path)
        uri = shared.uri
    try:
        return PipelineModel.load(uri)
    except Exception as error:
        reason = (str(error).strip() or repr(error)).splitlines()[0]
        raise MlflowException(f"Spark cannot read the model in '{folder}': {reason}") from error


def _names(folder: Path) -> list[str]:
    found = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".crc")
    return [path.relative_to(folder).as_posix() for path in found]


def _check_stages(folder: Path, contents: trust.Contents, trusted: bool) -> None:
    """Refuse stages that are none of Spark's, unless the model is trusted."""
    stages = [
        data
        for name, data in contents.files.items()
        if re.search(r"(^|/)metadata/part-[^/]+$", name)
    ]
    if not stages:
        raise MlflowException(f"The model in '{folder}' is incomplete: it has no metadata.")
    for data in stages:
        try:
            about = json.loads(data)
            named, uids = str(about["class"]), about.get("paramMap", {}).get("stageUids", [])
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise MlflowException(f"The model in '{folder}' cannot be read: {error!r}") from error
        if any("/" in str(uid) for uid in uids):
            raise invalid(f"The model in '{folder}' names a stage outside of its folder.")
        if not (trusted or contents.ours or _OWN.fullmatch(named)):
            raise trust.refused(folder, f"its stage {named!r} may run any code", "")


class _Shared:
    """The folder that a model passes through on its way from the executors to this machine.

    Args:
        given: a folder that the user names.
    """

    def __init__(self, given: str | None) -> None:
        context: Any = getattr(_session(), "_sc", None)  # a Connect session has none
        local = context is None or str(context.master).startswith("local")
        self.needed = context is not None and (given is not None or not local)
        if self.needed:
            self.jvm = context._jvm
            self.uri = f"{(given or '/tmp/autolog').rstrip('/')}/{uuid.uuid4().hex}"
            self.path = self._path(self.uri)
            self.files = self.path.getFileSystem(context._jsc.hadoopConfiguration())

    def local(self, folder: Path) -> Any:
        """A folder of this machine, as Hadoop names it."""
        return self._path(f"file://{folder}")

    def _path(self, uri: str) -> Any:
        return self.jvm.org.apache.hadoop.fs.Path(uri)
