"""Models of pyspark.ml that we save and MLflow loads, and the other way round."""

from __future__ import annotations

import pandas as pd
import pytest

from flavors import pyfunc
from flavors import spark as flavor

mlflow = pytest.importorskip("mlflow")


@pytest.fixture(autouse=True)
def tidy(tmp_path, monkeypatch):
    """MLflow leaves a folder in /tmp otherwise."""
    monkeypatch.setenv("MLFLOW_DFS_TMP", str(tmp_path / "mlflow"))


@pytest.fixture(scope="module")
def rows(spark):
    return spark.range(30).selectExpr("id * 1.0D AS a", "id % 7 * 1.0D AS b", "id * 3.0D AS label")


@pytest.fixture(scope="module")
def model(rows):
    from pyspark.ml import Pipeline
    from pyspark.ml.feature import VectorAssembler
    from pyspark.ml.regression import LinearRegression

    features = VectorAssembler(inputCols=["a", "b"], outputCol="features")
    return Pipeline(stages=[features, LinearRegression(regParam=0.1)]).fit(rows)


def predictions(model, rows):
    return [row.prediction for row in model.transform(rows).collect()]


def test_ours_loaded_by_mlflow(rows, model, tmp_path):
    data: pd.DataFrame = rows.toPandas()
    flavor.save_model(model, tmp_path / "m", input_example=data[["a", "b"]][:3])
    expected = predictions(model, rows)
    assert predictions(mlflow.spark.load_model(str(tmp_path / "m")), rows) == expected
    assert list(mlflow.pyfunc.load_model(str(tmp_path / "m")).predict(data[["a", "b"]])) == expected


def test_mlflows_loaded_by_us(rows, model, tmp_path):
    signature = mlflow.models.infer_signature(rows.toPandas()[["a", "b"]])
    mlflow.spark.save_model(
        model, str(tmp_path / "m"), signature=signature, pip_requirements=["pyspark"]
    )
    expected = predictions(model, rows)
    assert predictions(flavor.load_model(tmp_path / "m"), rows) == expected
    assert pyfunc.load_model(tmp_path / "m").predict(rows.toPandas()) == expected
