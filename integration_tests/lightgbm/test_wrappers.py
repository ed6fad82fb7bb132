"""LightGBM's scikit-learn wrappers: alone, beside scikit-learn's autologging, and inside it."""

from __future__ import annotations

from types import FunctionType

import lightgbm as lgb
import numpy as np
import pytest
from sklearn.base import BaseEstimator

import autolog
from integration_tests.reading import only_run, runs
from integration_tests.xgboost.boosted_data import CLASSES, TARGET, X, Y, curve
from integration_tests.xgboost.wrapper_contract import EVAL, WrapperContract

WRAPPERS = [
    (lgb.LGBMRegressor(n_estimators=3, verbose=-1), TARGET, {}),
    (lgb.LGBMClassifier(n_estimators=3, verbose=-1), CLASSES, {}),
    (lgb.LGBMClassifier(n_estimators=3, verbose=-1), np.where(Y, "good", "bad"), {}),
    (lgb.LGBMRanker(n_estimators=3, verbose=-1), CLASSES, {"group": [100, 100, 100]}),
    (lgb.LGBMModel(n_estimators=3, objective="regression", verbose=-1), TARGET, {}),
]


class TestWrappers(WrapperContract):
    flavor = "lightgbm"
    eval_sets = ("valid_0", "valid_1")
    loss = "binary_logloss"
    importances = ("split", "gain")
    model_file = "model/model.skops"

    def classifier(self, **params):
        given = {"n_estimators": 4, "verbose": -1, "min_child_samples": 5} | params
        return lgb.LGBMClassifier(**given)

    def regressor(self):
        return lgb.LGBMRegressor(n_estimators=2, verbose=-1)

    def evaluated(self):
        model = self.classifier(n_estimators=6, num_leaves=4)
        model.fit(X, Y, eval_set=EVAL, eval_metric=["auc"])
        return model, model.evals_result_, {
            "num_boost_round": "6", "num_leaves": "4", "objective": "binary",
            "learning_rate": "0.1",
        }  # fmt: skip

    def fitted(self):
        model = self.classifier(subsample=0.5, subsample_freq=1, random_state=1)
        model.fit(X, CLASSES, eval_set=[(X, CLASSES)])
        return (
            model.booster_.model_to_string(), model.evals_result_, model.best_score_,
            repr(model.get_params()), model.predict_proba(X).tobytes(), sorted(vars(model)),
        )  # fmt: skip

    def trained(self):
        data, result = lgb.Dataset(X, Y), {}
        booster = lgb.train(
            {"objective": "binary", "bagging_fraction": 0.5, "bagging_freq": 1, "verbose": -1}, data,
            6, [data], ["d"], callbacks=[lgb.record_evaluation(result), lgb.early_stopping(3)],
        )  # fmt: skip
        return (
            booster.model_to_string(), booster.best_score, booster.best_iteration, result,
            booster.predict(X).tobytes(), sorted(vars(booster)), repr(booster.params),
        )  # fmt: skip

    @pytest.mark.parametrize(("model", "y", "more"), WRAPPERS, ids=lambda v: type(v).__name__)
    @pytest.mark.parametrize("style", ["positional", "keyword"])
    def test_every_wrapper(self, switched_on, model, y, more, style):
        if style == "positional":
            model.fit(X, y, **more)
        else:
            model.fit(y=y, X=X, **more)
        run = only_run()
        assert run.data.params["num_boost_round"] == "3"
        loaded = autolog.lightgbm.load_model(f"runs:/{run.info.run_id}/model")
        assert type(loaded) is type(model)
        assert np.array_equal(loaded.predict(X), model.predict(X))

    @pytest.mark.parametrize("stops", [False, True])
    def test_early_stopping(self, switched_on, stops):
        noise = np.random.RandomState(1).rand(300)
        model = lgb.LGBMRegressor(n_estimators=30, verbose=-1, min_child_samples=5)
        model.fit(
            X[:200], noise[:200], eval_set=[(X[200:], noise[200:])], eval_names=["held out"],
            callbacks=[lgb.early_stopping(2, verbose=False)] if stops else None,
        )  # fmt: skip
        run = only_run()
        steps, values = curve(run, "held out-l2")
        if stops:
            assert run.data.metrics["best_iteration"] == model.best_iteration_
            assert run.data.metrics["stopped_iteration"] == steps[-1]
            assert values[-1] == values[model.best_iteration_ - 1]
        else:
            assert "best_iteration" not in run.data.metrics
            assert steps == list(range(30))

    def test_objective_and_metric_of_the_user(self, switched_on):
        def squares(true, predicted):
            return predicted - true, np.ones_like(predicted)

        def worst(true, predicted):
            return "worst", float(np.abs(predicted - true).max()), False

        model = lgb.LGBMRegressor(n_estimators=3, objective=squares, verbose=-1)
        model.fit(X, TARGET, eval_set=[(X[200:], TARGET[200:])], eval_metric=worst)
        run = only_run()
        values = model.evals_result_["valid_0"]["worst"]
        assert curve(run, "valid_0-worst") == ([0, 1, 2], values)
        loaded = autolog.lightgbm.load_model(f"runs:/{run.info.run_id}/model")
        assert np.array_equal(loaded.predict(X), model.predict(X))

    def test_ranking_with_groups_to_evaluate(self, switched_on):
        groups = {"group": [150, 150], "eval_group": [[100]]}
        model = lgb.LGBMRanker(n_estimators=3, verbose=-1)
        model.fit(X, CLASSES, eval_set=[(X[200:], CLASSES[200:])], eval_at=[2], **groups)
        values = model.evals_result_["valid_0"]["ndcg@2"]
        assert curve(only_run(), "valid_0-ndcg_at_2") == ([0, 1, 2], values)

    def test_going_on_with_a_model(self, switched_on):
        first = self.classifier().fit(X, Y, eval_set=EVAL[:1])
        self.classifier().fit(X, Y, eval_set=EVAL[:1], init_model=first)
        assert curve(runs()[-1], "valid_0-binary_logloss")[0] == [4, 5, 6, 7]

    def test_an_eval_set_that_is_a_pair_or_has_a_name_of_the_user(self, switched_on):
        X_valid, y_valid = X[200:], Y[200:]
        self.classifier().fit(X, Y, eval_set=(X_valid, y_valid))
        run = only_run()
        assert [i.dataset.name for i in run.inputs.dataset_inputs] == ["X", "X_valid"]

    def test_callbacks_of_the_user_are_left_as_they_are(self, switched_on):
        called = []
        callbacks = [lambda env: called.append(env.iteration)]
        self.classifier().fit(X, Y, callbacks=callbacks)
        assert called == [0, 1, 2, 3]
        assert len(callbacks) == 1

    def test_what_trains_on_a_cluster_is_left_alone(self, switched_on):
        class Dask(lgb.LGBMClassifier):
            __module__ = "lightgbm.dask"

        def work(train, *data):
            return train(*data)

        Dask(n_estimators=2).fit(X, Y)
        worker = FunctionType(work.__code__, {"__name__": "lightgbm.dask"})
        worker(self.classifier().fit, X, Y)
        worker(lgb.train, {"verbose": -1}, lgb.Dataset(X, Y), 2)
        assert runs() == []
        assert "lightgbm.dask is left alone" in str(autolog.status())

    def test_an_estimator_of_the_users_own_that_trains_a_booster(self):
        class Mine(BaseEstimator):
            def fit(self, X, y):
                data = lgb.Dataset(X, y)
                self.booster = lgb.train({"verbose": -1}, data, 3, [data], ["d"])
                return self

        autolog.autolog()
        Mine().fit(X, Y)
        run = only_run()
        assert run.data.tags["estimator_name"] == "Mine"
        assert curve(run, "Booster.d-l2")[0] == [0, 1, 2]
