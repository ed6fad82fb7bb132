"""Every class of statsmodels that can be fitted: its fits are recorded, or it is no model."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re

import statsmodels

import autolog
from autolog.statsmodels.fits import METHODS

# Not for users: tests, examples, and what statsmodels itself calls a sandbox.
ASIDE = re.compile(r"\.(tests|examples|sandbox|conftest|make_tbls)\b|\.try_|critical_values")

# What has a method `fit`, and why it opens no run.
NO_MODELS = {
    "PenalizedMixin": "a part of models, which are recorded as themselves",
    "_VariationalBayesMixedGLM": "a part of models, too",
    "_MinimalWLS": "a step of robust and generalised models",
    "BaseCV": "tries many fits of a model, each recorded by itself",
    "MultivariateGAMCVPath": "tries many fits, too",
    "emplikeAFT": "its fit estimates nothing yet",
    "ELOriginRegress": "all its results share one cache: to ask one is to change the others",
    "KernelReg": "its fit is what other models call predict",
    "KernelCensoredReg": "its fit is what other models call predict",
    "KDEUnivariate": "an estimate of a density",
    "CovM": "an estimate of a covariance",
    "CovDetMCD": "an estimate of a covariance",
    "CovDetS": "an estimate of a covariance",
    "CovDetMM": "an estimate of a covariance",
    "RegularizedInvCovariance": "an estimate of a covariance",
    "MScale": "an estimate of a scale",
    "STL": "takes a series apart",
    "MSTL": "takes a series apart",
    "TsaDescriptive": "takes a series apart",
    "_Var": "a draft that nothing uses",
}


def test_every_class_with_a_fit() -> None:
    autolog.statsmodels.autolog()
    bare, hooked = set(), set()
    for found in pkgutil.walk_packages(statsmodels.__path__, "statsmodels."):
        if ASIDE.search(found.name):
            continue
        try:
            module = importlib.import_module(found.name)
        except ImportError:  # it wants a package that is not there
            continue
        for kind in vars(module).values():
            if inspect.isclass(kind) and kind.__module__ == found.name:
                for method in set(METHODS) & set(vars(kind)):
                    recorded = hasattr(vars(kind)[method], "__wrapped__")
                    (hooked if recorded else bare).add(kind.__name__)
    assert bare <= NO_MODELS.keys()
    assert len(hooked) > 60
