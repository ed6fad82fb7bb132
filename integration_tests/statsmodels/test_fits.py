"""What a fit records: params, statistics, summary, dataset, model; and what opens no run."""

from __future__ import annotations

import json
import threading

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from statsmodels.stats.diagnostic import het_breuschpagan
from statsmodels.stats.outliers_influence import variance_inflation_factor
from statsmodels.tsa.api import ARIMA, adfuller

import autolog
from autolog.statsmodels.training import METRICS
from core_client.client import Client
from integration_tests.reading import artifacts, only_run, runs
from integration_tests.statsmodels.models import (
    MODELS,
    ROWS,
    UNSAVEABLE,
    X,
    above,
    counts,
    months,
    table,
    y,
)

WITHOUT_SUMMARY = ("ols regularized", "glm regularized", "rolling")


@pytest.fixture(autouse=True)
def recording():
    autolog.statsmodels.autolog()
    yield
    autolog.statsmodels.autolog(disable=True)


def content(run, name):
    return Client().artifacts(run.info.run_id).local(name).read_text()


def statistics(result):
    """Those of the contract that the result has."""
    found = {}
    for name in METRICS:
        try:
            value = getattr(result, name)
        except Exception:  # noqa: BLE001, S112 - a result may raise whatever it likes
            continue
        if np.ndim(value) == 0 and isinstance(value, int | float | np.number):
            found[name] = float(value)
    return found


@pytest.mark.parametrize("name", MODELS)
def test_every_kind_of_model(name, faults):
    result = MODELS[name]()
    run = only_run()
    assert run.info.status == "FINISHED"
    assert run.data.tags["mlflow.autologging"] == "statsmodels"
    assert run.data.tags["estimator_class"].endswith(run.data.tags["estimator_name"])
    assert run.data.params
    assert not [text for text in run.data.params.values() if text.startswith("<")]
    assert run.data.metrics == pytest.approx(statistics(result), nan_ok=True)
    (given,) = run.inputs.dataset_inputs
    assert given.tags[0].value == "train"
    kept = artifacts(run)
    assert ("model_summary.txt" in kept) == (name not in WITHOUT_SUMMARY)
    assert ("model" in kept) == (name not in UNSAVEABLE)
    if name in UNSAVEABLE:
        faults.expect("cannot be saved")


def test_arguments_of_fit_and_of_the_model():
    smf.glm("counts ~ a + b", table, family=sm.families.Poisson()).fit(maxiter=50, tol=1e-7)
    run = only_run()
    assert run.data.params.items() >= {
        "formula": "counts ~ a + b", "family": "Poisson", "maxiter": "50", "tol": "1e-07",
        "method": "IRLS", "cov_type": "nonrobust",
    }.items()  # fmt: skip
    assert run.data.params["link"].lower() == "log"
    assert "kwargs" not in run.data.params


def test_the_order_of_a_series():
    ARIMA(months, order=(1, 1, 0), seasonal_order=(1, 0, 0, 12)).fit(method_kwargs={"maxiter": 5})
    params = only_run().data.params
    assert (params["order"], params["seasonal_order"]) == ("(1, 1, 0)", "(1, 0, 0, 12)")
    assert params["method_kwargs"] == "{'maxiter': 5}"


def test_statistics_of_ols():
    result = sm.OLS(y, X).fit()
    metrics = only_run().data.metrics
    assert set(metrics) == set(METRICS)
    assert metrics["rsquared"] == result.rsquared
    assert metrics["condition_number"] == result.condition_number


def test_infinite_statistics_are_kept_as_they_are():
    sm.OLS(np.zeros(5), np.eye(5)).fit()
    metrics = only_run().data.metrics
    assert np.isnan(metrics["rsquared"]) or np.isinf(metrics["aic"])
    assert any(not np.isfinite(value) for value in metrics.values())


def test_the_summary_as_text_and_as_json():
    result = smf.ols("y ~ a + b", table).fit()
    run = only_run()
    lines = result.summary().as_text().splitlines()
    kept = content(run, "model_summary.txt").splitlines()
    clock = [place for place, line in enumerate(lines) if "Time:" in line]
    assert [x for i, x in enumerate(kept) if i not in clock] == [
        x for i, x in enumerate(lines) if i not in clock
    ]
    summary = json.loads(content(run, "model_summary.json"))
    assert (summary["model"], summary["statistic"], summary["confidence"]) == ("OLS", "t", 0.95)
    frame = pd.DataFrame(summary["parameters"]).set_index("name")
    for column, expected in {
        "estimate": result.params,
        "standard_error": result.bse,
        "statistic": result.tvalues,
        "p_value": result.pvalues,
        "confidence_low": result.conf_int()[0],
        "confidence_high": result.conf_int()[1],
    }.items():
        np.testing.assert_array_equal(frame[column], expected[frame.index])
    assert summary["metrics"]["rsquared"] == result.rsquared


def test_the_summary_of_several_equations():
    result = smf.mnlogit("level ~ a", table).fit(disp=0)
    summary = json.loads(content(only_run(), "model_summary.json"))
    rows = {(row["name"], row["equation"]): row for row in summary["parameters"]}
    assert len(rows) == result.params.size
    second = rows["a", str(result.params.columns[1])]
    assert second["estimate"] == result.params.loc["a"].iloc[1]
    assert second["p_value"] == result.pvalues.loc["a"].iloc[1]
    low, high = np.asarray(result.conf_int()).reshape(2, 2, 2)[1, 1]
    assert (second["confidence_low"], second["confidence_high"]) == (low, high)


def test_what_a_regularized_fit_has_not_is_null():
    sm.OLS(y, X).fit_regularized(alpha=0.1)
    run = only_run()
    (first, *_) = json.loads(content(run, "model_summary.json"))["parameters"]
    assert first["estimate"] is not None
    assert first["standard_error"] is first["confidence_low"] is None
    assert run.data.params["L1_wt"] == "1.0"


@pytest.mark.parametrize(
    ("fit", "name", "columns"),
    [
        (lambda data, X: smf.ols("y ~ a", data).fit(), "data", list(table.columns)),
        (lambda data, X: sm.OLS(data["y"], X).fit(), "X", ["a", "b"]),
    ],
)
def test_the_dataset(fit, name, columns):
    data, X = table.copy(), table[["a", "b"]]
    fit(data, X)
    (given,) = only_run().inputs.dataset_inputs
    assert given.dataset.name == name
    schema = json.loads(given.dataset.schema)["mlflow_colspec"]
    assert [column["name"] for column in schema] == columns
    assert json.loads(given.dataset.profile)["num_rows"] == ROWS


def test_options():
    autolog.statsmodels.autolog(log_models=False, log_datasets=False, extra_tags={"team": "blue"})
    sm.OLS(y, X).fit()
    run = only_run()
    assert artifacts(run) == {"model_summary.txt", "model_summary.json"}
    assert run.inputs.dataset_inputs == []
    assert run.data.tags["team"] == "blue"


def test_fits_that_statsmodels_makes_itself_open_no_run():
    result = sm.OLS(y, X).fit()
    adfuller(months)
    het_breuschpagan(result.resid, X)
    variance_inflation_factor(X, 1)
    assert sm.Logit(above, X).fit(disp=0).summary()  # fits a model without features
    assert [run.data.tags["estimator_name"] for run in runs()] == ["OLS", "Logit"]


def test_a_model_of_the_users_that_fits_another():
    class Twice(sm.OLS):
        def fit(self, power=2):
            sm.Logit(above, X).fit(disp=0)
            return super().fit()

    Twice(y, X).fit(power=3)
    run = only_run()
    assert run.data.tags["estimator_name"] == "Twice"
    assert run.data.params["power"] == "3"


def test_two_fits_in_a_run_of_the_users():
    with autolog.start_run():
        first = sm.OLS(y, X).fit()
        second = sm.OLS(y, X[:, :2]).fit(cov_type="HC1")
        sm.Logit(above, X).fit(disp=0)
    run = only_run()
    assert "mlflow.autologging" not in run.data.tags
    assert run.data.params["cov_type"] == "nonrobust"
    assert run.data.params["OLS-2.cov_type"] == "HC1"
    assert run.data.metrics["rsquared"] == first.rsquared
    assert run.data.metrics["OLS-2.rsquared"] == second.rsquared
    assert run.data.params["Logit.method"] == "newton"
    assert artifacts(run) >= {"model", "OLS-2.model", "OLS-2.model_summary.txt", "Logit.model"}


def test_fits_in_threads_are_a_run_each():
    threads = [
        threading.Thread(target=lambda part=part: sm.OLS(y[:part], X[:part]).fit())
        for part in range(40, 120, 20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = runs()
    assert len(found) == 4
    assert len({run.data.metrics["llf"] for run in found}) == 4


def test_a_fit_that_raises():
    with pytest.raises(ValueError, match="pinv"):
        sm.OLS(y, X).fit(method="unknown")
    run = only_run()
    assert run.info.status == "FAILED"
    assert run.data.tags["autolog.error"].startswith("ValueError")
    assert run.data.params["method"] == "unknown"
    assert artifacts(run) == set()


def test_an_interrupted_fit():
    def interrupt(params):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sm.Poisson(counts, X).fit(method="bfgs", callback=interrupt, disp=0)
    run = only_run()
    assert run.info.status == "FAILED"
    assert run.data.params["callback"] == "interrupt"


def test_a_result_that_cannot_be_saved(faults):
    model = sm.OLS(y, X)
    model.lock = threading.Lock()
    result = model.fit()
    run = only_run()
    assert run.data.metrics["rsquared"] == result.rsquared
    assert artifacts(run) == {"model_summary.txt", "model_summary.json"}
    faults.expect("attribute '_results.model.lock' of type lock cannot be pickled")


def test_singular_data():
    singular = np.column_stack([X, X[:, 1]])
    result = sm.OLS(y, singular).fit()
    run = only_run()
    assert run.info.status == "FINISHED"
    assert run.data.metrics["df_model"] == result.df_model == 3
    with pytest.raises(np.linalg.LinAlgError):
        sm.Logit(above, singular).fit(disp=0)
    assert runs()[1].info.status == "FAILED"


def test_data_changed_after_the_fit_is_not_what_is_recorded():
    data, target = X.copy(), y.copy()
    result = sm.OLS(target, data).fit()
    expected = str(result.summary().tables[1])
    data[:], target[:] = 0, 0
    run = only_run()
    assert expected in content(run, "model_summary.txt")
    loaded = autolog.statsmodels.load_model(f"runs:/{run.info.run_id}/model")
    np.testing.assert_array_equal(loaded.model.exog, X)
