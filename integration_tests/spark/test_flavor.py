"""Models of pyspark.ml saved and loaded, and models of every flavor that score on Spark."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import autolog
from core_client.exceptions import MlflowException
from flavors import pyfunc, spark_udf
from flavors import spark as flavor
from flavors.model import Model

ROWS = pd.DataFrame(
    {
        "size": [float(i) for i in range(40)],
        "kind": ["a" if i % 3 else "b" for i in range(40)],
        "label": [float(i % 2) for i in range(40)],
    }
)


@pytest.fixture(scope="module")
def pipeline(spark):
    from pyspark.ml import Pipeline
    from pyspark.ml.classification import LogisticRegression
    from pyspark.ml.feature import StringIndexer, VectorAssembler

    stages = [
        StringIndexer(inputCol="kind", outputCol="number"),
        VectorAssembler(inputCols=["size", "number"], outputCol="features"),
        LogisticRegression(maxIter=3),
    ]
    return Pipeline(stages=stages).fit(spark.createDataFrame(ROWS))


def predicted(model, spark):
    frame = model.transform(spark.createDataFrame(ROWS))
    return [row.prediction for row in frame.select("prediction").collect()]


@pytest.fixture(scope="module")
def saved(pipeline, tmp_path_factory):
    """The pipeline, saved once, with a space in the folder's name."""
    folder = tmp_path_factory.mktemp("models") / "a pipeline"
    flavor.save_model(pipeline, folder, input_example=ROWS[["size", "kind"]][:3])
    return folder


def test_a_pipeline(spark, pipeline, saved):
    expected = predicted(pipeline, spark)
    about = Model.load(saved).flavors
    assert about["spark"]["model_class"] == "pyspark.ml.pipeline.PipelineModel"
    assert about["spark"]["model_data"] == about["python_function"]["data"] == "sparkml"
    assert about["python_function"]["loader_module"] == "mlflow.spark"
    assert (
        f"pyspark=={about['spark']['pyspark_version']}" in (saved / "requirements.txt").read_text()
    )
    assert predicted(flavor.load_model(saved), spark) == expected
    assert pyfunc.load_model(saved).predict(ROWS[["kind", "size"]]) == expected


def test_in_a_run_a_model_alone_and_a_folder_that_is_shared(spark, pipeline, tmp_path):
    vectors = pipeline.transform(spark.createDataFrame(ROWS)).select("features")
    with autolog.start_run() as run:
        shared = f"file:{tmp_path}/shared"
        info = autolog.spark.log_model(pipeline.stages[-1], name="lr", dfs_tmpdir=shared)
    assert info.model_uri == f"runs:/{run.info.run_id}/lr"
    assert not list((tmp_path / "shared").glob("*"))  # nothing is left there
    loaded = autolog.spark.load_model(info.model_uri, dfs_tmpdir=shared)
    expected = [row.prediction for row in pipeline.stages[-1].transform(vectors).collect()]
    assert [row.prediction for row in loaded.transform(vectors).collect()] == expected
    lists = pd.DataFrame({"features": [row.features.toArray() for row in vectors.collect()]})
    assert pyfunc.load_model(info.model_uri).predict(lists) == expected


def test_in_a_store_elsewhere(spark, pipeline, ftp_server):
    place = f"ftp://me:s3cr%40t@{ftp_server}/spark/models"
    experiment = autolog.create_experiment("far", artifact_location=place)
    with autolog.start_run(experiment_id=experiment) as run:
        autolog.spark.log_model(pipeline, name="m")
    loaded = autolog.spark.load_model(f"runs:/{run.info.run_id}/m")
    assert predicted(loaded, spark) == predicted(pipeline, spark)


def test_stages_that_are_not_sparks(saved, tmp_path):
    import shutil

    for named in ("os.system", "org.apache.spark.ml.feature.SQLTransformer", "pyspark.sql.x.Y"):
        folder = tmp_path / named
        shutil.copytree(saved, folder)
        file = next(folder.glob("sparkml/stages/1_*/metadata/part-*"))
        file.write_text(json.dumps(json.loads(file.read_text()) | {"class": named}) + "\n")
        with pytest.raises(MlflowException, match=r"may run any code.*trusted=True"):
            flavor.load_model(folder)
    shutil.copytree(saved, tmp_path / "m")
    file = next((tmp_path / "m").glob("sparkml/metadata/part-*"))
    about = json.loads(file.read_text())
    about["paramMap"]["stageUids"] = ["../../../elsewhere"]
    file.write_text(json.dumps(about))
    with pytest.raises(MlflowException, match="outside of its folder"):
        flavor.load_model(tmp_path / "m", trusted=True)
    file.write_text("no json")
    with pytest.raises(MlflowException, match="cannot be read"):
        flavor.load_model(tmp_path / "m")
    shutil.rmtree(tmp_path / "m" / "sparkml")
    with pytest.raises(MlflowException, match="incomplete"):
        flavor.load_model(tmp_path / "m")


def test_what_cannot_be_saved_leaves_nothing(spark, tmp_path):
    from pyspark.ml.classification import LogisticRegression

    for model in (object(), LogisticRegression()):
        with pytest.raises(MlflowException, match="no fitted model"):
            flavor.save_model(model, tmp_path / "m")
        assert not (tmp_path / "m").exists()


COLUMNS = ["a", "b", "c"]
FEATURES = pd.DataFrame(np.random.RandomState(0).rand(100_000, 3), columns=COLUMNS)
TARGET = (FEATURES["a"] > FEATURES["b"]).astype(int)


@pytest.mark.parametrize("framework", ["sklearn", "xgboost"])
def test_100000_rows(spark, tmp_path, framework):
    if framework == "sklearn":
        pytest.importorskip("sklearn")
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression().fit(FEATURES, TARGET)
    else:
        xgboost = pytest.importorskip("xgboost")
        model = xgboost.XGBClassifier(n_estimators=5, n_jobs=1).fit(FEATURES, TARGET)
    saver = getattr(autolog, framework)
    saver.save_model(model, tmp_path / "m", input_example=FEATURES[:3])
    score = autolog.pyfunc.spark_udf(spark, tmp_path / "m")
    frame = spark.createDataFrame(FEATURES)
    for columns in ((), COLUMNS):
        scored = frame.withColumn("p", score(*columns)).toPandas()
        assert np.array_equal(scored["p"], model.predict(scored[COLUMNS]))
        assert len(scored) == 100_000


def test_arrays_types_and_what_is_refused(spark, tmp_path):
    pytest.importorskip("sklearn")
    from sklearn.linear_model import LinearRegression

    autolog.sklearn.save_model(
        LinearRegression().fit(FEATURES[:50].to_numpy(), FEATURES[["a", "b"]][:50].to_numpy()),
        tmp_path / "m",
    )
    frame = spark.createDataFrame(FEATURES[:20]).selectExpr("array(a, b, c) AS x", "a", "b", "c")
    score = spark_udf.spark_udf(spark, tmp_path / "m", result_type="array<double>")
    for columns in (["x"], COLUMNS):
        rows = frame.select("a", "b", score(*columns).alias("p")).collect()
        assert all(np.allclose(row.p, [row.a, row.b]) for row in rows)
    with pytest.raises(MlflowException, match="names no columns"):
        score()
    with pytest.raises(MlflowException, match="env_manager"):
        spark_udf.spark_udf(spark, tmp_path / "m", env_manager="conda")
    pickled = LinearRegression().fit(FEATURES[:9], TARGET[:9])
    autolog.sklearn.save_model(pickled, tmp_path / "n", serialization_format="cloudpickle")
    (tmp_path / "n" / "autolog.sig").unlink()
    with pytest.raises(MlflowException, match="trusted=True"):
        spark_udf.spark_udf(spark, tmp_path / "n")
