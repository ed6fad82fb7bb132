"""Each wrong call gives one clear error, and leaves the run as it was."""

from __future__ import annotations

from typing import Any

import pytest

from core_client import fluent
from core_client.client import Client
from core_client.entities import Dataset, Metric
from core_client.exceptions import MlflowException


@pytest.mark.parametrize(
    ("value", "shown"),
    [("high", "'high'"), ("0.5", "'0.5'"), (None, "None"), ([1, 2], r"\[1, 2\]")],
)
def test_a_metric_must_be_a_number(value: Any, shown: str) -> None:
    with fluent.start_run() as run:
        with pytest.raises(MlflowException, match=f"'m' got {shown}.*Log a number"):
            fluent.log_metric("m", value)
        with pytest.raises(MlflowException, match="'m' got"):
            fluent.log_metrics({"good": 1, "m": value})
    assert fluent.get_run(run.run_id).data.metrics == {}


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("", "1 to 250"),
        (7, "1 to 250"),
        (["a"], "1 to 250"),
        ("k" * 251, "251 characters; the limit is 250"),
        ("../up", r"no '\.\.'"),
        ("a/../b", r"no '\.\.'"),
        ("/abs", "no '/' at either end"),
        ("a//b", "no '//'"),
        ("what?", "letters, digits"),
        ("new\nline", "letters, digits"),
    ],
)
def test_a_key_must_be_a_name(key: Any, said: str) -> None:
    with fluent.start_run() as run:
        for log in (fluent.log_metric, fluent.log_param, fluent.set_tag):
            with pytest.raises(MlflowException, match=said) as error:
                log(key, 1)
            assert error.value.error_code == "INVALID_PARAMETER_VALUE"
    data = fluent.get_run(run.run_id).data
    assert data.metrics == data.params == {}


@pytest.mark.parametrize("step", [2**63, -(2**63) - 1, 10**30])
def test_a_step_must_fit_into_64_bits(step: int) -> None:
    with fluent.start_run() as run:
        with pytest.raises(MlflowException, match="64 bits"):
            fluent.log_metric("m", 1, step=step)
        with pytest.raises(MlflowException, match="64 bits"):
            fluent.log_batch([Metric("m", 1, 0, 0), Metric("m", 1, 0, step)])
    assert fluent.get_run(run.run_id).data.metrics == {}


@pytest.mark.parametrize("step", ["1", 1.5, float("nan"), object()])
def test_a_step_must_be_whole(step: Any) -> None:
    with fluent.start_run(), pytest.raises(MlflowException, match="whole number"):
        fluent.log_metric("m", 1, step=step)


def test_a_param_never_changes() -> None:
    with fluent.start_run() as run:
        fluent.log_param("depth", 3)
        fluent.log_param("depth", "3")
        with pytest.raises(
            MlflowException, match=r"'depth' of run .* is '3' and cannot become '4'"
        ):
            fluent.log_params({"new": 1, "depth": 4})
    assert fluent.get_run(run.run_id).data.params == {"depth": "3"}


def test_long_values_are_cut_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with fluent.start_run() as run:
        fluent.log_params({"long": "x" * 6001, "short": 1})
        fluent.set_tag("note", "y" * 8001)
    data = fluent.get_run(run.run_id).data
    assert (len(data.params["long"]), data.params["short"]) == (6000, "1")
    assert len(data.tags["note"]) == 8000
    assert "'long' has 6001 characters; it was cut at 6000" in caplog.text
    assert "'note' has 8001 characters; it was cut at 8000" in caplog.text


def test_unknown_runs_and_experiments_are_named() -> None:
    for ask in (fluent.get_run, fluent.delete_run, lambda one: fluent.start_run(run_id=one)):
        with pytest.raises(MlflowException, match="nowhere") as error:
            ask("nowhere")
        assert error.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    for ask in (fluent.get_experiment, lambda one: fluent.start_run(experiment_id=one)):
        with pytest.raises(MlflowException, match="4711") as error:
            ask("4711")
        assert error.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    with pytest.raises(MlflowException, match="nowhere"):
        Client().log_metric("nowhere", "m", 1)
    assert fluent.active_run() is None


def test_a_status_must_be_known() -> None:
    with fluent.start_run(), pytest.raises(MlflowException, match=r"'DONE'.*FINISHED"):
        fluent.end_run("DONE")


def test_an_experiment_needs_a_name() -> None:
    for name in ("", "  ", None, "x" * 300):
        with pytest.raises(MlflowException, match="1 to 256"):
            fluent.create_experiment(name)  # type: ignore[arg-type]


def test_a_store_must_be_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "gopher://me:secret@host/x")
    with pytest.raises(MlflowException, match=r"gopher://me:\*\*\*@host") as error:
        fluent.search_runs(output_format="list")
    assert "secret" not in str(error.value)


def test_a_dataset_must_describe_itself() -> None:
    with fluent.start_run() as run:
        with pytest.raises(MlflowException, match=r"log_input got a list.*to_dict"):
            fluent.log_input([1, 2, 3])
        with pytest.raises(MlflowException, match="log_inputs got a Dataset"):
            run.log_inputs([Dataset("d", "1", "local", "{}")])  # type: ignore[list-item]
        with pytest.raises(MlflowException, match="same length"):
            fluent.log_inputs([Dataset("d", "1", "local", "{}")], contexts=["train", "eval"])
    assert fluent.get_run(run.run_id).inputs.dataset_inputs == []
