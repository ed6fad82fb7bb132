"""The `autolog` command on MLflow's own server."""

from __future__ import annotations

from pathlib import Path

import pytest

import autolog
from integration_tests.servers.mlflow_server import MlflowServer
from tests.command_line import document, piped, said


def test_the_command_on_a_server(
    any_server: MlflowServer, own_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    any_server.wipe()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", any_server.url)
    assert document("experiments", "create", "tuning")["name"] == "tuning"
    autolog.set_experiment("tuning")
    for depth in (3, 4):
        with autolog.start_run(run_name=f"depth {depth}"):
            autolog.log_param("depth", depth)
            autolog.log_metric("loss", 1 / depth)
    autolog.flush_async_logging()
    runs = document("runs", "--order-by", "metrics.loss ASC")
    assert [run["run_name"] for run in runs] == ["depth 4", "depth 3"]
    first, second = (run["run_id"] for run in runs)
    assert document("show", first[:12]) == runs[0]
    assert document("runs", "compare", first, second)["differing"] == ["depth"]
    (own_place / "notes.txt").write_text("kept")
    said("artifacts", "upload", first, "notes.txt")
    assert [file["path"] for file in document("artifacts", "list", first)] == ["notes.txt"]
    copy = document("artifacts", "download", first, "notes.txt", "--to", "copy")
    assert Path(copy["path"]).read_text() == "kept"
    said("runs", "delete", first)
    assert [run["run_id"] for run in document("runs")] == [second]
    said("runs", "restore", first)
    said("experiments", "rename", "tuning", "tuned")
    said("experiments", "delete", "tuned")
    assert document("runs") == []
    said("experiments", "restore", "tuned")
    assert {run["experiment"] for run in document("runs")} == {"tuned"}
    found = document("doctor")["store"]
    assert (found["reachable"], found["experiments"]) == (True, 2)
    assert piped("gc").exit_code == 1
