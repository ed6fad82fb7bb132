"""What scikit-learn wrappers of boosted trees must do. Inherit it and say which they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn import metrics
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import autolog
from integration_tests.reading import artifacts, only_run, runs
from integration_tests.xgboost.boosted_data import CLASSES, X, Y, curve

EVAL = [(X[:200], Y[:200]), (X[200:], Y[200:])]
TOGETHER = ("all", "last", "sklearn last")  # with the autologging of scikit-learn


def larger(kind: str, model: Any, regressor: Any) -> Any:
    """An estimator of scikit-learn around a wrapper."""
    depths = {"max_depth": [1, 2]}
    if kind == "search of pipelines":
        depths = {f"{type(model).__name__.lower()}__max_depth": [1, 2]}
    return {
        "pipeline": lambda: make_pipeline(StandardScaler(), model),
        "search": lambda: GridSearchCV(model, depths, cv=3),
        "parallel": lambda: GridSearchCV(model, depths, cv=3, n_jobs=2),
        "search of pipelines": lambda: GridSearchCV(
            make_pipeline(StandardScaler(), model), depths, cv=2
        ),
        "vote": lambda: VotingClassifier([("a", model), ("b", LogisticRegression())]),
        "calibrated": lambda: CalibratedClassifierCV(model, cv=2),
        "outputs": lambda: MultiOutputRegressor(regressor),
        "selection": lambda: make_pipeline(SelectFromModel(model), LogisticRegression()),
    }[kind]()


class WrapperContract:
    """Of one library: its name, and how its wrappers are made and evaluated."""

    flavor: str
    eval_sets: tuple[str, str]  # their names, where the user gives none
    loss: str
    importances: tuple[str, ...]
    model_file: str

    def classifier(self, **params: Any) -> Any:
        """A small classifier."""
        raise NotImplementedError

    def regressor(self) -> Any:
        """A small regressor."""
        raise NotImplementedError

    def evaluated(self) -> tuple[Any, dict[str, dict[str, list[float]]], dict[str, str]]:
        """A classifier trained with EVAL for six rounds, its evaluation, and params to expect."""
        raise NotImplementedError

    def fitted(self) -> Any:
        """All that a fit brings forth, with a random part in it."""
        raise NotImplementedError

    def trained(self) -> Any:
        """All that a training without a wrapper brings forth."""
        raise NotImplementedError

    def switch_on(self, order: str) -> None:
        """Autologging: of the library alone, or beside that of scikit-learn."""
        library = getattr(autolog, self.flavor)
        switches = {
            "alone": [library],
            "all": [autolog],
            "last": [autolog.sklearn, library],
            "sklearn last": [library, autolog.sklearn],
        }
        for switch in switches[order]:
            switch.autolog()

    @pytest.fixture(params=["alone", *TOGETHER])
    def switched_on(self, request):
        self.switch_on(request.param)
        return request.param

    def test_a_classifier(self, switched_on):
        model, evaluation, params = self.evaluated()
        name = type(model).__name__
        run = only_run()
        assert run.info.status == "FINISHED"
        assert run.data.tags["mlflow.autologging"] == self.flavor
        assert run.data.params.items() >= params.items()
        for data, found in evaluation.items():
            for metric, values in found.items():
                assert curve(run, f"{data}-{metric}") == (list(range(6)), values)
        assert "stopped_iteration" not in run.data.metrics
        inputs = [(i.dataset.name, i.tags[0].value) for i in run.inputs.dataset_inputs]
        assert inputs == [("X", "train"), *((name, "eval") for name in self.eval_sets)]
        files = (f"feature_importance_{kind}" for kind in self.importances)
        expected = {"model"}.union(*({f"{file}.json", f"{file}.png"} for file in files))
        assert artifacts(run) >= expected
        assert artifacts(run, "model") >= {"model/MLmodel", self.model_file}
        if switched_on == "alone":
            assert artifacts(run) == expected
        else:
            accuracy = metrics.accuracy_score(Y, model.predict(X))
            assert run.data.metrics["training_accuracy_score"] == accuracy
            assert run.data.tags["estimator_name"] == name
            assert "training_confusion_matrix.png" in artifacts(run)
        loaded = getattr(autolog, self.flavor).load_model(f"runs:/{run.info.run_id}/model")
        assert type(loaded) is type(model)
        assert np.array_equal(loaded.predict_proba(X), model.predict_proba(X))
        assert loaded.get_params() == model.get_params()

    def test_several_fits_in_a_run_of_the_user(self, switched_on):
        with autolog.start_run():
            for depth in (2, 3):
                model = self.classifier(max_depth=depth).fit(X, Y, eval_set=EVAL[:1])
        second = type(model).__name__ + "-2"
        run = only_run()
        assert run.data.params["max_depth"] == "2"
        assert run.data.params[f"{second}.max_depth"] == "3"
        key = f"{self.eval_sets[0]}-{self.loss}"
        assert {key, f"{second}.{key}"} <= set(run.data.metrics)
        assert {"model", f"{second}.model"} <= artifacts(run)
        assert not any(key.startswith(f"{type(model).__name__}-3") for key in run.data.params)

    @pytest.mark.parametrize(
        "kind",
        [
            "pipeline", "search", "parallel", "search of pipelines", "vote", "calibrated",
            "outputs", "selection",
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("order", TOGETHER)
    def test_inside_estimators_of_scikit_learn(self, kind, order):
        self.switch_on(order)
        model = larger(kind, self.classifier(), self.regressor())
        model.fit(X, X[:, :2] if kind == "outputs" else Y)
        found = runs()
        (run,) = (run for run in found if "mlflow.parentRunId" not in run.data.tags)
        assert len(found) == (3 if "search" in kind or kind == "parallel" else 1)
        assert run.data.tags["mlflow.autologging"] == "sklearn"
        assert run.data.tags["estimator_name"] == type(model).__name__
        assert "num_boost_round" not in run.data.params
        assert not any(self.loss in key and "training" not in key for key in run.data.metrics)
        assert not any(file.startswith("feature_importance") for file in artifacts(run))
        assert "model" in artifacts(run)

    def test_inside_estimators_of_scikit_learn_that_nobody_records(self):
        self.switch_on("alone")
        for number, kind in enumerate(("pipeline", "search", "search of pipelines", "vote"), 1):
            larger(kind, self.classifier(), self.regressor()).fit(X, Y)
            # Of a search the one that is fitted to all data; folds are no trainings of the user's.
            assert len(runs()) == number, kind
        cross_val_score(self.classifier(), X, Y, cv=2)
        assert {run.data.tags["mlflow.autologging"] for run in runs()} == {self.flavor}
        assert len(runs()) == 4

    def test_cross_val_score_opens_no_run(self):
        autolog.autolog()
        cross_val_score(self.classifier(), X, Y, cv=3)
        assert runs() == []

    def test_kinds_of_data(self, switched_on):
        frame = pd.DataFrame({"a": X[:, 0], "b": pd.Categorical(CLASSES)})
        self.classifier().fit(frame, pd.Series(Y))
        self.classifier().fit(scipy.sparse.csr_matrix(X), Y)
        assert len(runs()) == 2
        for run in runs():
            assert run.info.status == "FINISHED"
            assert len(run.inputs.dataset_inputs) == 1
            assert "model/MLmodel" in artifacts(run, "model")

    def test_metrics_after_training(self, switched_on):
        model = self.classifier().fit(X, Y)
        X_test, y_test = X[200:], Y[200:]
        value = metrics.accuracy_score(Y, model.predict(X))
        area = metrics.roc_auc_score(y_test, model.predict_proba(X_test)[:, 1])
        score = model.score(X_test, y_test)
        run = only_run()
        assert (
            run.data.metrics.items()
            >= {
                "accuracy_score_X": value,
                "roc_auc_score_X_test": area,
                f"{type(model).__name__}_score_X_test": score,
            }.items()
        )
        assert not any("-2" in key for key in run.data.metrics)
        assert "metric_info.json" in artifacts(run)
        inputs = {(i.dataset.name, i.tags[0].value) for i in run.inputs.dataset_inputs}
        assert inputs >= {("X", "train"), ("X_test", "eval")}

    def test_a_fit_that_fails(self, switched_on):
        with pytest.raises(ValueError):  # noqa: PT011 (the library's own words)
            self.classifier().fit(X, Y[:10])
        assert {run.info.status for run in runs()} <= {"FAILED"}

    @pytest.mark.parametrize("order", ["alone", *TOGETHER])
    def test_a_fit_and_a_training_are_the_same(self, order):
        fitted, trained = self.fitted(), self.trained()
        self.switch_on(order)
        assert self.fitted() == fitted
        assert self.trained() == trained
        assert runs() != []
