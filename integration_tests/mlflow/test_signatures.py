"""Signatures: the same JSON as MLflow for the same data, and the same verdict on an input."""

from __future__ import annotations

import datetime
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from flavors.enforcement import enforce
from flavors.signature import ModelSignature, infer_signature

mlflow_models = pytest.importorskip("mlflow.models")
mlflow_utils = pytest.importorskip("mlflow.models.utils")

DAY = datetime.datetime(2024, 5, 6)

DATA: dict[str, Callable[[], Any]] = {
    "floats": lambda: pd.DataFrame({"a": [1.5, 2.5], "b": [1, 2]}),
    "gaps": lambda: pd.DataFrame({"a": [1.5, None], "b": ["x", None], "c": [None, None]}),
    "widths": lambda: pd.DataFrame(
        {t: np.zeros(2, t) for t in ("int8", "int16", "int32", "int64", "uint8", "uint16",
                                     "uint32", "float16", "float32", "float64", "bool")}
    ),
    "text": lambda: pd.DataFrame({"o": pd.Series(["a", "b"], dtype=object), "s": ["a", "b"]}),
    "nullable": lambda: pd.DataFrame(
        {"i": pd.array([1, None], "Int64"), "j": pd.array([1, 2], "Int32"),
         "f": pd.array([1.0, None], "Float64"), "b": pd.array([True, None], "boolean"),
         "s": pd.array(["a", None], "string")}
    ),
    "categories": lambda: pd.DataFrame({"c": pd.Categorical(["a", "b"])}),
    "number categories": lambda: pd.DataFrame({"c": pd.Categorical([1, 2])}),
    "dates": lambda: pd.DataFrame(
        {"d": pd.to_datetime(["2024-05-06", "2024-05-07"]),
         "z": pd.to_datetime(["2024-05-06", "2024-05-07"], utc=True)}
    ),
    "bytes": lambda: pd.DataFrame({"b": [b"x", b"y"]}),
    "lists": lambda: pd.DataFrame({"l": [[1, 2], [3]], "d": [{"x": 1}, {"x": 2, "y": "z"}]}),
    "numbered columns": lambda: pd.DataFrame([[1.0, 2.0]]),
    "series": lambda: pd.Series([1.0, 2.0], name="y"),
    "nameless series": lambda: pd.Series([1, 2]),
    "array": lambda: np.zeros((3, 4)),
    "small array": lambda: np.zeros(3, "float32"),
    "text array": lambda: np.array(["a", "bcd"]),
    "objects": lambda: np.array(["a", 1], dtype=object),
    "image": lambda: np.zeros((2, 8, 8, 3), "uint8"),
    "dict of arrays": lambda: {"x": np.zeros((2, 3)), "y": np.zeros(2, "int64")},
    "csr": lambda: scipy.sparse.csr_matrix(np.eye(3)),
    "csc": lambda: scipy.sparse.csc_matrix(np.eye(3, dtype="float32")),
    "strings": lambda: ["a", "b"],
    "numbers": lambda: [1.0, 2.0],
    "nested": lambda: [[1, 2], [3, 4]],
    "nothing": list,
    "rows": lambda: [{"a": 1, "b": "x"}, {"a": 2, "b": None}, {"a": 3}],
    "dict": lambda: {"a": 1, "b": ["x"], "c": {"d": 1.5, "e": None}},
    "merged": lambda: {"a": [{"x": 1}, {"x": 2, "y": [None, "s"]}]},
    "scalar": lambda: "text",
    "number": lambda: 3,
    "day": lambda: DAY,
    "mixed": lambda: [1, "a"],
    "times": lambda: pd.DataFrame({"t": pd.to_timedelta(["1s", "2s"])}),
}  # fmt: skip


@pytest.mark.parametrize("name", DATA)
def test_the_signature_is_the_one_of_mlflow(name: str) -> None:
    data = DATA[name]()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = mlflow_models.infer_signature(data, data).to_dict()
    ours = infer_signature(data, data)
    assert ours.to_dict() == theirs
    assert ModelSignature.from_dict(theirs) == ours
    assert mlflow_models.ModelSignature.from_dict(ours.to_dict()).to_dict() == theirs


PARAMS = {
    "n": 3, "rate": 0.5, "name": "x", "flag": True, "many": [1.0, 2.0], "words": ["a", "b"],
    "when": DAY, "nested": {"a": 1, "b": ["c"]},
}  # fmt: skip


@pytest.mark.parametrize("name", PARAMS)
def test_parameters_are_those_of_mlflow(name: str) -> None:
    theirs = mlflow_models.infer_signature(params={name: PARAMS[name]}).to_dict()
    ours = infer_signature(params={name: PARAMS[name]})
    assert ours.to_dict() == theirs
    assert ModelSignature.from_dict(theirs) == ours


FRAME = pd.DataFrame({"a": [1.5, 2.5], "n": np.array([1, 2], "int64"), "s": ["x", "y"]})
INPUTS: dict[str, tuple[Any, Any]] = {
    "same": (FRAME, FRAME),
    "other order, extra column": (FRAME, FRAME.assign(z=1)[["z", "s", "n", "a"]]),
    "missing": (FRAME, FRAME[["a"]]),
    "float to double": (FRAME, FRAME.astype({"a": "float32"})),
    "int32 to long": (FRAME, FRAME.astype({"n": "int32"})),
    "int8 to long": (FRAME, FRAME.astype({"n": "int8"})),
    "uint8 to long": (FRAME, FRAME.astype({"n": "uint8"})),
    "double to long": (FRAME, FRAME.astype({"n": "float64"})),
    "int32 to double": (FRAME, FRAME.assign(a=np.array([1, 2], "int32"))),
    "long to double": (FRAME, FRAME.assign(a=[1, 2])),
    "zeros and ones to double": (FRAME, FRAME.assign(a=[0, 1])),
    "text to double": (FRAME, FRAME.assign(a=["1", "2"])),
    "number to text": (FRAME, FRAME.assign(s=[1, 2])),
    "object to double": (FRAME, FRAME.assign(a=pd.Series([1.5, 2.5], dtype=object))),
    "double to float": (FRAME.astype({"a": "float32"}), FRAME),
    "long to integer": (FRAME.astype({"n": "int32"}), FRAME),
    "nullable": (FRAME, FRAME.assign(n=pd.array([1, 2], "Int64"))),
    "dates": (pd.DataFrame({"d": [DAY]}), pd.DataFrame({"d": np.array([DAY], "datetime64[s]")})),
    "dict": (FRAME, {"a": [1.5], "n": [1], "s": ["x"]}),
    "records": (FRAME, [{"a": 1.5, "n": 1, "s": "x"}]),
    "array for names": (FRAME[["a"]], np.array([[1.5], [2.5]])),
    "array": (np.zeros((2, 3)), np.ones((5, 3))),
    "wrong width": (np.zeros((2, 3)), np.ones((5, 4))),
    "wrong depth": (np.zeros((2, 3)), np.ones(5)),
    "wrong dtype": (np.zeros((2, 3)), np.ones((5, 3), "float32")),
    "frame for array": (np.zeros((2, 3)), pd.DataFrame(np.ones((5, 3)))),
    "dict of arrays": ({"x": np.zeros((2, 3))}, {"x": np.ones((4, 3))}),
    "csr": (scipy.sparse.csr_matrix(np.eye(3)), scipy.sparse.csr_matrix(np.eye(3))),
    "strings": (["a"], ["b", "c"]),
}  # fmt: skip


@pytest.mark.parametrize("name", INPUTS)
def test_an_input_fits_here_as_it_fits_there(name: str) -> None:
    train, given = INPUTS[name]
    signature = infer_signature(train)
    assert signature.inputs is not None
    theirs = mlflow_models.ModelSignature.from_dict(signature.to_dict())
    try:
        expected = mlflow_utils._enforce_schema(given, theirs.inputs)
    except mlflow_models.model.MlflowException:
        expected = None
    if expected is None:
        with pytest.raises(Exception, match=r"input|Column|Array"):
            enforce(given, signature.inputs)
        return
    found = enforce(given, signature.inputs)
    if isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(found, expected)
    elif isinstance(expected, dict):
        assert expected.keys() == found.keys()
    else:
        assert type(found) is type(expected)
        assert found.shape == expected.shape
