"""Fits as users write them, run under MLflow and under autolog and compared run by run."""

from __future__ import annotations

import numpy as np
import pandas as pd
import statsmodels.api as sm
import statsmodels.formula.api as smf
from statsmodels.base.model import GenericLikelihoodModel
from statsmodels.tsa import api as tsa

duncan = pd.DataFrame(
    {"income": np.arange(45) % 17 * 4.0 + 3, "education": np.arange(45) % 11 * 8.0 + 5}
)
duncan["prestige"] = duncan.income * 0.6 + duncan.education * 0.5 + np.sin(np.arange(45)) * 9
duncan["high"] = (duncan.prestige + np.cos(np.arange(45)) * 30 > 50).astype(float)
duncan["calls"] = (np.abs(np.sin(np.arange(45))) * 6).round()
duncan["kind"] = np.arange(45) % 5
X = sm.add_constant(duncan[["income", "education"]].to_numpy())
y = duncan["prestige"].to_numpy()
series = pd.Series(
    np.cumsum(np.sin(np.arange(80) ** 1.5)), pd.date_range("2010-01-01", periods=80, freq="MS")
)


def arrays():
    sm.OLS(y, X).fit()


def frames():
    sm.OLS(duncan["prestige"], sm.add_constant(duncan[["income"]])).fit(method="qr")


def keyword_and_positional():
    sm.WLS(y, X, weights=np.linspace(1, 2, 45)).fit("pinv", "HC3", use_t=True)


def formula():
    smf.ols("prestige ~ income + np.log(education)", data=duncan).fit()


def generalized():
    sm.GLM(duncan["calls"], X, family=sm.families.Poisson()).fit(maxiter=50)


def generalized_by_formula():
    smf.glm("high ~ income", duncan, family=sm.families.Binomial()).fit(method="newton")


def logit():
    sm.Logit(duncan["high"], X).fit(disp=False)


def logit_by_formula():
    smf.logit("high ~ education", duncan).fit(disp=0, maxiter=50)


def mixed():
    smf.mixedlm("prestige ~ income", duncan, groups=duncan["kind"]).fit(reml=False)


def estimating_equations():
    smf.gee("prestige ~ income", "kind", duncan).fit()


def robust():
    sm.RLM(y, X, M=sm.robust.norms.HuberT()).fit()


def quantile():
    smf.quantreg("prestige ~ income", duncan).fit(q=0.25)


def arima():
    tsa.ARIMA(series, order=(1, 1, 1)).fit()


def sarimax():
    tsa.SARIMAX(series, order=(1, 0, 0), seasonal_order=(0, 1, 0, 12)).fit(disp=False)


def autoregression():
    tsa.AutoReg(series, lags=3).fit()


def vector_autoregression():
    tsa.VAR(duncan[["income", "education"]]).fit(maxlags=2)


def smoothing():
    tsa.ExponentialSmoothing(series, trend="add", initialization_method="estimated").fit()


def own_likelihood():
    class Mine(GenericLikelihoodModel):
        def nloglikeobs(self, params):
            return (self.endog - self.exog @ params) ** 2 / 50

    Mine(y, X).fit(disp=0, maxiter=50)


def perfect_fit():
    sm.OLS(X[:, 1], X).fit()


def two_fits():
    sm.OLS(y, X).fit()
    sm.OLS(y, X[:, :2]).fit()


SCRIPTS = {
    f.__name__: f
    for f in (
        arrays, frames, keyword_and_positional, formula, generalized, generalized_by_formula,
        logit, logit_by_formula, mixed, estimating_equations, robust, quantile, arima, sarimax,
        autoregression, vector_autoregression, smoothing, own_likelihood, perfect_fit, two_fits,
    )
}  # fmt: skip


if __name__ == "__main__":  # mlflow or autolog, then the file for what it recorded
    import importlib
    import json
    import sys

    from integration_tests.side_by_side import model_of, runs_of, told

    tracker = importlib.import_module(sys.argv[1])
    tracker.statsmodels.autolog()
    for name, script in SCRIPTS.items():
        tracker.set_experiment(name)
        script()
    client = tracker.MlflowClient()
    record = {
        name: [
            told(client, run)
            | ({"model": model_of(tracker, run)} if run.info.status == "FINISHED" else {})
            for run in runs_of(tracker, name)
        ]
        for name in SCRIPTS
    }
    with open(sys.argv[2], "w") as file:
        json.dump(record, file)
