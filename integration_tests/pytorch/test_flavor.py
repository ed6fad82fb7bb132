"""PyTorch models saved and loaded: the module, the weights, pyfunc, and what must not load."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from torch import nn

from core_client.exceptions import MlflowException
from flavors import pyfunc, pytorch
from flavors.model import Model

ROWS = np.arange(12, dtype=np.float32).reshape(4, 3)


class Tied(nn.Module):
    """A class of the user's, with a weight that two layers share and a buffer."""

    def __init__(self, width: int = 3) -> None:
        super().__init__()
        self.into, self.out = nn.Linear(3, width), nn.Linear(3, width)
        self.out.weight = self.into.weight
        self.drop = nn.Dropout(0.5)
        self.register_buffer("mean", torch.full((width,), 0.25))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.drop(self.into(x))) + self.mean


def layers() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))


def expected(model: nn.Module) -> np.ndarray:
    with torch.no_grad():
        return model.eval()(torch.from_numpy(ROWS)).numpy()


def unsigned(folder):
    (folder / "autolog.sig").unlink()
    return folder


def test_a_module_as_mlflow_lays_it_out(tmp_path):
    model = Tied()
    pytorch.save_model(model, tmp_path / "m", input_example=ROWS[:2], pickle_module=pickle)
    assert model.training, "the user's module stays in its mode"
    about = Model.load(tmp_path / "m")
    assert about.flavors["pytorch"]["model_data"] == "data"
    assert about.flavors["pytorch"]["model_class"].endswith("test_flavor.Tied")
    assert about.flavors["python_function"]["loader_module"] == "mlflow.pytorch"
    assert about.signature.inputs.inputs[0].shape == (-1, 3)
    assert f"torch=={torch.__version__.partition('+')[0]}" in (
        (tmp_path / "m" / "requirements.txt").read_text().split()
    )
    loaded = pytorch.load_model(tmp_path / "m")
    assert type(loaded) is Tied
    assert not loaded.training
    np.testing.assert_array_equal(expected(loaded), expected(model))


def test_a_pickle_of_somebody_else_is_refused_but_its_weights_load(tmp_path):
    model = Tied()
    pytorch.save_model(model, tmp_path / "m")
    folder = unsigned(tmp_path / "m")
    for load in (pytorch.load_model, pyfunc.load_model):
        with pytest.raises(MlflowException, match=r"trusted=True.*test_flavor\.Tied"):
            load(folder)
    for given in (Tied, Tied()):
        np.testing.assert_array_equal(
            expected(pytorch.load_model(folder, model=given)), expected(model)
        )
    assert type(pytorch.load_model(folder, trusted=True)) is Tied
    assert set(pytorch.load_state_dict(folder)) == set(model.state_dict())


def test_a_changed_pickle_is_not_ours(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "pwned"), "w"))

    pytorch.save_model(layers(), tmp_path / "m")
    file = tmp_path / "m" / "data" / "model.pth"
    for write in (torch.save, lambda thing, path: path.write_bytes(pickle.dumps(thing))):
        write(Evil(), file)
        with pytest.raises(MlflowException, match="trusted=True"):
            pytorch.load_model(tmp_path / "m")
    assert not (tmp_path / "pwned").exists()


def test_layers_of_pytorch_need_no_trust(tmp_path):
    model = layers()
    pytorch.save_model(model, tmp_path / "m", serialization_format="pickle")
    folder = unsigned(tmp_path / "m")
    assert not (folder / "data" / "model.safetensors").exists()
    np.testing.assert_array_equal(pyfunc.load_model(folder).predict(ROWS), expected(model))


def test_predictions(tmp_path):
    model = layers()
    pytorch.save_model(model, tmp_path / "m")
    loaded = pyfunc.load_model(tmp_path / "m")
    np.testing.assert_array_equal(loaded.predict(ROWS.astype(float)), expected(model))
    table = pd.DataFrame(ROWS, index=list("abcd"))
    assert list(loaded.predict(table).index) == list("abcd")
    np.testing.assert_array_equal(loaded.predict(table).to_numpy(), expected(model))


def test_predictions_in_half_precision(tmp_path):
    pytorch.save_model(layers().bfloat16(), tmp_path / "m", input_example=ROWS[:2])
    loaded = pyfunc.load_model(tmp_path / "m")
    assert loaded.predict(ROWS).dtype == np.float32
    assert next(loaded.unwrap().parameters()).dtype == torch.bfloat16


def test_weights_alone(tmp_path):
    model = layers()
    pytorch.save_model(model, tmp_path / "m", serialization_format="safetensors")
    assert "python_function" not in Model.load(tmp_path / "m").flavors
    with pytest.raises(MlflowException, match=r"model=\.\.\."):
        pytorch.load_model(tmp_path / "m")
    loaded = pytorch.load_model(unsigned(tmp_path / "m"), model=layers())
    np.testing.assert_array_equal(expected(loaded), expected(model))


def test_an_exported_program(tmp_path):
    model = Tied()
    with pytest.raises(MlflowException, match="input_example"):
        pytorch.save_model(model, tmp_path / "m", serialization_format="pt2")
    pytorch.save_model(model, tmp_path / "m", export_model=True, input_example=ROWS[:2])
    loaded = pytorch.load_model(tmp_path / "m")
    with torch.no_grad():
        np.testing.assert_allclose(loaded(torch.from_numpy(ROWS)), expected(model), rtol=1e-6)
    with pytest.raises(MlflowException, match="exported program"):
        pytorch.load_model(unsigned(tmp_path / "m"))


def test_a_scripted_module(tmp_path):
    model = layers().eval()
    pytorch.save_model(torch.jit.script(model), tmp_path / "m")
    np.testing.assert_array_equal(expected(pytorch.load_model(tmp_path / "m")), expected(model))
    with pytest.raises(MlflowException, match="trusted=True"):
        pytorch.load_model(unsigned(tmp_path / "m"))


def test_state_dicts(tmp_path):
    pytorch.save_state_dict(layers().state_dict(), tmp_path / "s")
    assert list(pytorch.load_state_dict(tmp_path / "s")) == list(layers().state_dict())
    torch.save({"a": Tied()}, tmp_path / "s" / "state_dict.pth")
    with pytest.raises(MlflowException, match="more than tensors"):
        pytorch.load_state_dict(tmp_path / "s")


def test_further_files_and_code(tmp_path):
    (tmp_path / "notes.txt").write_text("n")
    (tmp_path / "layer_of_mine.py").write_text("A = 1\n")
    pytorch.save_model(
        layers(), tmp_path / "m", extra_files=[str(tmp_path / "notes.txt")],
        code_paths=[str(tmp_path / "layer_of_mine.py")],
    )  # fmt: skip
    about = Model.load(tmp_path / "m").flavors["pytorch"]
    assert about["extra_files"] == [{"path": "extra_files/notes.txt"}]
    assert (tmp_path / "m" / "extra_files" / "notes.txt").read_text() == "n"
    assert about["code"] == "code"
    pytorch.load_model(unsigned(tmp_path / "m"))
    with pytest.raises(ModuleNotFoundError):  # nobody vouched for it
        __import__("layer_of_mine")


def test_a_path_that_leads_out_is_refused(tmp_path):
    pytorch.save_model(layers(), tmp_path / "m", serialization_format="pickle")
    outside = tmp_path / "outside.pth"
    (tmp_path / "m" / "data" / "model.pth").rename(outside)
    (tmp_path / "m" / "data" / "model.pth").symlink_to(outside)
    with pytest.raises(MlflowException, match="leads out"):
        pytorch.load_model(tmp_path / "m", trusted=True)


@pytest.mark.parametrize(
    ("model", "how", "says"),
    [
        (object(), {}, "no torch.nn.Module"),
        (layers(), {"serialization_format": "h5"}, "not one of"),
    ],
)
def test_what_cannot_be_saved(tmp_path, model, how, says):
    with pytest.raises(MlflowException, match=says):
        pytorch.save_model(model, tmp_path / "m", **how)
    assert not (tmp_path / "m").exists()


def test_what_the_folder_says_is_plain_yaml(tmp_path):
    pytorch.save_model(layers(), tmp_path / "m")
    assert yaml.safe_load((tmp_path / "m" / "MLmodel").read_text())["flavors"]["pytorch"]
