"""XGBoost's scikit-learn wrappers: alone, beside scikit-learn's autologging, and inside it."""

from __future__ import annotations

from types import FunctionType

import numpy as np
import pytest
import xgboost as xgb
from sklearn.base import BaseEstimator

import autolog
from integration_tests.reading import only_run, runs
from integration_tests.xgboost.boosted_data import CLASSES, TARGET, X, Y, curve
from integration_tests.xgboost.wrapper_contract import EVAL, WrapperContract

WRAPPERS = [
    (xgb.XGBRegressor(n_estimators=3), TARGET, {}),
    (xgb.XGBClassifier(n_estimators=3), CLASSES, {}),
    (xgb.XGBRFClassifier(n_estimators=3), Y, {}),
    (xgb.XGBRFRegressor(n_estimators=3), TARGET, {}),
    (xgb.XGBRanker(n_estimators=3), CLASSES, {"qid": np.repeat([0, 1, 2], 100)}),
    (xgb.XGBRegressor(n_estimators=3), np.stack([TARGET, -TARGET], axis=1), {}),
    (xgb.XGBRegressor(n_estimators=3, multi_strategy="multi_output_tree"), X[:, :2], {}),
]
if not xgb.__version__.startswith("2."):  # those cannot save it
    WRAPPERS.append((xgb.XGBModel(n_estimators=3, objective="reg:squarederror"), TARGET, {}))


class TestWrappers(WrapperContract):
    flavor = "xgboost"
    eval_sets = ("validation_0", "validation_1")
    loss = "logloss"
    importances = ("weight",)
    model_file = "model/model.ubj"

    def classifier(self, **params):
        return xgb.XGBClassifier(**({"n_estimators": 2, "enable_categorical": True} | params))

    def regressor(self):
        return xgb.XGBRegressor(n_estimators=2)

    def evaluated(self):
        model = self.classifier(n_estimators=6, max_depth=2, eval_metric=["auc", "logloss"])
        model.fit(X, Y, eval_set=EVAL, verbose=False)
        return model, model.evals_result(), {
            "num_boost_round": "6", "max_depth": "2", "eval_metric": "['auc', 'logloss']",
            "objective": "binary:logistic", "learning_rate": "None",
            "early_stopping_rounds": "None",
        }  # fmt: skip

    def fitted(self):
        model = xgb.XGBClassifier(
            n_estimators=5,
            subsample=0.5,
            random_state=1,
            eval_metric="auc",
            early_stopping_rounds=2,
        )
        model.fit(X, CLASSES, eval_set=[(X, CLASSES)], verbose=False)
        return (
            bytes(model.get_booster().save_raw("ubj")),
            model.get_booster().save_config(),
            model.evals_result(),
            repr(model.get_params()),
            model.predict_proba(X).tobytes(),
            sorted(vars(model)),
        )

    def trained(self):
        data, result = xgb.DMatrix(X, Y), {}
        booster = xgb.train(
            {"objective": "binary:logistic", "subsample": 0.5, "seed": 2}, data, 6,
            evals=[(data, "d")], evals_result=result, early_stopping_rounds=3, verbose_eval=False,
        )  # fmt: skip
        return (
            bytes(booster.save_raw("ubj")), bytes(booster.save_raw("json")), booster.save_config(),
            booster.attributes(), result, booster.predict(data).tobytes(), sorted(vars(booster)),
        )  # fmt: skip

    @pytest.mark.parametrize(("model", "y", "more"), WRAPPERS, ids=lambda v: type(v).__name__)
    @pytest.mark.parametrize("style", ["positional", "keyword"])
    def test_every_wrapper(self, switched_on, model, y, more, style):
        if style == "positional":
            model.fit(X, y, **more)
        else:
            model.fit(y=y, X=X, **more)
        run = only_run()
        assert run.data.params["num_boost_round"] in ("3", "1")
        loaded = autolog.xgboost.load_model(f"runs:/{run.info.run_id}/model")
        assert type(loaded) is type(model)
        assert np.array_equal(loaded.predict(X), model.predict(X))

    @pytest.mark.parametrize("stops", [False, True])
    def test_early_stopping(self, switched_on, stops):
        noise = np.random.RandomState(1).rand(300)
        model = xgb.XGBRegressor(n_estimators=30, early_stopping_rounds=2 if stops else None)
        model.fit(X[:200], noise[:200], eval_set=[(X[200:], noise[200:])], verbose=False)
        run = only_run()
        steps, values = curve(run, "validation_0-rmse")
        if stops:
            assert run.data.metrics["best_iteration"] == model.best_iteration
            assert run.data.metrics["stopped_iteration"] == len(steps) - 2
            assert values[-1] == values[model.best_iteration]
        else:
            assert "best_iteration" not in run.data.metrics
            assert steps == list(range(30))

    def test_early_stopping_by_a_callback_of_the_user(self, switched_on):
        noise = np.random.RandomState(1).rand(300)
        stopper = xgb.callback.EarlyStopping(2)
        model = xgb.XGBRegressor(n_estimators=30, callbacks=[stopper])
        model.fit(X[:200], noise[:200], eval_set=[(X[200:], noise[200:])], verbose=False)
        metrics = only_run().data.metrics
        assert metrics["best_iteration"] == model.best_iteration
        assert metrics["stopped_iteration"] == len(model.evals_result()["validation_0"]["rmse"]) - 1

    def test_objective_and_metric_of_the_user(self, switched_on):
        def squares(true, predicted):
            return predicted - true, np.ones_like(predicted)

        def worst(true, predicted):
            return float(np.abs(predicted - true).max())

        model = xgb.XGBRegressor(n_estimators=3, objective=squares, eval_metric=worst)
        model.fit(X, TARGET, eval_set=[(X, TARGET)], verbose=False)
        run = only_run()
        values = model.evals_result()["validation_0"]["worst"]
        assert curve(run, "validation_0-worst") == ([0, 1, 2], values)
        loaded = autolog.xgboost.load_model(f"runs:/{run.info.run_id}/model")
        assert np.array_equal(loaded.predict(X), model.predict(X))

    def test_ranking_with_groups_to_evaluate(self, switched_on):
        groups = {"qid": np.repeat([0, 1], 150), "eval_qid": [np.repeat([0, 1, 2], 100)]}
        model = xgb.XGBRanker(n_estimators=3, eval_metric="ndcg@3")
        model.fit(X, CLASSES, eval_set=[(X, CLASSES)], verbose=False, **groups)
        values = model.evals_result()["validation_0"]["ndcg@3"]
        assert curve(only_run(), "validation_0-ndcg_at_3") == ([0, 1, 2], values)

    def test_going_on_with_a_model(self, switched_on):
        first = xgb.XGBClassifier(n_estimators=2).fit(X, Y, eval_set=EVAL[:1], verbose=False)
        xgb.XGBClassifier(n_estimators=2).fit(
            X, Y, eval_set=EVAL[:1], xgb_model=first, verbose=False
        )
        assert curve(runs()[-1], "validation_0-logloss")[0] == [2, 3]

    def test_callbacks_of_the_user_are_left_as_they_are(self, switched_on):
        called = []

        class Mine(xgb.callback.TrainingCallback):
            def after_iteration(self, model, epoch, evals_log):
                called.append(epoch)
                return False

        callbacks = [Mine()]
        model = xgb.XGBClassifier(n_estimators=3, callbacks=callbacks)
        model.fit(X, Y)
        assert called == [0, 1, 2]
        assert model.get_params()["callbacks"] is callbacks
        assert len(callbacks) == 1

    def test_what_trains_on_a_cluster_is_left_alone(self, switched_on):
        class Dask(xgb.XGBClassifier):
            __module__ = "xgboost.dask"

        def work(train, *data):
            return train(*data)

        Dask(n_estimators=2).fit(X, Y)
        worker = FunctionType(work.__code__, {"__name__": "xgboost.dask"})
        worker(xgb.XGBClassifier(n_estimators=2).fit, X, Y)
        worker(xgb.train, {}, xgb.DMatrix(X, Y), 2)
        assert runs() == []
        assert "xgboost.dask is left alone; xgboost.spark is recorded by pyspark.ml" in str(
            autolog.status()
        )

    def test_an_estimator_of_the_users_own_that_trains_a_booster(self):
        class Mine(BaseEstimator):
            def fit(self, X, y):
                data = xgb.DMatrix(X, y)
                self.booster = xgb.train({}, data, 3, evals=[(data, "d")], verbose_eval=False)
                return self

        autolog.autolog()
        Mine().fit(X, Y)
        run = only_run()
        assert run.data.tags["estimator_name"] == "Mine"
        assert curve(run, "Booster.d-rmse")[0] == [0, 1, 2]

    def test_a_class_made_from_a_wrapper(self, switched_on):
        class Mine(xgb.XGBClassifier):
            pass

        model = Mine(n_estimators=2).fit(X, Y)
        run = only_run()
        loaded = autolog.xgboost.load_model(f"runs:/{run.info.run_id}/model")
        assert type(loaded) is xgb.XGBClassifier
        assert np.array_equal(loaded.predict_proba(X), model.predict_proba(X))
