"""The same Keras trainings alone, under MLflow and under autolog: nothing changes, nothing lacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from integration_tests.mlflow.keras_scripts import BY_STEPS, SCRIPTS
from integration_tests.side_by_side import in_process, recorded

SCRIPT = Path(__file__).with_name("keras_scripts.py")
# MLflow does not know Keras's own batch size, nor what is passed by position; and it takes a batch
# out of a generator to know its size.
BETTER = {("positions", "epochs"), ("generator", "batch_size")}


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """What came of the scripts alone, under MLflow, and under autolog."""
    return recorded(SCRIPT, tmp_path_factory, "nothing", "mlflow", "autolog")


@pytest.mark.parametrize("script", SCRIPTS)
def test_nothing_changes(records, script):
    alone, _, ours = (record[script] for record in records)
    for what in ("history", "weights", "order", "drawn"):
        assert ours[what] == alone[what], what


@pytest.mark.parametrize("script", SCRIPTS)
def test_all_that_mlflow_records(records, script):
    alone, theirs, ours = (record[script] for record in records)
    assert set(ours["status"]) == set(theirs["status"]) == {"FINISHED"}
    assert len(ours["status"]) == len(theirs["status"])
    assert ours["tags"]["mlflow.autologging"] == theirs["tags"]["mlflow.autologging"]
    for key, value in theirs["params"].items():
        if (script, key) not in BETTER and (key, value) != ("batch_size", "None"):
            assert ours["params"][key] == value, key
        assert key in ours["params"]
    # MLflow reads pipelines and sequences, and so changes what the training then sees.
    same = theirs["history"] == alone["history"]
    for key, curve in theirs["curves"].items():
        found = ours["curves"][key][: len(curve)]
        if not key.startswith("validation_"):  # MLflow writes them all at step 0
            assert [step for step, _ in found] == [step for step, _ in curve], key
        if same:
            assert [value for _, value in found] == [value for _, value in curve], key
    assert set(ours["artifacts"]) >= set(theirs["artifacts"])
    for context in ("train", "eval"):
        assert ours["contexts"].count(context) >= theirs["contexts"].count(context)


def test_steps_are_all_there(records):
    (script,) = BY_STEPS
    assert [step for step, _ in records[2][script]["curves"]["loss"]] == [1, 2, 3, 4, 5, 6]


LOADING = """
import sys
for name in ("autolog", "flavors", "core_client"):
    sys.modules[name] = None
import numpy as np, mlflow
for form in ("whole", "exported"):
    path = f"{sys.argv[1]}/{form}"
    rows, expected = np.load(path + "-x.npy"), np.load(path + "-y.npy")
    served = np.allclose(mlflow.pyfunc.load_model(path).predict(rows), expected)
    native = mlflow.keras.load_model(path)
    print(served, np.allclose(getattr(native, "serve", native)(rows), expected))
"""
SAVING = """
import sys, mlflow
sys.path.insert(0, sys.argv[2])
from keras_scripts import X, Y, layers, np
from mlflow.models import infer_signature
model = layers()
model.fit(X, Y, verbose=0)
signature = infer_signature(X, model.predict(X, verbose=0))
for form in ("whole", "exported"):
    path = f"{sys.argv[1]}/{form}"
    mlflow.keras.save_model(
        model, path, signature=signature, save_exported_model=form == "exported",
        pip_requirements=[],
    )
np.save(sys.argv[1] + "/y.npy", model.predict(X, verbose=0))
"""


def test_mlflow_loads_what_we_save(tmp_path):
    import numpy as np

    from flavors import keras, pyfunc
    from integration_tests.mlflow.keras_scripts import X, Y, layers

    model = layers()
    model.fit(X, Y, verbose=0)
    for form in ("whole", "exported"):
        path = tmp_path / form
        keras.save_model(model, path, save_exported_model=form == "exported", input_example=X[:2])
        np.save(tmp_path / f"{form}-x.npy", X)
        np.save(tmp_path / f"{form}-y.npy", pyfunc.load_model(path).predict(X))
    assert in_process(LOADING, tmp_path).splitlines()[-2:] == ["True True"] * 2


def test_we_load_what_mlflow_saves(tmp_path):
    import numpy as np

    from flavors import pyfunc
    from integration_tests.mlflow.keras_scripts import X

    in_process(SAVING, tmp_path, SCRIPT.parent)
    for form in ("whole", "exported"):
        loaded = pyfunc.load_model(tmp_path / form, trusted=True)
        assert np.allclose(loaded.predict(X), np.load(tmp_path / "y.npy"), atol=1e-6)


def test_a_search_keeps_the_trainings_of_its_folds_to_itself():
    from keras.wrappers import SKLearnClassifier
    from sklearn.model_selection import GridSearchCV

    import autolog
    from integration_tests.mlflow.keras_scripts import X, Y, layers
    from integration_tests.reading import runs

    def network(X, y, rate):
        model = layers()
        model.pop()
        model.add(type(model.layers[0])(2, activation="softmax"))
        model.compile("sgd", "categorical_crossentropy")
        return model

    estimator = SKLearnClassifier(network, fit_kwargs={"epochs": 1, "verbose": 0})
    grid = {"model_kwargs": [{"rate": 0.1}, {"rate": 0.2}]}
    autolog.autolog(log_models=False)
    GridSearchCV(estimator, grid, cv=2).fit(X, Y.astype(int))
    autolog.disable()
    parent, *children = runs()
    assert len(children) == 2
    assert "best_cv_score" in parent.data.metrics
    assert not [name for name in parent.data.metrics if name.startswith("Sequential")]
