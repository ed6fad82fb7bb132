"""Whole scripts with a loop: how the process ends is how the run ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core_client.client import Client
from tests.project import ROOT
from tests.scripts import run_script

LOOP = """
import torch
import autolog

autolog.autolog()
model = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for number in range(5):
    loss = model(torch.ones(4, 3)).square().mean()
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    {last}
"""
SPAWNED = """
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

import autolog

def train(rank):
    dist.init_process_group("gloo", "file://" + __file__ + ".store", rank=rank, world_size=2)
    autolog.autolog()
    model = DistributedDataParallel(torch.nn.Linear(3, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        model(torch.ones(4, 3)).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    dist.destroy_process_group()

if __name__ == "__main__":
    torch.multiprocessing.spawn(train, nprocs=2)
"""
COMPILED = """
import logging
import torch
import autolog

logging.getLogger("torch._dynamo").setLevel(logging.ERROR)  # it says what it leaves out of graphs
logging.getLogger("torch._logging").setLevel(logging.ERROR)
graphs = []

def backend(graph, _):
    graphs.append(len(graph.graph.nodes))
    return graph

{first}
model = torch.nn.Linear(3, 1)
optimizer = torch.optim.Adam(model.parameters())
step = torch.compile(optimizer.step, backend=backend)
{then}
for _ in range(5):
    model(torch.ones(4, 3)).square().mean().backward()
    step()
    optimizer.zero_grad()
print(graphs)
"""


def test_a_loop_in_no_function_ends_with_the_script(tmp_path: Path) -> None:
    run_script(LOOP.format(last=""), tmp_path)
    client = Client(f"sqlite:///{tmp_path}/mlflow.db")
    (run,) = client.search_runs(["0"])
    assert run.info.status == "FINISHED"
    assert run.data.params["model"] == "Linear"
    assert len(client.get_metric_history(run.info.run_id, "loss")) == 5


@pytest.mark.parametrize("place", ["first", "then"])
def test_a_compiled_step_is_compiled_as_without_us(tmp_path: Path, place: str) -> None:
    without = run_script(COMPILED.format(first="", then=""), tmp_path)
    on = {"first": "", "then": "", place: "autolog.pytorch.autolog()"}
    assert run_script(COMPILED.format(**on), tmp_path) == without
    client = Client(f"sqlite:///{tmp_path}/mlflow.db")
    (run,) = client.search_runs(["0"])
    assert len(client.get_metric_history(run.info.run_id, "loss")) == 5


@pytest.mark.parametrize("error", ["ValueError", "KeyboardInterrupt"])
def test_an_error_that_ends_the_script_is_told(tmp_path: Path, error: str) -> None:
    last = f"if number == 2: raise {error}('in the middle')"
    (tmp_path / "script.py").write_text(LOOP.format(last=last), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert f"{error}: in the middle" in done.stderr
    client = Client(f"sqlite:///{tmp_path}/mlflow.db")
    (run,) = client.search_runs(["0"])
    assert run.info.status == "FAILED"
    assert run.data.tags["autolog.error"] == f"{error}: in the middle"
    assert len(client.get_metric_history(run.info.run_id, "loss")) == 3


def test_of_two_processes_rank_zero_records(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SPAWNED, encoding="utf-8")
    subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
        timeout=300,
    )
    client = Client(f"sqlite:///{tmp_path}/mlflow.db")
    (run,) = client.search_runs(["0"])
    assert run.info.status == "FINISHED"
    assert run.data.params["model"] == "Linear"
    assert len(client.get_metric_history(run.info.run_id, "loss")) == 3
