"""Tune a pipeline on Spark, look at its candidates, and score a model of scikit-learn in parallel.

pip install '.[spark,sklearn]' 'pandas<3' && python examples/spark_pipeline.py

It needs Java 17 or newer.
"""

import os
import sys

from pyspark.ml import Pipeline
from pyspark.ml.classification import LogisticRegression
from pyspark.ml.evaluation import BinaryClassificationEvaluator
from pyspark.ml.feature import VectorAssembler
from pyspark.ml.tuning import CrossValidator, ParamGridBuilder
from pyspark.sql import SparkSession
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier

import autolog

os.environ["PYSPARK_PYTHON"] = sys.executable
builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
spark = builder.config("spark.sql.shuffle.partitions", "2").getOrCreate()

autolog.autolog()  # all that a script needs

data, target = load_breast_cancer(return_X_y=True, as_frame=True)
data.columns = [name.replace(" ", "_") for name in data.columns]
rows = spark.createDataFrame(data.assign(label=target.astype(float)))
rows.write.mode("overwrite").parquet("tumours")

train, test = spark.read.parquet("tumours").randomSplit([0.8, 0.2], seed=0)
logistic = LogisticRegression(maxIter=10)
features = VectorAssembler(inputCols=list(data.columns), outputCol="features")
grid = ParamGridBuilder().addGrid(logistic.regParam, [0.0, 0.1])
search = CrossValidator(
    estimator=Pipeline(stages=[features, logistic]),
    estimatorParamMaps=grid.addGrid(logistic.elasticNetParam, [0.0, 0.5]).build(),
    evaluator=BinaryClassificationEvaluator(),
    numFolds=2,
    parallelism=2,
)
model = search.fit(train)
predictions = model.transform(test)
BinaryClassificationEvaluator().evaluate(predictions)  # kept too, under the name of the data

# From here on: what the lines above left behind, read back.
client = autolog.MlflowClient()
run = client.get_run(autolog.last_active_run().info.run_id)
print(f"run {run.info.run_name} ({run.info.status})")
print(f"  read: {run.data.tags['sparkDatasourceInfo']}")
print(f"  areaUnderROC_test: {run.data.metrics['areaUnderROC_test']:.4f}")
children = client.search_runs(
    [run.info.experiment_id], f"tags.`mlflow.parentRunId` = '{run.info.run_id}'"
)
for child in sorted(children, key=lambda child: -child.data.metrics["avg_areaUnderROC"]):
    params, metrics = child.data.params, child.data.metrics
    print(
        f"  regParam {params['LogisticRegression.regParam']},"
        f" elasticNetParam {params['LogisticRegression.elasticNetParam']}:"
        f" {metrics['avg_areaUnderROC']:.4f} ± {metrics['std_areaUnderROC']:.4f}"
    )

loaded = autolog.spark.load_model(f"runs:/{run.info.run_id}/best_model")
print(f"  loaded again: {len(loaded.stages)} stages")

# A model of any framework predicts on Spark's workers, as a function of columns.
RandomForestClassifier(n_estimators=20, random_state=0).fit(data, target)
forest = autolog.last_active_run()
score = autolog.pyfunc.spark_udf(spark, f"runs:/{forest.info.run_id}/model")
scored = spark.read.parquet("tumours").withColumn("forest", score())
right = scored.filter("forest = label").count()
print(f"run {forest.info.run_name}: {right} of {scored.count()} right, predicted on Spark")
spark.stop()
