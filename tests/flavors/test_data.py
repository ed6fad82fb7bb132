"""What is said of data: input examples as JSON, datasets by digest, schema and profile."""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core_client.exceptions import MlflowException
from flavors import example
from flavors.dataset import describe
from flavors.enforcement import enforce, enforce_params
from flavors.signature import infer_signature


def encoded(data: Any) -> tuple[Any, Any, dict[str, Any]]:
    files, about = example.encode(data)
    return (
        json.loads(files["input_example.json"]),
        json.loads(files["serving_input_example.json"]),
        about,
    )


def test_an_example_frame() -> None:
    frame = pd.DataFrame({"a": [1.5, None], "d": pd.to_datetime(["2024-05-06", None]), "s": "x"})
    table = {"columns": ["a", "d", "s"],
             "data": [[1.5, "2024-05-06T00:00:00", "x"], [None, None, "x"]]}  # fmt: skip
    content, serving, about = encoded(frame)
    assert (content, serving) == (table, {"dataframe_split": table})
    assert about["type"] == "dataframe"
    assert about["pandas_orient"] == "split"


def test_other_examples() -> None:
    assert encoded(np.array([[1, 2]]))[0] == [[1, 2]]
    assert encoded(np.array([[1.0, np.nan]]))[:2] == ([[1.0, None]], {"inputs": [[1.0, None]]})
    assert encoded({"x": np.zeros(2)})[2]["type"] == "ndarray"
    assert encoded(["a", b"b"])[0] == ["a", "Yg==\n"]
    assert encoded((np.zeros(1), {"n": 3}))[0] == {"data": [0.0], "params": {"n": 3}}
    assert encoded(pd.DataFrame([[1, 2]]))[0] == {"data": [[1, 2]]}
    with pytest.raises(MlflowException, match="object has no JSON form"):
        example.encode([object()])


def test_the_same_data_has_the_same_digest_and_other_data_another() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(5000, 4)), rng.integers(0, 2, 5000)
    digest = describe(X, y).dataset.digest
    assert digest == describe(X.copy(), y.copy()).dataset.digest
    assert len(digest) == 8
    others = [(X[:-1], y[:-1]), (X + 1, y), (X, 1 - y), (X, None), (X.astype("float32"), y)]
    assert digest not in {describe(*other).dataset.digest for other in others}
    frame = pd.DataFrame(X, columns=list("abcd"))
    assert describe(frame).dataset.digest == describe(frame.copy()).dataset.digest
    assert (
        describe(frame).dataset.digest != describe(frame.rename(columns={"a": "z"})).dataset.digest
    )


@pytest.mark.parametrize(
    ("data", "profile"),
    [
        (lambda: pd.DataFrame({"a": [1, 2, 3], "b": "x"}), {"num_rows": 3, "num_elements": 6}),
        (lambda: pd.Series([1, 2], name="s"), {"num_rows": 2, "num_elements": 2}),
        (lambda: [[1, 2], [3, 4]], {"num_rows": 2, "num_elements": 4}),
        (lambda: ["a", "b"], {"num_rows": 2, "num_elements": 2}),
        (lambda: np.zeros((3, 2)), {"features_shape": [3, 2], "features_size": 6,
                                    "features_nbytes": 48}),
        (lambda: object(), {"num_rows": 0, "num_elements": 0}),
    ],
)  # fmt: skip
def test_profiles(data: Callable[[], Any], profile: dict[str, Any]) -> None:
    found = describe(data(), name="n", context="eval")
    assert json.loads(found.dataset.profile or "") == profile
    assert (found.dataset.name, found.tags[0].value) == ("n", "eval")


def test_describing_much_data_takes_no_time_and_no_memory() -> None:
    X, y = np.zeros((100_000, 20)), np.zeros(100_000)
    frame = pd.DataFrame(X)
    for args in ((X, y), (frame, y)):
        took = min(_timed(*args) for _ in range(5))
        assert took < 0.02, "ten times the budget, for machines that are busy"


def _timed(*args: Any) -> float:
    start = time.perf_counter()
    describe(*args)
    return time.perf_counter() - start


def test_only_a_sample_is_looked_at() -> None:
    class Watched(list[Any]):
        seen = 0

        def __iter__(self) -> Any:
            for item in super().__iter__():
                Watched.seen += 1
                yield item

    infer_signature(Watched([1.0] * 100_000))
    assert Watched.seen == 0  # a slice of it is a plain list of the first rows


def test_errors_name_column_found_and_expected() -> None:
    inputs = infer_signature(pd.DataFrame({"age": [1.5], "n": [1]})).inputs
    assert inputs is not None
    with pytest.raises(MlflowException, match=r"lacks columns \['n'\].*'age', 'n'.*\['age'\]"):
        enforce(pd.DataFrame({"age": [1.0]}), inputs)
    with pytest.raises(MlflowException, match=r"'age' is of dtype (str|object).*expects double"):
        enforce(pd.DataFrame({"age": np.array(["x"], "U1").astype(object), "n": [1]}), inputs)
    with pytest.raises(MlflowException, match=r"'n' is of dtype float64.*expects long.*missing"):
        enforce(pd.DataFrame({"age": [1.0, 2.0], "n": [1, None]}), inputs)
    with pytest.raises(MlflowException, match="makes no table"):
        enforce(object(), inputs)


def test_rows_as_a_list_fit_an_array() -> None:
    inputs = infer_signature(np.zeros((2, 3))).inputs
    assert inputs is not None
    np.testing.assert_array_equal(enforce([[1, 2, 3]], inputs), np.array([[1.0, 2.0, 3.0]]))
    with pytest.raises(MlflowException, match=r"shape \(1, 2\).*\(-1, 3\)"):
        enforce([[1, 2]], inputs)


def test_categories_of_the_training_fit_again() -> None:
    frame = pd.DataFrame({"c": pd.Categorical(["a", "b"])})
    inputs = infer_signature(frame).inputs
    assert inputs is not None
    pd.testing.assert_frame_equal(enforce(frame, inputs), frame)


def test_parameters_of_prediction() -> None:
    day = datetime.date(2024, 5, 6)
    specs = infer_signature(params={"n": 3, "r": 0.5, "l": [1], "d": day, "s": "x"}).params
    assert specs is not None
    assert enforce_params({"n": np.int64(5), "r": 1}, specs) == {
        "n": 5, "r": 1.0, "l": [1], "d": day, "s": "x"
    }  # fmt: skip
    for wrong, message in (
        ({"n": 1.5}, "'n' = 1.5.*expects long"),
        ({"n": True}, "expects long"),
        ({"l": 3}, "a list is expected"),
        ({"z": 1}, r"\['z'\].*n, r, l, d, s"),
    ):
        with pytest.raises(MlflowException, match=message):
            enforce_params(wrong, specs)
    with pytest.raises(MlflowException, match=r"'p' = .*only scalars"):
        infer_signature(params={"p": b"x"})
