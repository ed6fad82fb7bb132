"""Every kind of data that a training takes: how it is described, and that it is not copied."""

from __future__ import annotations

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
import scipy.sparse

import autolog
from integration_tests.lightgbm.trainings import QUIET
from integration_tests.sklearn.sklearn_runs import artifacts, only_run, runs
from integration_tests.xgboost.boosted_data import (
    CLASSES,
    LARGE,
    MOST_BESIDE,
    X,
    Y,
    peak,
)

pytestmark = pytest.mark.usefixtures("recording")


class Rows(lgb.Sequence):
    """Rows that are fetched when they are wanted."""

    batch_size = 50

    def __getitem__(self, place):
        return X[place]

    def __len__(self):
        return len(X)


KINDS = {
    "array": lambda _: lgb.Dataset(X, Y),
    "kept": lambda _: lgb.Dataset(X, label=Y, free_raw_data=False),
    "float32": lambda _: lgb.Dataset(X.astype(np.float32), Y),
    "sparse": lambda _: lgb.Dataset(scipy.sparse.csr_matrix(X), Y),
    "frame": lambda _: lgb.Dataset(pd.DataFrame(X, columns=list("abcde")), pd.Series(Y)),
    "categories": lambda _: lgb.Dataset(
        pd.DataFrame({"a": X[:, 0], "b": pd.Categorical(CLASSES)}), Y
    ),
    "constructed": lambda _: lgb.Dataset(X, Y, params=QUIET).construct(),
    "numbered categories": lambda _: lgb.Dataset(
        np.column_stack([X, CLASSES]), Y, categorical_feature=[5]
    ),
    "parts": lambda _: lgb.Dataset([X[:100], X[100:]], Y),
    "sequence": lambda _: lgb.Dataset(Rows(), Y),
    "subset": lambda _: lgb.Dataset(X, Y, free_raw_data=False).subset(list(range(150))),
}


NO_ROWS = ("parts", "sequence", "subset")  # these do not give any back
ROWS = {  # what is predicted for, where it is not X
    "frame": pd.DataFrame(X, columns=list("abcde")),
    "categories": pd.DataFrame({"a": X[:, 0], "b": pd.Categorical(CLASSES)}),
    "numbered categories": np.column_stack([X, CLASSES]),
    "sparse": scipy.sparse.csr_matrix(X),
    "float32": X.astype(np.float32),
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_data(kind, tmp_path):
    autolog.lightgbm.autolog(log_input_examples=True)
    booster = lgb.train(QUIET, KINDS[kind](tmp_path), 2)
    run = only_run()
    (given,) = run.inputs.dataset_inputs
    assert given.dataset.name == "dataset"
    assert ("150" if kind == "subset" else "300") in given.dataset.profile
    uri = f"runs:/{run.info.run_id}/model"
    assert autolog.lightgbm.load_model(uri).model_to_string() == booster.model_to_string()
    kept = artifacts(run, "model")
    assert ("model/input_example.json" in kept) == (kind not in NO_ROWS)
    loaded = autolog.pyfunc.load_model(uri)
    assert (loaded.metadata.signature is not None) == (kind not in NO_ROWS)
    rows = ROWS.get(kind, X)
    assert np.array_equal(loaded.predict(rows), booster.predict(rows))


def test_a_file(tmp_path):
    path = tmp_path / "data.csv"
    np.savetxt(path, np.column_stack([Y, X]), delimiter=",")
    lgb.train(QUIET, lgb.Dataset(str(path)), 2)
    run = only_run()
    assert run.info.status == "FINISHED"
    (given,) = run.inputs.dataset_inputs
    assert "300" in given.dataset.profile
    assert "model" in artifacts(run)


LABELS = (LARGE[:, 0] > 0.5).astype(int)


@pytest.mark.parametrize("kind", [np.asarray, scipy.sparse.csc_matrix])
def test_data_is_not_copied(kind):
    def native(data):
        lgb.train(QUIET, lgb.Dataset(data, LABELS[: data.shape[0]]), 1)

    def wrapped(data):
        lgb.LGBMClassifier(n_estimators=1, **QUIET).fit(data, LABELS[: data.shape[0]])

    autolog.disable()
    data = kind(LARGE)
    native(data[:50]), wrapped(data[:50])  # what is imported for it
    bare = [peak(native, data), peak(wrapped, data)]
    autolog.lightgbm.autolog()
    native(data[:50]), wrapped(data[:50])
    autolog.flush_async_logging()
    recorded = [peak(native, data), peak(wrapped, data)]
    assert np.all(np.subtract(recorded, bare) < MOST_BESIDE)
    assert [i.dataset.name for i in runs()[-1].inputs.dataset_inputs] == ["data"]
