"""A fit is the same with and without autologging: result, errors, warnings, output, random state."""

from __future__ import annotations

import pickle
import random
import warnings

import cloudpickle
import numpy as np
import pytest
import statsmodels.api as sm

import autolog
from autolog.statsmodels.snapshot import snapshot
from core_client import background
from integration_tests.statsmodels.models import MODELS, UNSAVEABLE, X, above, counts, y

# A GLM pickles memory that it never wrote to, a sampler draws where no seed reaches.
CHANGING = {
    **dict.fromkeys(
        ("glm", "glm by formula", "glm constrained", "glm regularized", "gam", "gee"), ("pickle",)
    ),
    "bayes": ("pickle", "params", "warnings"),
    "bayes by variation": ("pickle", "params", "warnings"),
    "imputed": ("pickle", "params"),
}


def fitted(fit, capfd):
    """Everything that a fit gives and leaves behind, as comparable values."""
    random.seed(1)
    np.random.seed(1)
    capfd.readouterr()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        filters = list(warnings.filters)
        result = fit()
        background.wait()
        assert list(warnings.filters) == filters
        told = [(one.category, str(one.message), one.filename, one.lineno) for one in caught]
    inner = getattr(result, "_results", result)
    return {
        "type": type(result),
        "attributes": sorted(vars(inner)),
        "pickle": None if fit is MODELS["within groups"] else cloudpickle.dumps(result),
        "params": repr(getattr(result, "params", None)),
        "computed": sorted(getattr(inner, "_cache", None) or ()),
        "warnings": told,
        "output": capfd.readouterr(),
        "python": random.getstate(),
        "numpy": pickle.dumps(np.random.get_state()),
    }


@pytest.mark.parametrize("name", MODELS)
def test_a_fit_is_the_same(name, capfd, faults):
    autolog.statsmodels.autolog(disable=True)
    without = fitted(MODELS[name], capfd)
    autolog.statsmodels.autolog()
    recorded = fitted(MODELS[name], capfd)
    for part, value in without.items():
        if part not in CHANGING.get(name, ()):
            assert recorded[part] == value, part
    if name in UNSAVEABLE:
        faults.caught.clear()


@pytest.mark.parametrize("name", MODELS)
def test_a_snapshot_is_the_result_and_shares_nothing_that_changes(name):
    result = MODELS[name]()
    copied = snapshot(result)
    assert type(copied) is type(result)
    before = None if name in UNSAVEABLE else cloudpickle.dumps(result)
    if hasattr(copied, "summary") and "regularized" not in name:
        copied.summary()
    model = getattr(copied, "model", None)
    for array in (getattr(copied, "params", None), getattr(model, "exog", None)):
        if isinstance(array, np.ndarray) and array.flags.writeable:
            array[:] = 0
    assert before is None or cloudpickle.dumps(result) == before


def test_convergence_is_told_as_ever(capfd):
    def fit():
        return sm.Poisson(counts, X).fit(maxiter=2)

    autolog.statsmodels.autolog(disable=True)
    without = fitted(fit, capfd)
    autolog.statsmodels.autolog()
    recorded = fitted(fit, capfd)
    assert recorded == without
    assert "Maximum number of iterations" in recorded["output"].out
    assert [told[0].__name__ for told in recorded["warnings"]] == ["ConvergenceWarning"]


def error_of(call):
    with pytest.raises(Exception) as caught:  # noqa: PT011 - which one is the question
        call()
    return type(caught.value), str(caught.value)


@pytest.mark.parametrize(
    "call",
    [
        lambda: sm.OLS(y, X).fit("unknown"),
        lambda: sm.OLS(y, X).fit(no=1, method="pinv", cov_type="unknown"),
        lambda: sm.OLS(y, X).fit(1, 2, 3, 4, 5, 6, 7),
        lambda: sm.Logit(above, np.column_stack([X, X])).fit(disp=0),
        lambda: sm.OLS(y, X).fit_constrained("x1 = 0"),
        lambda: sm.OLS(y, X).fit_regularized(method="unknown"),
        lambda: sm.Poisson(counts, X).fit(start_params=[1], disp=0),
    ],
)
def test_errors_are_the_same(call):
    autolog.statsmodels.autolog(disable=True)
    without = error_of(call)
    autolog.statsmodels.autolog()
    assert error_of(call) == without


def test_a_fault_of_ours_stays_ours(monkeypatch, faults):
    from autolog.statsmodels import training

    def broken(result):
        raise RuntimeError("ours")

    monkeypatch.setattr(training, "metrics", broken)
    autolog.statsmodels.autolog()
    assert sm.OLS(y, X).fit().rsquared > 0
    (run,) = autolog.search_runs(output_format="list")
    assert run.info.status == "FINISHED"
    assert run.data.params["method"] == "pinv"
    faults.expect("ours")
