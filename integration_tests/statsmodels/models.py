"""Models of every kind that statsmodels has, fitted to small data, each in a way users do it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import statsmodels.api as sm
import statsmodels.formula.api as smf
from scipy import stats
from statsmodels.base.model import GenericLikelihoodModel
from statsmodels.discrete.conditional_models import ConditionalLogit
from statsmodels.gam.api import BSplines, GLMGam
from statsmodels.genmod.bayes_mixed_glm import BinomialBayesMixedGLM
from statsmodels.imputation import mice
from statsmodels.miscmodels.ordinal_model import OrderedModel
from statsmodels.othermod.betareg import BetaModel
from statsmodels.regression.rolling import RollingOLS
from statsmodels.stats.anova import AnovaRM
from statsmodels.tsa import api as tsa
from statsmodels.tsa.forecasting.stl import STLForecast
from statsmodels.tsa.forecasting.theta import ThetaModel

ROWS = 120
_rng = np.random.default_rng(0)
X = sm.add_constant(_rng.normal(size=(ROWS, 3)))
y = X @ [1.0, 0.5, -1.0, 0.2] + _rng.normal(size=ROWS)
above = (y > 1).astype(float)
counts = _rng.poisson(np.exp(X @ [0.1, 0.2, 0.1, 0.1]))
level = np.digitize(y, [0, 1.5])
share = 1 / (1 + np.exp(-y))
table = pd.DataFrame(X[:, 1:], columns=["a", "b", "c"]).assign(
    y=y, above=above, counts=counts, level=level, group=np.repeat(range(12), 10)
)
months = pd.Series(
    np.cumsum(_rng.normal(size=ROWS)), pd.date_range("2000-01-01", periods=ROWS, freq="MS")
)
pair = table[["a", "b"]]
twice = pd.DataFrame({"who": np.repeat(range(6), 2), "when": [0, 1] * 6, "value": y[:12]})
holes = table[["y", "a", "b"]].where(_rng.random((ROWS, 3)) > 0.1)
binomial, poisson = sm.families.Binomial, sm.families.Poisson


class Normal(GenericLikelihoodModel):
    """A model of the user's own."""

    def nloglikeobs(self, params: Any) -> Any:
        """What its likelihood is."""
        return -stats.norm.logpdf(self.endog, self.exog @ params)


def imputed() -> Any:
    np.random.seed(1)
    return mice.MICE("y ~ a", sm.OLS, mice.MICEData(holes)).fit(1, 2)


REGRESSIONS: dict[str, Callable[[], Any]] = {
    "ols": lambda: sm.OLS(y, X).fit(),
    "ols of frames": lambda: sm.OLS(table["y"], table[["a", "b"]]).fit(method="qr"),
    "ols with robust covariance": lambda: sm.OLS(y, X).fit(cov_type="HAC", cov_kwds={"maxlags": 2}),
    "ols by formula": lambda: smf.ols("y ~ np.log(a + 10) + C(group)", table).fit(),
    "ols regularized": lambda: sm.OLS(y, X).fit_regularized(alpha=0.1),
    "wls": lambda: sm.WLS(y, X, weights=np.arange(1, ROWS + 1)).fit(),
    "gls": lambda: sm.GLS(y, X).fit(),
    "glsar": lambda: sm.GLSAR(y, X, rho=1).fit(),
    "quantiles": lambda: smf.quantreg("y ~ a", table).fit(q=0.3),
    "robust": lambda: sm.RLM(y, X, M=sm.robust.norms.TukeyBiweight()).fit(),
    "rolling": lambda: RollingOLS(y, X, window=30).fit(),
    "recursive": lambda: sm.RecursiveLS(y, X).fit(),
    "mixed": lambda: smf.mixedlm("y ~ a", table, groups=table["group"]).fit(),
    "glm": lambda: sm.GLM(above, X, family=binomial()).fit(),
    "glm by formula": lambda: smf.glm("counts ~ a + b", table, family=poisson()).fit(),
    "glm constrained": lambda: sm.GLM(counts, X, family=poisson()).fit_constrained("x1 = 0"),
    "glm regularized": lambda: sm.GLM(above, X, family=binomial()).fit_regularized(alpha=0.1),
    "gam": lambda: GLMGam(
        y, X[:, :1], smoother=BSplines(table[["a"]], df=[6], degree=[3]), alpha=[1.0]
    ).fit(),
    "gee": lambda: smf.gee("y ~ a", "group", table, cov_struct=sm.cov_struct.Exchangeable()).fit(),
    "logit": lambda: sm.Logit(above, X).fit(disp=0),
    "logit by formula": lambda: smf.logit("above ~ a", table).fit(disp=0),
    "logit regularized": lambda: sm.Logit(above, X).fit_regularized(alpha=0.1, disp=0),
    "probit": lambda: sm.Probit(above, X).fit(disp=0),
    "several classes": lambda: sm.MNLogit(level, X).fit(disp=0),
    "classes in order": lambda: OrderedModel(level, X[:, 1:], distr="logit").fit(
        method="bfgs", disp=0
    ),
    "counts": lambda: sm.Poisson(counts, X).fit(disp=0),
    "negative binomial": lambda: sm.NegativeBinomial(counts, X).fit(disp=0),
    "zero inflated": lambda: sm.ZeroInflatedPoisson(counts, X).fit(maxiter=5, disp=0),
    "shares": lambda: BetaModel(share, X).fit(disp=0),
    "hazards": lambda: sm.PHReg(np.abs(y) + 0.1, X[:, 1:], status=above).fit(),
    "bayes by variation": lambda: BinomialBayesMixedGLM.from_formula(
        "above ~ a", {"group": "0 + C(group)"}, table
    ).fit_vb(),
    "within groups": lambda: ConditionalLogit(
        above, X[:, 1:], groups=table["group"].to_numpy()
    ).fit(disp=0),
    "bayes": lambda: BinomialBayesMixedGLM.from_formula(
        "above ~ a", {"group": "0 + C(group)"}, table
    ).fit_map(),
    "factors": lambda: sm.Factor(table[["a", "b", "c", "y"]], n_factor=1).fit(),
    "repeated measures": lambda: AnovaRM(twice, "value", "who", within=["when"]).fit(),
    "imputed": imputed,
    "the user's own": lambda: Normal(y, X).fit(disp=0),
}

SERIES: dict[str, Callable[[], Any]] = {
    "arima": lambda: tsa.ARIMA(months, order=(1, 1, 0)).fit(),
    "sarimax": lambda: tsa.SARIMAX(
        months, order=(1, 0, 0), seasonal_order=(1, 0, 0, 12), trend="c"
    ).fit(disp=0),
    "autoregression": lambda: tsa.AutoReg(months, lags=2).fit(),
    "distributed lags": lambda: tsa.ARDL(months, 2).fit(),
    "several series": lambda: tsa.VAR(pair).fit(2),
    "several series in state space": lambda: tsa.VARMAX(pair, order=(1, 0)).fit(maxiter=3, disp=0),
    "cointegrated": lambda: tsa.VECM(pair, k_ar_diff=1).fit(),
    "exponential smoothing": lambda: tsa.ExponentialSmoothing(months, trend="add").fit(),
    "holt": lambda: tsa.Holt(months, initialization_method="estimated").fit(),
    "innovations": lambda: tsa.ETSModel(months, trend="add").fit(disp=0),
    "unobserved components": lambda: sm.tsa.UnobservedComponents(months, "local level").fit(disp=0),
    "regimes": lambda: sm.tsa.MarkovRegression(y, k_regimes=2).fit(),
    "theta": lambda: ThetaModel(months).fit(),
    "seasonal forecast": lambda: STLForecast(
        months, tsa.ARIMA, model_kwargs={"order": (1, 0, 0)}, period=12
    ).fit(),
}

MODELS = REGRESSIONS | SERIES
# It holds an iterator over an array, which nothing can pickle.
UNSAVEABLE = ("within groups",)
