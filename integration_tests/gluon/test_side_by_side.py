"""The same training recorded by the last MLflow that knew Gluon, and by us: nothing is missing."""

from __future__ import annotations

from pathlib import Path

from core_client.client import Client
from tests.scripts import run_script

TRAINING = """
import sys
import warnings
import mxnet
{recorder}
from integration_tests.gluon.networks import X, Y, estimator, loader, network

est = estimator(network(), "adam", learning_rate=0.05, epsilon=1e-7)
est.fit(loader(), loader(X[:16], Y[:16]), epochs=2)
"""
# MLflow asks a package of the name for its version: there is none.
THEIRS = """
import logging
sys.modules["gluon"] = mxnet
warnings.simplefilter("ignore")
import mlflow.gluon
logging.disable()
mlflow.set_tracking_uri("mlruns")
mlflow.gluon.autolog(log_models=False)
"""
OURS = "import autolog; autolog.set_tracking_uri('mlruns'); autolog.gluon.autolog()"


def recorded(folder: Path, recorder: str):
    folder.mkdir()
    run_script(TRAINING.format(recorder=recorder), folder)
    client = Client(str(folder / "mlruns"))
    (run,) = client.search_runs(["0"])
    curves = {
        name: [(one.step, one.value) for one in client.get_metric_history(run.info.run_id, name)]
        for name in run.data.metrics
    }
    return run, curves


def test_what_mlflow_records_of_an_estimator(tmp_path):
    theirs, their_curves = recorded(tmp_path / "theirs", THEIRS)
    ours, our_curves = recorded(tmp_path / "ours", OURS)
    assert theirs.data.params.keys() >= {"num_layers", "epochs", "optimizer_name", "epsilon"}
    assert theirs.data.params.items() <= ours.data.params.items()
    assert set(their_curves) == {"training accuracy", "validation accuracy"}
    assert their_curves.items() <= our_curves.items()
    assert theirs.data.tags["mlflow.autologging"] == ours.data.tags["mlflow.autologging"]
