"""What is said to databases that no test starts, and how URIs of databases are read and shown."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from sqlalchemy import Select, select
from sqlalchemy.dialects import mssql
from sqlalchemy.schema import CreateTable

from core_client import settings
from core_client.client import Client
from core_client.exceptions import MlflowException
from core_client.search import EXPERIMENTS, RUNS
from core_client.stores import check_uri
from core_client.stores.sql.dialects import database_url, insert_new
from core_client.stores.sql.finding import order_experiments, order_runs, run_condition
from core_client.stores.sql.schema import experiments, metadata, metrics, runs

SERVER = mssql.dialect(paramstyle="qmark")


def said(statement: object) -> str:
    """The statement as SQL Server gets it, on one line."""
    return " ".join(str(statement.compile(dialect=SERVER)).split())  # type: ignore[attr-defined]


# SQL Server


def test_sql_server_inserts_what_is_not_there() -> None:
    assert insert_new(SERVER, metrics) == (
        "MERGE INTO metrics WITH (HOLDLOCK) AS old USING (VALUES (?, ?, ?, ?, ?, ?)) "
        "AS new ([key], value, timestamp, run_uuid, step, is_nan) "
        "ON old.[key] = new.[key] AND old.timestamp = new.timestamp AND old.step = new.step "
        "AND old.run_uuid = new.run_uuid AND old.value = new.value AND old.is_nan = new.is_nan "
        "WHEN NOT MATCHED THEN INSERT ([key], value, timestamp, run_uuid, step, is_nan) "
        "VALUES (new.[key], new.value, new.timestamp, new.run_uuid, new.step, new.is_nan);"
    )


def test_sql_server_makes_columns_that_hold_what_we_allow() -> None:
    made = "\n".join(str(CreateTable(t).compile(dialect=SERVER)) for t in metadata.sorted_tables)
    assert "experiment_id INTEGER NOT NULL IDENTITY" in made
    assert "value DOUBLE PRECISION NOT NULL" in made or "value FLOAT(53) NOT NULL" in made
    assert made.count("value VARCHAR(8000)") == 2
    assert "is_nan BIT" in made
    assert "is_nan IN" not in made


def test_sql_server_locks_the_runs_that_are_written() -> None:
    query = select(runs.c.run_uuid).with_for_update().with_hint(runs, "WITH (UPDLOCK)", "mssql")
    assert said(query) == "SELECT runs.run_uuid FROM runs WITH (UPDLOCK)"


@pytest.mark.parametrize(
    ("filter_string", "condition"),
    [
        ("params.model = 'tree'", "(params.value COLLATE Latin1_General_BIN2) = ?"),
        ("params.model LIKE 't%'", "(params.value COLLATE Latin1_General_BIN2) LIKE ?"),
        (
            "tags.a ILIKE 't%'",
            "lower((tags.value COLLATE Latin1_General_BIN2)) LIKE lower(?)",
        ),
        ("metrics.loss != 1", "latest_metrics.value != ? OR latest_metrics.is_nan = 1"),
    ],
)
def test_sql_server_compares_texts_by_their_characters(filter_string: str, condition: str) -> None:
    [wanted] = RUNS.filters(filter_string)
    assert condition in said(select(runs.c.run_uuid).where(run_condition(wanted)))


@pytest.mark.parametrize(
    "orders", [[], ["start_time"], ["start_time DESC", "run_id"], ["metrics.a", "created"]]
)
def test_sql_server_is_given_no_column_twice_to_sort_by(orders: list[str]) -> None:
    query: Select[tuple[str]] = order_runs(select(runs.c.run_uuid), RUNS.orders(orders))
    sorts = said(query).split("ORDER BY ")[1].split(", ")
    columns = [re.sub(r" (ASC|DESC)$", "", sort) for sort in sorts]
    assert len(set(columns)) == len(columns)
    by_id = order_experiments(select(experiments.c.name), EXPERIMENTS.orders(["experiment_id"]))
    assert said(by_id).endswith("ORDER BY experiments.experiment_id ASC")


# URIs


@pytest.mark.parametrize(
    ("uri", "driver"),
    [
        ("postgresql://h/d", "postgresql+psycopg"),
        ("postgresql+psycopg2://h/d", "postgresql+psycopg"),
        ("postgres://h/d", "postgresql+psycopg"),
        ("mysql://h/d", "mysql+pymysql"),
        ("mysql+mysqldb://h/d", "mysql+pymysql"),
        ("mariadb+pymysql://h/d", "mysql+pymysql"),
        ("mssql+pyodbc://h/d?driver=ODBC+Driver+18", "mssql+pyodbc"),
    ],
)
def test_a_uri_may_name_any_driver(uri: str, driver: str) -> None:
    assert database_url(uri).drivername == driver


@pytest.mark.parametrize("uri", ["postgresql://mia:secret@host", "mysql://mia:secret@host/"])
def test_a_uri_must_name_a_database(uri: str) -> None:
    with pytest.raises(MlflowException, match="names no database") as caught:
        database_url(uri)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("uri", "driver", "extra"),
    [
        ("postgresql+psycopg2://mia:secret@h/d", "psycopg", "postgresql"),
        ("mysql://mia:secret@h/d", "pymysql", "mysql"),
        ("mssql+pyodbc://mia:secret@h/d", "pyodbc", "mssql"),
    ],
)
def test_a_missing_driver_is_named_at_once(
    uri: str, driver: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core_client.stores.find_spec", {}.get)
    with pytest.raises(MlflowException) as caught:
        check_uri(uri)
    assert f"'{driver}'" in str(caught.value)
    assert f"pip install 'mlautolog[{extra}]'" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("postgresql://mia:sec/ret@h:1/d", "postgresql://mia:***@h:1/d"),
        ("mysql://mia:sec?ret@h/d", "mysql://mia:***@h/d"),
        ("mysql://mia:sec@ret@h/d", "mysql://mia:***@h/d"),
        ("postgresql://h/d?user=mia&password=secret&x=1", "postgresql://h/d?user=mia&password=***&x=1"),
        ("mssql+pyodbc:///?odbc_connect=UID%3Dmia%3BPWD%3Dsecret%3BX%3D1",
         "mssql+pyodbc:///?odbc_connect=UID%3Dmia%3BPWD%3D***%3BX%3D1"),
        ("https://mia:sec@ret@host/a", "https://mia:***@host/a"),
        ("http://host:80/a@b", "http://host:80/a@b"),
        ("sqlite:////a:b@c/x.db", "sqlite:////a:b@c/x.db"),
    ],
)  # fmt: skip
def test_no_password_is_shown(uri: str, shown: str) -> None:
    assert settings.without_password(uri) == shown


@pytest.mark.parametrize("name", ["50% of", "a?b", "a#b", "a%3Fb", "a&b=c?d#e"])
def test_the_default_database_lies_in_any_working_directory(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    monkeypatch.chdir(folder)
    client = Client()
    run_id = client.create_run("0").info.run_id
    client.log_text(run_id, "hello", "a.txt")
    monkeypatch.chdir("/")
    assert client.get_run(run_id).info.run_id == run_id
    assert (folder / "mlflow.db").is_file()
    assert set(os.listdir(folder)) >= {"mlflow.db", "mlruns"}
    assert (folder / "mlruns" / "0" / run_id / "artifacts" / "a.txt").read_text() == "hello"
    assert not [entry for entry in os.listdir(folder) if not entry.startswith("ml")]


def test_a_database_may_be_named_in_sqlites_own_way(own_place: Path) -> None:
    uri = settings.absolute("sqlite:///file:x.db?uri=true")
    assert uri == f"sqlite:///file:{own_place}/x.db?uri=true"
    assert settings.absolute("sqlite:///x.db?timeout=5") == f"sqlite:///{own_place}/x.db?timeout=5"
    Client(uri).create_experiment("trees")
    assert os.listdir(own_place)[0].startswith("x.db")
