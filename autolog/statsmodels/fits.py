"""Hooks of fitting: every way in which a model of statsmodels is fitted."""

from __future__ import annotations

from autolog.engine import on

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any

    from autolog.engine.call import Call


def fit(call: Call) -> Generator[None, Any, None]:
    """Record one fit that the user asked for."""
    if call.is_internal:
        yield
        return
    from autolog.statsmodels.training import Training

    training = Training(call)
    training.before()
    result = yield
    training.after(result)


METHODS = ("fit", "fit_constrained", "fit_em", "fit_map", "fit_regularized", "fit_vb")

# Models that do not derive from statsmodels' class of all others.
FURTHER = (
    ("statsmodels.base.distributed_estimation", "DistributedModel"),
    ("statsmodels.imputation.bayes_mi", "MI"),
    ("statsmodels.imputation.mice", "MICE"),
    ("statsmodels.regression.rolling", "RollingWLS"),
    ("statsmodels.stats.anova", "AnovaRM"),
    ("statsmodels.stats.mediation", "Mediation"),
    ("statsmodels.tsa.forecasting.stl", "STLForecast"),
    ("statsmodels.tsa.forecasting.theta", "ThetaModel"),
    ("statsmodels.tsa.vector_ar.local_proj", "LocalProjections"),
)

for method in METHODS:
    on("statsmodels.base.model", f"Model.{method}", subclasses=True)(fit)
for module, name in FURTHER:
    on(module, f"{name}.fit", subclasses=True)(fit)
