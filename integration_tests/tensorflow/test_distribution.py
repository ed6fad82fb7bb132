"""Several devices, several processes: one run, of the chief, and the same training."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from core_client.client import Client
from integration_tests.reading import artifacts, only_run
from tests.project import ROOT

SCRIPT = Path(__file__).with_name("distributed.py")
TIMEOUT = 180  # seconds, then it waits for something that never comes


def start(strategy: str, recorded: str, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), strategy, recorded],
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def outputs(processes: list[subprocess.Popen[str]]) -> list[str]:
    try:
        told = [process.communicate(timeout=TIMEOUT) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0] * len(processes), told
    return [out for out, _ in told]


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


def workers(recorded: str) -> list[str]:
    cluster = {"worker": [f"127.0.0.1:{port}" for port in free_ports(2)]}
    configs = [
        json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})
        for index in range(2)
    ]
    return outputs([start("workers", recorded, TF_CONFIG=config) for config in configs])


def check(run: Any) -> None:
    assert run.info.status == "FINISHED"
    for name in ("loss", "val_loss", "mae"):
        assert len(Client().get_metric_history(run.info.run_id, name)) == 3
    assert run.data.params["epochs"] == "3"
    assert {"model", "checkpoints", "model_summary.txt"} <= artifacts(run)


def test_two_devices_of_one_process() -> None:
    plain = outputs([start("mirrored", "plain")])
    assert outputs([start("mirrored", "recorded")]) == plain
    check(only_run())


def test_two_processes() -> None:
    plain = workers("plain")
    assert workers("recorded") == plain
    check(only_run())
