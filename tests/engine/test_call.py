"""What a handler may do wrong, and what a call gets, gives and raises nevertheless."""

from __future__ import annotations

from typing import Any

import autolog


def runs() -> list[Any]:
    return autolog.search_runs(output_format="list")


def test_first(toy):
    @toy.on("Base.fit")
    def fit(call):
        call.run.log_params({"X": call.arguments["X"], "weight": call.arguments["weight"]})
        result = yield
        call.run.log_metrics({"depth": result.depth})

    toy.autolog()
    base = toy.load("toylib.base")
    model = base.Base(3)
    assert model.fit("data") is model
    [run] = runs()
    assert run.data.params == {"X": "data", "weight": "1"}
    assert run.data.metrics == {"depth": 3}
    assert run.info.status == "FINISHED"
    assert run.data.tags["mlflow.autologging"] == "toy"
