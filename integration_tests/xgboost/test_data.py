"""Every kind of data that a training takes: how it is described, and that it is not copied."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import xgboost as xgb

import autolog
from integration_tests.reading import artifacts, only_run, runs
from integration_tests.xgboost.boosted_data import (
    CLASSES,
    LARGE,
    MOST_BESIDE,
    X,
    Y,
    peak,
)
from integration_tests.xgboost.trainings import PARAMS

pytestmark = pytest.mark.usefixtures("recording")


def batches():
    class Batches(xgb.DataIter):
        def __init__(self, cache):
            self.position = 0
            super().__init__(**({"cache_prefix": cache} if cache else {}))

        def next(self, input_data):
            if self.position == 3:
                return 0
            rows = slice(100 * self.position, 100 * (self.position + 1))
            input_data(data=X[rows], label=Y[rows])
            self.position += 1
            return 1

        def reset(self):
            self.position = 0

    return Batches


KINDS = {
    "array": lambda _: xgb.DMatrix(X, Y),
    "float32": lambda _: xgb.DMatrix(X.astype(np.float32), label=Y),
    "sparse": lambda _: xgb.DMatrix(scipy.sparse.csr_matrix(X), Y),
    "coo": lambda _: xgb.DMatrix(scipy.sparse.coo_matrix(X), Y),
    "lists": lambda _: xgb.DMatrix(X.tolist(), Y.tolist()),
    "frame": lambda _: xgb.DMatrix(pd.DataFrame(X, columns=list("abcde")), pd.Series(Y)),
    "categories": lambda _: xgb.DMatrix(
        pd.DataFrame({"a": X[:, 0], "b": pd.Categorical(CLASSES)}), Y, enable_categorical=True
    ),
    "quantile": lambda _: xgb.QuantileDMatrix(X, Y),
    "iterator": lambda _: xgb.QuantileDMatrix(batches()(None)),
    "external": lambda folder: xgb.DMatrix(batches()(str(folder / "cache"))),
}
if hasattr(xgb, "ExtMemQuantileDMatrix"):
    KINDS["external quantiles"] = lambda folder: xgb.ExtMemQuantileDMatrix(
        batches()(str(folder / "cache"))
    )
NO_ROWS = ("iterator", "external", "external quantiles")  # these do not give any back


ROWS = {  # what is predicted for, where it is not X
    "frame": pd.DataFrame(X, columns=list("abcde")),
    "categories": pd.DataFrame({"a": X[:, 0], "b": pd.Categorical(CLASSES)}),
    "sparse": scipy.sparse.csr_matrix(X),
    "float32": X.astype(np.float32),
    "lists": X.astype(np.float32),
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_data(kind, tmp_path):
    autolog.xgboost.autolog(log_input_examples=True)
    booster = xgb.train({"tree_method": "hist"}, KINDS[kind](tmp_path), 2)
    run = only_run()
    (given,) = run.inputs.dataset_inputs
    assert given.dataset.name == "dataset"
    assert "300" in given.dataset.profile
    uri = f"runs:/{run.info.run_id}/model"
    assert autolog.xgboost.load_model(uri).save_raw("ubj") == booster.save_raw("ubj")
    kept = artifacts(run, "model")
    assert ("model/input_example.json" in kept) == (kind not in NO_ROWS)
    loaded = autolog.pyfunc.load_model(uri)
    assert (loaded.metadata.signature is not None) == (kind not in NO_ROWS)
    rows = ROWS.get(kind, X)
    expected = booster.predict(xgb.DMatrix(rows, enable_categorical=True))
    assert np.array_equal(loaded.predict(rows), expected)


def test_data_that_is_gone_is_described_by_what_the_matrix_holds():
    autolog.disable()
    columns = list("abcde")
    before = xgb.DMatrix(pd.DataFrame(X, columns=columns), Y)
    autolog.xgboost.autolog()
    xgb.train(PARAMS, before, 2)
    run = only_run()
    (given,) = run.inputs.dataset_inputs
    assert json.loads(given.dataset.profile)["num_rows"] == 300
    named = json.loads(given.dataset.schema)["mlflow_colspec"]
    assert [column["name"] for column in named] == columns


LABELS = (LARGE[:, 0] > 0.5).astype(int)


@pytest.mark.parametrize("kind", [np.asarray, scipy.sparse.csc_matrix])
def test_data_is_not_copied(kind):
    def native(data):
        xgb.train({"max_depth": 1}, xgb.DMatrix(data, LABELS[: data.shape[0]]), 1)

    def wrapped(data):
        xgb.XGBClassifier(n_estimators=1, max_depth=1).fit(data, LABELS[: data.shape[0]])

    autolog.disable()
    data = kind(LARGE)
    native(data[:50]), wrapped(data[:50])  # what is imported for it
    bare = [peak(native, data), peak(wrapped, data)]
    autolog.xgboost.autolog()
    native(data[:50]), wrapped(data[:50])
    autolog.flush_async_logging()
    recorded = [peak(native, data), peak(wrapped, data)]
    assert np.all(np.subtract(recorded, bare) < MOST_BESIDE)
    assert [i.dataset.name for i in runs()[-1].inputs.dataset_inputs] == ["data"]
