"""The filter and order grammar: what is read, and what a wrong string is told."""

from __future__ import annotations

import pytest

from core_client.exceptions import MlflowException
from core_client.search import EXPERIMENTS, RUNS, Comparison, Order, page_offset, page_token


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("metrics.loss < 1", Comparison("metric", "loss", "<", 1)),
        ("metric.loss>=-1.5e-3", Comparison("metric", "loss", ">=", -0.0015)),
        (
            "metrics.validation_0-logloss < .5",
            Comparison("metric", "validation_0-logloss", "<", 0.5),
        ),
        ("`metrics`.`a b` = 1.", Comparison("metric", "a b", "=", 1.0)),
        ("params.model.depth = '3'", Comparison("param", "model.depth", "=", "3")),
        ('parameters."a b" != "it\'s"', Comparison("param", "a b", "!=", "it's")),
        ("param.x = 'it''s'", Comparison("param", "x", "=", "it's")),
        (r"param.x = 'it\'s'", Comparison("param", "x", "=", "it's")),
        (r"param.x = 'C:\dir'", Comparison("param", "x", "=", r"C:\dir")),
        ("parameter.π = ''", Comparison("param", "π", "=", "")),
        ("params.order LIKE 'a AND b'", Comparison("param", "order", "LIKE", "a AND b")),
        ("tags.mlflow.runName ilike 'a%'", Comparison("tag", "mlflow.runName", "ILIKE", "a%")),
        ("tag.a is  not\n null", Comparison("tag", "a", "IS NOT NULL", None)),
        ("tag.a IS NULL", Comparison("tag", "a", "IS NULL", None)),
        ("status = 'FINISHED'", Comparison("attribute", "status", "=", "FINISHED")),
        ("attr.Created > 9", Comparison("attribute", "start_time", ">", 9)),
        ("run.`Run Name` = 'x'", Comparison("attribute", "run_name", "=", "x")),
        ("run_id in ('a' , \"b\",)", Comparison("attribute", "run_id", "IN", ("a", "b"))),
        ("run_id NOT  IN('a')", Comparison("attribute", "run_id", "NOT IN", ("a",))),
        ("start_time < 9" + 20 * "0", Comparison("attribute", "start_time", "<", 9e20)),
        ("datasets.name = 'iris'", Comparison("dataset", "name", "=", "iris")),
    ],
)
def test_conditions(text: str, read: Comparison) -> None:
    assert RUNS.filters(text) == [read]


def test_conditions_are_joined_by_and() -> None:
    read = RUNS.filters(" metrics.a>1 AND params.b='and'and\ttags.c IS NULL ")
    assert [one.key for one in read] == ["a", "b", "c"]
    assert RUNS.filters(None) == RUNS.filters(" \n ") == []


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("metrics.loss <", ["at its end", "a number without quotes"]),
        ("metrics.loss < 'a'", ["at ''a''", "a number"]),
        ("metrics.loss LIKE '1'", ["at 'LIKE '1''", "=, !=, <, <=, >, >=", "'loss'"]),
        ("metrics.loss < 1 OR metrics.loss > 2", ["at 'OR metrics.loss > 2'", "AND", "OR"]),
        ("metrics.a < 1 AND", ["at its end", "metrics.loss"]),
        ("metrics.a < 1 metrics.b < 1", ["at 'metrics.b < 1'", "AND"]),
        ("(metrics.a < 1)", ["at '(metrics.a < 1)'", "expected a name"]),
        ("metrics.a < 1;", ["at ';'"]),
        ("params.x = 5", ["at '5'", "in single or double quotes"]),
        ("params.x == '5'", ["at '== '5''", "LIKE, ILIKE, IN, NOT IN"]),
        ("params.x > '5'", ["at '> '5''"]),
        ("params.x = 'open", ["at ''open'", "quotes"]),
        ("params.x NOT LIKE 'a'", ["at 'NOT LIKE 'a''"]),
        ("Metrics.x > 1", ["'Metrics' is not one of", "attribute, dataset, metric, param, tag"]),
        ("lifecycle = 'x'", ["'lifecycle' is not one of", "run_id", "status", "end_time"]),
        ("dataset.size = 'x'", ["'size' is not one of context, digest, name"]),
        ("run_id IN 'a'", ["at ''a''", "('a', 'b')"]),
        ("run_id IN ('a' 'b')", ["at ''b')'", "','"]),
        ("run_id IN ()", ["at ')'", "quotes"]),
        ("start_time = '5'", ["at ''5''", "number"]),
        ("💥", ["at '💥'"]),
    ],
)
def test_a_wrong_filter_is_told_where_and_what(text: str, parts: list[str]) -> None:
    with pytest.raises(MlflowException) as caught:
        RUNS.filters(text)
    assert caught.value.error_code == "INVALID_PARAMETER_VALUE"
    assert [part for part in [f"filter '{text}'", *parts] if part not in str(caught.value)] == []


def test_experiments_have_their_own_words() -> None:
    assert EXPERIMENTS.filters("name = 'a' AND tags.b IS NULL AND creation_time < 5") == [
        Comparison("attribute", "name", "=", "a"),
        Comparison("tag", "b", "IS NULL", None),
        Comparison("attribute", "creation_time", "<", 5),
    ]
    with pytest.raises(MlflowException, match="'metrics' is not one of attribute, tag"):
        EXPERIMENTS.filters("metrics.a < 1")
    with pytest.raises(MlflowException, match="'status' is not one of creation_time, exp"):
        EXPERIMENTS.filters("status = 'x'")


@pytest.mark.parametrize(
    ("clause", "read"),
    [
        ("metrics.loss", Order("metric", "loss", True)),
        ("metrics.`a b` desc", Order("metric", "a b", False)),
        ('params."a b"  ASC ', Order("param", "a b", True)),
        ("Created DESC", Order("attribute", "start_time", False)),
        ("tags.a/b", Order("tag", "a/b", True)),
    ],
)
def test_sort_keys(clause: str, read: Order) -> None:
    assert RUNS.orders([clause]) == [read]
    assert RUNS.orders(clause) == [read]  # one alone needs no list


@pytest.mark.parametrize(
    ("clauses", "part"),
    [
        (["metrics.loss UP"], "expected ASC, DESC"),
        (["metrics.a, metrics.b"], "expected ASC, DESC"),
        (["dataset.name"], "not by dataset"),
        ([""], "expected a name"),
        (["lifecycle"], "'lifecycle' is not one of"),
        (["start_time", "created DESC"], "'start_time' more than once"),
    ],
)
def test_a_wrong_sort_key_is_told_what_is_wrong(clauses: list[str], part: str) -> None:
    with pytest.raises(MlflowException, match="order_by") as caught:
        RUNS.orders(clauses)
    assert part in str(caught.value)


def test_a_page_token_leads_back_to_its_page() -> None:
    assert page_offset(page_token(12345)) == 12345
    assert page_offset(None) == 0


@pytest.mark.parametrize("token", ["?", "abcd", "e30=", "W10=", "eyJvZmZzZXQiOiB7fX0="])
def test_what_is_no_page_token_is_refused(token: str) -> None:
    with pytest.raises(MlflowException, match="Not a page token"):
        page_offset(token)
