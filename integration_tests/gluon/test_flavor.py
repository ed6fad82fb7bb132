"""Gluon networks saved and loaded, by us and by the last MLflow that knew them."""

from __future__ import annotations

import mxnet as mx
import numpy as np
import pandas as pd
import pytest
import yaml
from mxnet import gluon

from core_client.exceptions import MlflowException
from flavors import gluon as flavor
from flavors import pyfunc
from flavors.model import Model
from integration_tests.gluon.networks import X, network, weights


def predictions(net, data=X):
    return net(mx.nd.array(data)).asnumpy()


@pytest.mark.parametrize("hybridized", [True, False])
def test_a_network_comes_back(tmp_path, hybridized):
    net = network(hybridized)
    expected = predictions(net)
    before = weights(net)
    flavor.save_model(net, tmp_path / "m", input_example=X[:3])
    assert net._active is hybridized
    for one, other in zip(before, weights(net), strict=True):
        assert np.array_equal(one, other)
    (tmp_path / "m" / "autolog.sig").unlink()  # symbols and numbers need no trust
    loaded = flavor.load_model(tmp_path / "m", mx.cpu())
    assert isinstance(loaded, gluon.SymbolBlock)
    assert np.array_equal(predictions(loaded), expected)
    model = pyfunc.load_model(tmp_path / "m")
    assert np.array_equal(model.predict(X), expected)
    with pytest.raises(MlflowException, match="signature expects"):
        model.predict(X[:, :3])
    requirements = (tmp_path / "m" / "requirements.txt").read_text().split()
    assert {"mxnet==1.9.1", f"numpy=={np.__version__}"} <= set(requirements)


def test_a_table_is_answered_by_a_table(tmp_path):
    net = network()
    expected = predictions(net)
    flavor.save_model(net, tmp_path / "m")
    frame = pd.DataFrame(X, index=[f"row {i}" for i in range(len(X))])
    answer = pyfunc.load_model(tmp_path / "m").predict(frame)
    assert list(answer.index) == list(frame.index)
    assert np.array_equal(answer.to_numpy(), expected)


def test_two_inputs(tmp_path):
    class Sum(gluon.HybridBlock):
        def hybrid_forward(self, F, x, y):
            return x + y

    net = Sum()
    net.hybridize()
    net(mx.nd.ones(3), mx.nd.ones(3))
    flavor.save_model(net, tmp_path / "m")
    loaded = flavor.load_model(tmp_path / "m")
    assert loaded(mx.nd.ones(2), mx.nd.array([1, 2])).asnumpy().tolist() == [2, 3]


def test_mlflow_loads_ours_and_we_load_its(tmp_path):
    import mlflow.gluon
    import mlflow.pyfunc

    net = network()
    expected = predictions(net)
    flavor.save_model(net, tmp_path / "ours")
    mlflow.gluon.save_model(net, str(tmp_path / "theirs"))
    loaded = mlflow.gluon.load_model(str(tmp_path / "ours"), mx.cpu())
    assert np.array_equal(predictions(loaded), expected)
    assert np.array_equal(mlflow.pyfunc.load_model(str(tmp_path / "ours")).predict(X), expected)
    assert np.array_equal(predictions(flavor.load_model(tmp_path / "theirs")), expected)
    assert np.array_equal(pyfunc.load_model(tmp_path / "theirs").predict(X), expected)


def test_what_cannot_be_read_is_told(tmp_path):
    trained = network()
    predictions(trained)
    flavor.save_model(trained, tmp_path / "m")
    (tmp_path / "m" / "autolog.sig").unlink()
    (tmp_path / "m" / "data" / "net-0000.params").write_bytes(b"garbage")
    with pytest.raises(MlflowException, match="MXNet cannot read the model"):
        flavor.load_model(tmp_path / "m")
    (tmp_path / "m" / "data" / "net-0000.params").unlink()
    with pytest.raises(MlflowException, match="MXNet cannot read the model"):
        flavor.load_model(tmp_path / "m")


def test_an_uninitialized_network_leaves_nothing(tmp_path):
    with pytest.raises(MlflowException, match="is not initialized"):
        flavor.save_model(network(), tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_inputs_named_by_an_artifact_are_names_only(tmp_path):
    trained = network()
    predictions(trained)
    flavor.save_model(trained, tmp_path / "m")
    path = tmp_path / "m" / "MLmodel"
    about = yaml.safe_load(path.read_text())
    about["flavors"]["gluon"]["inputs"] = {"no": "list"}
    path.write_text(yaml.safe_dump(about))
    with pytest.raises(MlflowException, match="inputs"):
        flavor.load_model(tmp_path / "m")
    assert Model.load(tmp_path / "m").flavors["gluon"]["mxnet_version"] == mx.__version__
