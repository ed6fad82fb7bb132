"""Fits of pyspark.ml: what is recorded of estimators, pipelines, searches and evaluations."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import autolog
from core_client.client import Client
from integration_tests.reading import artifacts, only_run, runs
from integration_tests.spark.sessions import run_session


@pytest.fixture(scope="module")
def frame(spark):
    rows = [(float(i), float(i % 3), float((i // 3) % 2), "ab"[i % 2]) for i in range(60)]
    return spark.createDataFrame(rows, "a double, b double, label double, kind string").cache()


@pytest.fixture(scope="module")
def train(frame):
    return assembler().transform(frame).cache()


def assembler():
    from pyspark.ml.feature import VectorAssembler

    return VectorAssembler(inputCols=["a", "b"], outputCol="features")


def logistic(**params):
    from pyspark.ml.classification import LogisticRegression

    return LogisticRegression(maxIter=2, **params)


def content(run, name):
    return json.loads(Path(Client().download_artifacts(run.info.run_id, name)).read_text())


def test_an_estimator_and_evaluations_of_it(spark, train):
    from pyspark.ml.evaluation import (
        BinaryClassificationEvaluator,
        MulticlassClassificationEvaluator,
    )

    autolog.pyspark.ml.autolog(extra_tags={"team": "blue"})
    rows = train.select("*")
    model = logistic().fit(rows)
    run = only_run()
    assert run.info.status == "FINISHED"
    assert run.data.params["maxIter"] == "2"
    assert run.data.params["featuresCol"] == "features"
    tags = run.data.tags
    assert tags["estimator_class"] == "pyspark.ml.classification.LogisticRegression"
    assert (tags["mlflow.autologging"], tags["team"]) == ("pyspark.ml", "blue")
    assert artifacts(run) == {"model"}
    (given,) = run.inputs.dataset_inputs
    assert given.dataset.name == "rows"
    names = [column["name"] for column in json.loads(given.dataset.schema)["mlflow_colspec"]]
    assert names == train.columns
    about = autolog.models.get_model_info(f"runs:/{run.info.run_id}/model")
    assert [column.type for column in about.signature.inputs.inputs] == ["sparkml_vector"]
    assert [column.type for column in about.signature.outputs.inputs] == ["double"]

    held_out = train.limit(30)
    predictions = model.transform(held_out)
    area = BinaryClassificationEvaluator().evaluate(predictions)
    f1 = MulticlassClassificationEvaluator().evaluate(predictions)
    evaluator = MulticlassClassificationEvaluator()
    accuracy = evaluator.evaluate(predictions, {evaluator.metricName: "accuracy"})
    again = BinaryClassificationEvaluator().evaluate(predictions)
    run = only_run()
    assert run.data.metrics == {
        "areaUnderROC_held_out": area,
        "f1_held_out": f1,
        "accuracy_held_out": accuracy,
        "areaUnderROC-2_held_out": again,
    }
    info = content(run, "metric_info.json")
    assert info["f1_held_out"]["evaluator_class"].endswith("MulticlassClassificationEvaluator")
    assert info["f1_held_out"]["params"]["metricName"] == "f1"
    assert [one.tags[0].value for one in run.inputs.dataset_inputs] == ["train", "eval"]


def test_params_given_to_fit(spark, train):
    autolog.pyspark.ml.autolog(log_models=False, log_datasets=False)
    estimator = logistic()
    with autolog.start_run() as mine:
        estimator.fit(train, {estimator.maxIter: 3})
        estimator.fit(train)
    run = only_run()
    assert run.info.run_id == mine.info.run_id
    assert "mlflow.autologging" not in run.data.tags
    assert run.data.params["maxIter"] == "3"
    assert run.data.params["LogisticRegression-2.maxIter"] == "2"
    assert (artifacts(run), run.inputs.dataset_inputs) == (set(), [])
    assert estimator.getMaxIter() == 2


def test_a_list_of_param_maps(spark, train):
    autolog.pyspark.ml.autolog(log_models=False)
    estimator = logistic()
    models = estimator.fit(train, [{estimator.maxIter: 1}, {estimator.regParam: 0.5}])
    assert len(models) == 2
    parent, *children = runs()
    assert {(c.data.params["maxIter"], c.data.params["regParam"]) for c in children} == {
        ("1", "0.0"),
        ("2", "0.5"),
    }
    assert {c.data.tags["mlflow.parentRunId"] for c in children} == {parent.info.run_id}


def test_a_pipeline_in_a_pipeline(spark, frame, tmp_path):
    from pyspark.ml import Pipeline
    from pyspark.ml.classification import OneVsRest
    from pyspark.ml.feature import StringIndexer

    autolog.pyspark.ml.autolog(log_input_examples=True)
    first = StringIndexer(inputCol="kind", outputCol="number")
    inner = Pipeline(stages=[assembler(), OneVsRest(classifier=logistic())])
    model = Pipeline(stages=[first, inner]).fit(frame)
    run = only_run()
    params = run.data.params
    assert params["stages"] == "['StringIndexer', 'Pipeline_2']"
    assert params["Pipeline_2.stages"] == "['VectorAssembler', 'OneVsRest']"
    assert params["VectorAssembler.inputCols"] == "['a', 'b']"
    assert params["OneVsRest.classifier"] == "LogisticRegression"
    assert params["LogisticRegression.maxIter"] == "2"
    assert content(run, "estimator_info.json")["hierarchy"]["stages"][1] == {
        "name": "Pipeline_2",
        "stages": [
            {"name": "VectorAssembler"},
            {"name": "OneVsRest", "classifier": {"name": "LogisticRegression"}},
        ],
    }
    uri = f"runs:/{run.info.run_id}/model"
    about = autolog.models.get_model_info(uri)
    assert about.signature.inputs.input_names() == ["a", "b", "kind"]
    rows = frame.toPandas()
    expected = [row.prediction for row in model.transform(frame).collect()]
    assert autolog.pyfunc.load_model(uri).predict(rows) == expected


def grid(estimator):
    from pyspark.ml.tuning import ParamGridBuilder

    builder = ParamGridBuilder().addGrid(estimator.maxIter, [1, 2])
    return builder.addGrid(estimator.regParam, [0.0, 0.5]).build()


def test_a_cross_validation_of_four_candidates(spark, frame):
    from pyspark.ml import Pipeline
    from pyspark.ml.evaluation import BinaryClassificationEvaluator
    from pyspark.ml.tuning import CrossValidator

    autolog.pyspark.ml.autolog()
    estimator = logistic()
    search = CrossValidator(
        estimator=Pipeline(stages=[assembler(), estimator]),
        estimatorParamMaps=grid(estimator),
        evaluator=BinaryClassificationEvaluator(),
        numFolds=2,
        parallelism=2,
        seed=1,
    )
    model = search.fit(frame)
    found = runs()
    (parent,) = (run for run in found if "mlflow.parentRunId" not in run.data.tags)
    children = [run for run in found if run is not parent]
    assert len(children) == 4
    assert {c.data.tags["mlflow.parentRunId"] for c in children} == {parent.info.run_id}
    assert {c.info.status for c in found} == {"FINISHED"}
    by_params = {
        (
            float(c.data.params["LogisticRegression.maxIter"]),
            float(c.data.params["LogisticRegression.regParam"]),
        ): c.data.metrics
        for c in children
    }
    for number, values in enumerate(grid(estimator)):
        named = {param.name: value for param, value in values.items()}
        assert by_params[named["maxIter"], named["regParam"]] == {
            "avg_areaUnderROC": model.avgMetrics[number],
            "std_areaUnderROC": model.stdMetrics[number],
        }
    best = max(model.avgMetrics)
    assert parent.data.metrics["best_avg_areaUnderROC"] == best
    params = parent.data.params
    assert (params["numFolds"], params["estimator"]) == ("2", "Pipeline")
    assert "LogisticRegression.maxIter" not in params  # the candidates have these
    best_values = content(parent, "best_parameters.json")
    assert params["best_LogisticRegression.maxIter"] == str(
        best_values["LogisticRegression.maxIter"]
    )
    assert artifacts(parent) == {
        "best_model",
        "best_parameters.json",
        "estimator_info.json",
        "model",
        "search_results.csv",
    }
    lines = Path(Client().download_artifacts(parent.info.run_id, "search_results.csv")).read_text()
    assert lines.splitlines()[0] == (
        "params,avg_areaUnderROC,std_areaUnderROC,"
        "param.LogisticRegression.maxIter,param.LogisticRegression.regParam"
    )
    expected = [row.prediction for row in model.transform(frame).collect()]
    frame.write.json(f"{Path.cwd()}/rows")
    loading = LOADING.replace("RUN", parent.info.run_id)
    printed, _noise = run_session(loading, Path.cwd())
    assert [json.loads(line) for line in printed.splitlines()] == [expected] * 3


LOADING = """
import json, pandas
from pathlib import Path
text = "".join(path.read_text() for path in sorted(Path("rows").glob("part-*")))
rows = pandas.DataFrame([json.loads(line) for line in text.splitlines()])
print(autolog.pyfunc.load_model("runs:/RUN/model").predict(rows))  # in a session of its own
frame = SparkSession.getActiveSession().createDataFrame(rows)
for name in ("model", "best_model"):
    model = autolog.spark.load_model("runs:/RUN/" + name)
    print([row.prediction for row in model.transform(frame).collect()])
"""


def test_a_split_into_training_and_validation(spark, train):
    from pyspark.ml.evaluation import RegressionEvaluator
    from pyspark.ml.regression import LinearRegression
    from pyspark.ml.tuning import ParamGridBuilder, TrainValidationSplit

    autolog.pyspark.ml.autolog(log_models=False)
    estimator = LinearRegression(maxIter=2)
    values = ParamGridBuilder().addGrid(estimator.regParam, [0.0, 5.0]).build()
    model = TrainValidationSplit(
        estimator=estimator, estimatorParamMaps=values, evaluator=RegressionEvaluator(), seed=1
    ).fit(train)
    parent, *children = runs()
    assert sorted(c.data.metrics["rmse"] for c in children) == sorted(model.validationMetrics)
    assert parent.data.metrics["best_rmse"] == min(model.validationMetrics)
    assert parent.data.params["best_LinearRegression.regParam"] in ("0.0", "5.0")


def test_what_makes_no_run(spark, frame, train):
    from pyspark.ml.feature import StandardScaler

    autolog.pyspark.ml.autolog(exclusive=True)
    StandardScaler(inputCol="features", outputCol="scaled").fit(train)
    assert runs() == []
    with autolog.start_run():
        logistic().fit(train)
    assert only_run().data.params == {}
    autolog.pyspark.ml.autolog(disable=True)
    logistic().fit(train)
    only_run()


def test_a_fit_that_fails(spark, frame):
    autolog.autolog()
    with pytest.raises(Exception, match="features"):
        logistic().fit(frame)
    run = only_run()
    assert run.info.status == "FAILED"
    assert "features" in run.data.tags["autolog.error"]
    assert run.data.params["maxIter"] == "2"


def test_only_models_of_a_list_are_kept(spark, train, tmp_path, caplog):
    allowed = tmp_path / "allowed"
    allowed.write_text("# classes\npyspark.ml.regression.*  # all\n")
    autolog.pyspark.ml.autolog(log_model_allowlist=str(allowed))
    logistic().fit(train)
    assert artifacts(only_run()) == set()
    assert "LogisticRegressionModel is not in" in caplog.text
    allowed.write_text("pyspark.ml.classification.Logistic*\n")
    with autolog.start_run() as run:
        logistic().fit(train)
    assert artifacts(run) == {"model"}


def test_xgboost_on_spark(spark, train):
    pytest.importorskip("xgboost")
    from xgboost.spark import SparkXGBClassifier

    autolog.pyspark.ml.autolog()
    model = SparkXGBClassifier(num_workers=1, n_estimators=3, max_depth=2).fit(train)
    run = only_run()
    assert (run.data.params["n_estimators"], run.data.params["max_depth"]) == ("3", "2")
    assert run.data.tags["estimator_name"] == "SparkXGBClassifier"
    loaded = autolog.spark.load_model(f"runs:/{run.info.run_id}/model")
    expected = [row.prediction for row in model.transform(train).collect()]
    assert [row.prediction for row in loaded.transform(train).collect()] == expected


def test_an_estimator_of_another_package(spark, train, tmp_path):
    """As those of SynapseML are: a class in Python for one of the JVM, not from pyspark."""
    from pyspark.ml.param import Param, Params, TypeConverters
    from pyspark.ml.param.shared import HasFeaturesCol, HasLabelCol
    from pyspark.ml.util import JavaMLReadable, JavaMLWritable
    from pyspark.ml.wrapper import JavaEstimator, JavaModel

    class BoostedModel(JavaModel, JavaMLWritable, JavaMLReadable):
        pass

    class Boosted(HasFeaturesCol, HasLabelCol, JavaEstimator):
        maxIter = Param(Params._dummy(), "maxIter", "rounds", TypeConverters.toInt)

        def __init__(self):
            super().__init__()
            self._java_obj = self._new_java_obj(
                "org.apache.spark.ml.classification.GBTClassifier", self.uid
            )
            self._set(maxIter=2)

        def _create_model(self, java_model):
            return BoostedModel(java_model)

    autolog.autolog()
    model = Boosted().fit(train)
    run = only_run()
    assert run.data.params == {"maxIter": "2", "featuresCol": "features", "labelCol": "label"}
    assert run.data.tags["estimator_name"] == "Boosted"
    assert artifacts(run) == {"model"}
    assert model.transform(train).count() == 60


def test_sources_of_the_training_data_are_told(spark, frame, tmp_path):
    autolog.autolog(log_models=False)
    frame.write.parquet(f"{tmp_path}/rows")
    read = assembler().transform(spark.read.parquet(f"{tmp_path}/rows"))
    logistic().fit(read)
    run = only_run()
    path = f"file:{tmp_path}/rows"
    assert run.data.tags["sparkDatasourceInfo"] == f"path={path},format=parquet"
    assert {one.dataset.source for one in run.inputs.dataset_inputs} == {json.dumps({"path": path})}


def test_the_model_is_the_same_with_and_without(spark, train):
    def coefficients():
        return logistic(regParam=0.1).fit(train).coefficients.toArray().tolist()

    without = coefficients()
    autolog.autolog(log_models=False)
    assert coefficients() == without
