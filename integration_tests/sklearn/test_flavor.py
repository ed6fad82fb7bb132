"""scikit-learn models saved to a folder and loaded again: formats, trust, environment, refusals."""

from __future__ import annotations

import importlib
import importlib.util
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.cluster import DBSCAN, KMeans
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)  # fmt: skip
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from core_client.exceptions import MlflowException
from flavors import pyfunc, sklearn
from flavors.model import Model
from flavors.signature import infer_signature

X, y = load_iris(return_X_y=True, as_frame=True)

MODELS: dict[str, Callable[[], Any]] = {
    "logistic": lambda: LogisticRegression(max_iter=500),
    "linear": LinearRegression,
    "tree": DecisionTreeClassifier,
    "forest": lambda: RandomForestClassifier(5),
    "boosting": lambda: GradientBoostingClassifier(n_estimators=3),
    "histograms": lambda: HistGradientBoostingClassifier(max_iter=3),
    "neighbours": KNeighborsClassifier,
    "svm": SVC,
    "k-means": lambda: KMeans(3, n_init=1),
    "pipeline": lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)),
    "columns": lambda: make_pipeline(
        make_column_transformer((StandardScaler(), list(X.columns[:2])), remainder="passthrough"),
        LogisticRegression(max_iter=500),
    ),
    "voting": lambda: VotingClassifier([("a", SVC()), ("b", DecisionTreeClassifier())]),
    "search": lambda: GridSearchCV(LogisticRegression(max_iter=500), {"C": [0.1, 1]}, cv=2),
    "ufunc": lambda: make_pipeline(FunctionTransformer(np.log1p), LogisticRegression(max_iter=500)),
}


@pytest.mark.parametrize("format", [None, "cloudpickle", "pickle"])
@pytest.mark.parametrize("name", MODELS)
def test_a_model_comes_back(tmp_path: Path, name: str, format: str | None) -> None:
    model = MODELS[name]().fit(X, y)
    sklearn.save_model(model, tmp_path / "m", serialization_format=format)
    loaded = sklearn.load_model(tmp_path / "m")
    assert type(loaded) is type(model)
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    np.testing.assert_array_equal(pyfunc.load_model(tmp_path / "m").predict(X), model.predict(X))
    about = Model.load(tmp_path / "m").flavor("sklearn")
    assert about["serialization_format"] == (format or "skops")


class OwnEstimator(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Predicts one class."""

    def fit(self, X: Any, y: Any) -> OwnEstimator:
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: Any) -> Any:
        return np.repeat(self.classes_[:1], len(X))


def local_class() -> Any:
    class Local(OwnEstimator):
        pass

    return Local()


UNFIT_FOR_SKOPS: dict[str, Callable[[], Any]] = {
    "lambda": lambda: make_pipeline(
        FunctionTransformer(lambda x: x + 1), LogisticRegression(max_iter=500)
    ),
    "local class": local_class,
}


@pytest.mark.parametrize("name", UNFIT_FOR_SKOPS)
def test_what_skops_cannot_hold_becomes_a_cloudpickle(tmp_path: Path, name: str) -> None:
    model = UNFIT_FOR_SKOPS[name]().fit(X, y)
    sklearn.save_model(model, tmp_path / "m")
    assert Model.load(tmp_path / "m").flavor("sklearn")["serialization_format"] == "cloudpickle"
    np.testing.assert_array_equal(sklearn.load_model(tmp_path / "m").predict(X), model.predict(X))
    with pytest.raises(MlflowException, match=r"cannot be saved as skops.*cloudpickle"):
        sklearn.save_model(model, tmp_path / "n", serialization_format="skops")
    assert not (tmp_path / "n").exists()


def test_a_class_of_the_script_itself_travels_in_a_cloudpickle(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from sklearn.base import BaseEstimator\n"
        "import flavors.sklearn as s\n"
        "class Mine(BaseEstimator):\n"
        "    def fit(self, X, y=None): return self\n"
        "    def predict(self, X): return [7 for _ in X]\n"
        "s.save_model(Mine().fit([[1]]), 'mine')\n"
    )
    subprocess.run([sys.executable, str(script)], check=True)
    assert sklearn.load_model("mine").predict([[1], [2]]) == [7, 7]


def test_the_folder_of_a_saved_model(tmp_path: Path) -> None:
    model = LogisticRegression(max_iter=500).fit(X, y)
    sklearn.save_model(model, tmp_path / "m", input_example=X[:3], metadata={"team": "a"})
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == [
        "MLmodel", "autolog.sig", "conda.yaml", "input_example.json", "model.skops",
        "python_env.yaml", "requirements.txt", "serving_input_example.json",
    ]  # fmt: skip
    content = yaml.safe_load((tmp_path / "m" / "MLmodel").read_text())
    assert content["flavors"]["python_function"]["loader_module"] == "mlflow.sklearn"
    assert content["flavors"]["python_function"]["model_path"] == "model.skops"
    assert content["metadata"] == {"team": "a"}
    assert content["model_size_bytes"] > 1000
    signature = Model.load(tmp_path / "m").signature
    assert signature == infer_signature(X[:3], model.predict(X[:3]))
    names = [line.partition("==")[0] for line in
             (tmp_path / "m" / "requirements.txt").read_text().split()]  # fmt: skip
    assert {"scikit-learn", "numpy", "skops"} <= set(names)
    assert "torch" not in names


def test_a_foreign_pickle_needs_trust(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = LogisticRegression(max_iter=500).fit(X, y)
    sklearn.save_model(model, tmp_path / "m", serialization_format="pickle")
    monkeypatch.setenv("AUTOLOG_HOME", str(tmp_path / "another user"))
    for load in (sklearn.load_model, pyfunc.load_model):
        with pytest.raises(MlflowException, match="trusted=True"):
            load(tmp_path / "m")
        np.testing.assert_array_equal(
            load(tmp_path / "m", trusted=True).predict(X), model.predict(X)
        )


def test_foreign_skops_loads_unless_it_holds_unknown_types(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sklearn.save_model(LinearRegression().fit(X, y), tmp_path / "plain")
    sklearn.save_model(OwnEstimator().fit(X, y), tmp_path / "own", serialization_format="skops")
    own = f"{OwnEstimator.__module__}.OwnEstimator"
    assert Model.load(tmp_path / "own").flavor("sklearn")["skops_trusted_types"] == [own]
    assert isinstance(sklearn.load_model(tmp_path / "own"), OwnEstimator)
    monkeypatch.setenv("AUTOLOG_HOME", str(tmp_path / "another user"))
    assert isinstance(sklearn.load_model(tmp_path / "plain"), LinearRegression)
    # What the artifact calls trusted is not: the list in it is the artifact's own word.
    with pytest.raises(MlflowException, match=f"{own}.*trusted=True"):
        sklearn.load_model(tmp_path / "own")
    assert isinstance(sklearn.load_model(tmp_path / "own", trusted=True), OwnEstimator)


def test_an_old_skops_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = LinearRegression().fit(X, y)
    sklearn.save_model(model, tmp_path / "skops")
    monkeypatch.setattr("skops.__version__", "0.12.1")
    with pytest.raises(MlflowException, match=r"0\.12\.1 has known holes"):
        sklearn.load_model(tmp_path / "skops")
    sklearn.save_model(model, tmp_path / "m")
    assert Model.load(tmp_path / "m").flavor("sklearn")["serialization_format"] == "cloudpickle"


def test_without_skops_models_are_pickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skops.io", None)
    sklearn.save_model(LinearRegression().fit(X, y), tmp_path / "m")
    assert isinstance(sklearn.load_model(tmp_path / "m"), LinearRegression)


def test_types_for_skops_can_be_limited(tmp_path: Path) -> None:
    model = OwnEstimator().fit(X, y)
    own = f"{OwnEstimator.__module__}.OwnEstimator"
    sklearn.save_model(
        model, tmp_path / "m", serialization_format="skops", skops_trusted_types=[own]
    )
    with pytest.raises(MlflowException, match=own):
        sklearn.save_model(
            model, tmp_path / "n", serialization_format="skops", skops_trusted_types=["a.B"]
        )


def test_a_pickle_calling_itself_skops_or_the_reverse_runs_nothing(tmp_path: Path) -> None:
    sklearn.save_model(LinearRegression().fit(X, y), tmp_path / "m")
    (tmp_path / "m" / "model.skops").write_bytes(b"cos\nsystem\n(S'touch ran'\ntR.")
    with pytest.raises(Exception, match="zip"):
        sklearn.load_model(tmp_path / "m")
    text = (tmp_path / "m" / "MLmodel").read_text()
    (tmp_path / "m" / "MLmodel").write_text(text.replace("_format: skops", "_format: pickle"))
    with pytest.raises(MlflowException, match="trusted=True"):
        sklearn.load_model(tmp_path / "m")
    (tmp_path / "m" / "MLmodel").write_text(text.replace("_format: skops", "_format: shell"))
    with pytest.raises(MlflowException, match="unknown format 'shell'"):
        sklearn.load_model(tmp_path / "m", trusted=True)
    assert not Path("ran").exists()


def test_the_predict_function_that_an_artifact_names_is_one_of_ours(tmp_path: Path) -> None:
    sklearn.save_model(LinearRegression().fit(X, y), tmp_path / "m")
    text = (tmp_path / "m" / "MLmodel").read_text()
    (tmp_path / "m" / "MLmodel").write_text(text.replace("predict_fn: predict", "predict_fn: fit"))
    with pytest.raises(MlflowException, match="'fit'"):
        pyfunc.load_model(tmp_path / "m")


def test_other_predict_functions(tmp_path: Path) -> None:
    model = LogisticRegression(max_iter=500).fit(X, y)
    sklearn.save_model(model, tmp_path / "m", pyfunc_predict_fn="predict_proba")
    np.testing.assert_array_equal(
        pyfunc.load_model(tmp_path / "m").predict(X), model.predict_proba(X)
    )
    with pytest.raises(MlflowException, match="'transform'"):
        sklearn.save_model(model, tmp_path / "n", pyfunc_predict_fn="transform")


def test_a_model_without_predict_has_no_pyfunc(tmp_path: Path) -> None:
    sklearn.save_model(DBSCAN().fit(X), tmp_path / "m")
    assert list(Model.load(tmp_path / "m").flavors) == ["sklearn"]
    assert isinstance(sklearn.load_model(tmp_path / "m"), DBSCAN)


@pytest.mark.parametrize("format", [None, "pickle"])
def test_a_model_that_cannot_be_saved_names_the_attribute(
    tmp_path: Path, format: str | None
) -> None:
    inner = LogisticRegression(max_iter=500).fit(X, y)
    inner.guard_ = threading.Lock()
    model = GridSearchCV(inner, {"C": [1]})
    with pytest.raises(MlflowException, match=r"attribute 'estimator.guard_' of type lock"):
        sklearn.save_model(model, tmp_path / "m", serialization_format=format)
    assert not (tmp_path / "m").exists()


@pytest.fixture
def with_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A saved model whose class is in a package that travels along and is not found otherwise."""
    package = tmp_path / "src" / "own_package_of_test"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "models.py").write_text(
        "from sklearn.linear_model import LinearRegression\n"
        "class Mine(LinearRegression):\n    pass\n"
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path / "src"), *sys.path])
    own = importlib.import_module("own_package_of_test.models")
    sklearn.save_model(own.Mine().fit(X, y), tmp_path / "m", code_paths=[str(package)])
    sys.path.remove(str(tmp_path / "src"))
    for name in [name for name in sys.modules if name.startswith("own_package_of_test")]:
        monkeypatch.delitem(sys.modules, name)
    return tmp_path / "m"


def test_further_files_are_kept_and_named_as_mlflow_names_them(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "why.md").write_text("because")
    (tmp_path / "data.csv").write_text("1,2")
    further = [str(tmp_path / "data.csv"), (tmp_path / "notes").as_uri()]
    sklearn.save_model(LinearRegression().fit(X, y), tmp_path / "m", extra_files=further)
    kept = ["extra_files/data.csv", "extra_files/notes/why.md"]
    about = Model.load(tmp_path / "m").flavor("sklearn")
    assert about["extra_files"] == [{"path": name} for name in kept]
    assert (tmp_path / "m" / kept[1]).read_text() == "because"


def test_code_travels_along(with_code: Path) -> None:
    assert (with_code / "code" / "own_package_of_test" / "models.py").exists()
    assert "# not installed from an index: own_package_of_test" in (
        with_code / "requirements.txt"
    ).read_text()  # fmt: skip
    assert type(sklearn.load_model(with_code)).__name__ == "Mine"
    # Imported from a private copy of what was checked, not from the model's folder.
    assert str(with_code / "code") not in sys.path
    copy = Path(sys.path[-1])
    assert (copy / "own_package_of_test" / "models.py").exists()
    assert copy.parent.stat().st_mode & 0o777 == 0o700


def test_code_of_a_foreign_model_is_not_imported(
    with_code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOLOG_HOME", str(tmp_path / "another user"))
    with pytest.raises(MlflowException, match="trusted=True"):
        sklearn.load_model(with_code)
    assert "own_package_of_test" not in sys.modules


@pytest.mark.parametrize(
    "name", ["own_package_of_test/models.py", "own_package_of_test/new.py", "numpy.py", "x.so"]
)
def test_code_changed_after_signing_is_foreign(with_code: Path, name: str) -> None:
    (with_code / "code" / name).write_text("open('ran', 'w')")
    with pytest.raises(MlflowException, match="trusted=True"):
        sklearn.load_model(with_code)
    assert not Path("ran").exists()


def test_bytecode_beside_signed_code_is_not_run(with_code: Path) -> None:
    source = with_code / "code" / "own_package_of_test" / "models.py"
    evil = compile("open('ran', 'w')", str(source), "exec")
    cached = Path(importlib.util.cache_from_source(str(source)))
    cached.parent.mkdir()
    data = importlib._bootstrap_external._code_to_timestamp_pyc(  # type: ignore[attr-defined]
        evil, int(source.stat().st_mtime), source.stat().st_size
    )
    cached.write_bytes(data)
    assert type(sklearn.load_model(with_code)).__name__ == "Mine"
    assert not Path("ran").exists()


def test_refusals(tmp_path: Path) -> None:
    model = LinearRegression().fit(X, y)
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").touch()
    for message, keywords in (
        ("in use", {"path": tmp_path / "used"}),
        ("'json' is not one of", {"serialization_format": "json"}),
        ("'no_such_code' does not exist", {"code_paths": ["no_such_code"]}),
        ("'no_such_file' does not exist", {"extra_files": ["no_such_file"]}),
        ("excludes", {"conda_env": {"name": "x"}, "pip_requirements": ["a"]}),
        ("has no JSON form", {"input_example": [object()], "signature": False}),
    ):
        with pytest.raises(MlflowException, match=message):
            sklearn.save_model(model, **{"path": tmp_path / "m", **keywords})
        assert not (tmp_path / "m").exists()


def test_a_truncated_model_says_so(tmp_path: Path) -> None:
    sklearn.save_model(LinearRegression().fit(X, y), tmp_path / "m")
    (tmp_path / "m" / "model.skops").unlink()
    with pytest.raises(MlflowException, match=r"incomplete.*model.skops"):
        sklearn.load_model(tmp_path / "m")


def test_saving_leaves_model_and_random_state_alone(tmp_path: Path) -> None:
    model = RandomForestClassifier(5, random_state=np.random.RandomState(0)).fit(X, y)
    before = pickle.dumps(model)
    np.random.seed(3)
    state = pickle.dumps(np.random.get_state())
    sklearn.save_model(model, tmp_path / "m", input_example=X[:3])
    assert pickle.dumps(np.random.get_state()) == state
    assert pickle.dumps(model) == before


def test_prediction_keeps_to_the_signature(tmp_path: Path) -> None:
    model = LogisticRegression(max_iter=500).fit(X, y)
    sklearn.save_model(model, tmp_path / "m", signature=infer_signature(X, y))
    loaded = pyfunc.load_model(tmp_path / "m")
    shuffled = X[list(X.columns[::-1])].assign(other=1)
    np.testing.assert_array_equal(loaded.predict(shuffled), model.predict(X))
    np.testing.assert_array_equal(loaded.predict(X.astype("float32")),
                                  model.predict(X.astype("float32").astype("float64")))  # fmt: skip
    with pytest.raises(MlflowException, match="lacks columns"):
        loaded.predict(X.iloc[:, :2])
    with pytest.raises(MlflowException, match="'sepal length"):
        loaded.predict(X.assign(**{"sepal length (cm)": "a"}))
    assert isinstance(loaded.unwrap(), LogisticRegression)
    assert loaded.metadata.signature == infer_signature(X, y)
