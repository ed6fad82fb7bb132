"""Trainings as users write them, run under MLflow and under autolog and compared run by run."""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy.sparse as sp
from sklearn import metrics, model_selection
from sklearn.cluster import DBSCAN, KMeans
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    BaggingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, SGDClassifier
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

iris_X, iris_y = load_iris(return_X_y=True)
cancer_X, cancer_y = load_breast_cancer(return_X_y=True)
cancer_X = cancer_X[:200, :6] / cancer_X[:200, :6].max(axis=0)
cancer_y = cancer_y[:200]
diabetes_X, diabetes_y = load_diabetes(return_X_y=True)


def multiclass():
    LogisticRegression(max_iter=500).fit(iris_X, iris_y)


def binary_without_probabilities():
    LinearSVC().fit(cancer_X, cancer_y)


def binary_with_weights():
    weight = np.linspace(0.1, 2, len(cancer_y))
    LogisticRegression(C=0.5).fit(cancer_X, cancer_y, sample_weight=weight)


def string_labels():
    LogisticRegression().fit(cancer_X, np.where(cancer_y, "good", "bad"))


def frame_and_series():
    frame = pd.DataFrame(iris_X, columns=["a", "b", "c", "d"])
    DecisionTreeClassifier(max_depth=2).fit(frame, pd.Series(iris_y, name="kind"))


def sparse():
    LogisticRegression().fit(sp.csr_matrix(cancer_X), cancer_y)


def lists():
    GaussianNB().fit(iris_X.tolist(), iris_y.tolist())


def regressor():
    Ridge(alpha=0.3).fit(diabetes_X, diabetes_y)


def regressor_with_weights():
    weight = np.linspace(0.1, 2, len(diabetes_y))
    RandomForestRegressor(n_estimators=3, random_state=0).fit(
        diabetes_X, diabetes_y, sample_weight=weight
    )


def two_targets():
    LinearRegression().fit(diabetes_X, np.stack([diabetes_y, -diabetes_y], axis=1))


def pipeline():
    make_pipeline(StandardScaler(), LogisticRegression()).fit(iris_X, iris_y)


def grid_search():
    GridSearchCV(SVC(), {"C": [0.1, 1, 10], "kernel": ["linear", "rbf"]}, cv=3).fit(iris_X, iris_y)


def grid_search_over_pipeline():
    steps = make_pipeline(StandardScaler(), LogisticRegression())
    GridSearchCV(steps, {"logisticregression__C": [0.1, 1]}, cv=2).fit(iris_X, iris_y)


def random_search():
    RandomizedSearchCV(
        Ridge(), {"alpha": np.logspace(-2, 2, 20)}, n_iter=4, cv=2, random_state=0
    ).fit(diabetes_X, diabetes_y)


def several_scores():
    GridSearchCV(
        LogisticRegression(),
        {"C": [0.1, 1]},
        cv=2,
        scoring=["accuracy", "f1_macro"],
        refit="accuracy",
    ).fit(iris_X, iris_y)


def several_scores_without_refit():
    GridSearchCV(
        LogisticRegression(), {"C": [0.1, 1]}, cv=2, scoring=["accuracy", "f1_macro"], refit=False
    ).fit(iris_X, iris_y)


def clusters():
    KMeans(n_clusters=3, n_init=2, random_state=0).fit(iris_X)


def clusters_fit_predict():
    DBSCAN().fit_predict(iris_X)


def density():
    KernelDensity().fit(iris_X)
    GaussianMixture(2, random_state=0).fit(iris_X)


def transformers():
    StandardScaler().fit(iris_X)
    PCA(2).fit_transform(iris_X)


def ensembles():
    VotingClassifier([("a", GaussianNB()), ("b", DecisionTreeClassifier(random_state=0))]).fit(
        iris_X, iris_y
    )
    StackingClassifier([("a", GaussianNB())], LogisticRegression(), cv=2).fit(iris_X, iris_y)
    BaggingClassifier(GaussianNB(), n_estimators=3, random_state=0).fit(iris_X, iris_y)
    RandomForestClassifier(n_estimators=3, random_state=0).fit(iris_X, iris_y)


def one_against_rest():
    OneVsRestClassifier(LogisticRegression()).fit(iris_X, iris_y)


def partial_fit():
    model = SGDClassifier(random_state=0)
    for start in range(0, 150, 50):
        model.partial_fit(iris_X[start : start + 50], iris_y[start : start + 50], classes=[0, 1, 2])


def cross_validation():
    model_selection.cross_val_score(LogisticRegression(), iris_X, iris_y, cv=3)


def after_training():
    X_test, y_test = cancer_X, cancer_y
    model = LogisticRegression(max_iter=500).fit(cancer_X, cancer_y)
    predictions = model.predict(X_test)
    metrics.accuracy_score(y_test, predictions)
    metrics.accuracy_score(y_test, predictions, normalize=False)
    metrics.f1_score(y_true=y_test, y_pred=predictions)
    X_part = X_test[:5]
    metrics.accuracy_score(y_test[:5], model.predict(X_part))
    model.score(X_test, y_test)
    metrics.get_scorer("neg_mean_squared_error")(model, X_test, y_test)


SCRIPTS = {
    f.__name__: f
    for f in (
        multiclass, binary_without_probabilities, binary_with_weights, string_labels,
        frame_and_series, sparse, lists, regressor, regressor_with_weights, two_targets, pipeline,
        grid_search, grid_search_over_pipeline, random_search, several_scores,
        several_scores_without_refit, clusters, clusters_fit_predict, density, transformers,
        ensembles, one_against_rest, partial_fit, cross_validation, after_training,
    )
}  # fmt: skip


if __name__ == "__main__":  # mlflow or autolog, then the file for what it recorded
    import importlib
    import json
    import sys

    from integration_tests.side_by_side import runs_of, told

    tracker = importlib.import_module(sys.argv[1])
    tracker.sklearn.autolog(max_tuning_runs=None, log_models=False)
    for name, script in SCRIPTS.items():
        tracker.set_experiment(name)
        script()
    client = tracker.MlflowClient()
    record = {name: [told(client, run) for run in runs_of(tracker, name)] for name in SCRIPTS}
    with open(sys.argv[2], "w") as file:
        json.dump(record, file)
