"""The MLmodel file: written, read back, refused when it is none; pyfunc imports nothing it names."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from core_client.exceptions import MlflowException
from flavors import pyfunc
from flavors.model import Model, get_model_info, to_yaml
from flavors.signature import infer_signature


def saved(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "MLmodel").write_text(text, "utf-8")
    return folder


def test_a_model_reads_back(tmp_path: Path) -> None:
    model = Model(
        run_id="r", artifact_path="model", flavors={"sklearn": {"code": None}},
        signature=infer_signature({"größe": 1.5}, "text"), metadata={"größe": [1, None, "x: y"]},
    )  # fmt: skip
    folder = saved(tmp_path / "m", to_yaml(model.to_dict()))
    assert Model.load(folder) == model
    found = get_model_info(folder)
    assert found.model_uri == str(folder)
    assert found.signature == model.signature


def test_fields_of_a_newer_mlflow_are_passed_over(tmp_path: Path) -> None:
    folder = saved(tmp_path / "m", "flavors: {sklearn: {}}\nmlflow_version: 9.9\nnew_thing: [1]\n")
    assert Model.load(folder).flavors == {"sklearn": {}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not an MLmodel file"),
        ("[]", "not an MLmodel file"),
        ("flavors: text", "not an MLmodel file"),
        ("flavors: {a: ", "not plain YAML"),
        ("flavors: !!python/object/apply:os.system ['touch ran']", "not plain YAML"),
        ("flavors: {}\nsignature: {inputs: '[{}]'}", "Not a schema"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    folder = saved(tmp_path / "m", text)
    with pytest.raises(MlflowException, match=message):
        Model.load(folder)
    assert not Path("ran").exists()


def test_a_folder_without_model(tmp_path: Path) -> None:
    with pytest.raises(MlflowException, match="no MLmodel file") as caught:
        Model.load(tmp_path)
    assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    with pytest.raises(MlflowException, match="no 'xgboost' flavor; it has: sklearn"):
        Model(flavors={"sklearn": {}}).flavor("xgboost")


@pytest.mark.parametrize("name", ["evil_loader", "mlflow.pyfunc.model", "flavors.sklearn", "os"])
def test_a_loader_that_the_artifact_names_is_not_imported(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = saved(tmp_path / "m", f"flavors: {{python_function: {{loader_module: {name}}}}}")
    (folder / "evil_loader.py").write_text("open('ran', 'w')")
    monkeypatch.syspath_prepend(folder)
    with pytest.raises(MlflowException, match="never imported"):
        pyfunc.load_model(folder, trusted=True)
    assert "evil_loader" not in sys.modules
    assert not Path("ran").exists()


def test_a_model_without_predict_function(tmp_path: Path) -> None:
    folder = saved(tmp_path / "m", "flavors: {sklearn: {}}")
    with pytest.raises(MlflowException, match=r"no predict function.*sklearn"):
        pyfunc.load_model(folder)
