"""Artifact URIs that cannot be used, and drivers that are not there: one clear error each."""

from __future__ import annotations

import sys

import pytest

from core_client import fluent
from core_client.artifacts import open_artifacts
from core_client.exceptions import MlflowException


@pytest.mark.parametrize(
    ("uri", "driver", "extra"),
    [
        ("s3://bucket/x", "s3fs", "s3"),
        ("gs://bucket/x", "gcsfs", "gcs"),
        ("wasbs://c@a.blob.core.windows.net/x", "adlfs", "azure"),
        ("abfss://c@a.dfs.core.windows.net/x", "adlfs", "azure"),
        ("sftp://me@host/x", "paramiko", "sftp"),
        ("hdfs://node:8020/x", "pyarrow", "hdfs"),
        ("viewfs://cluster/x", "pyarrow", "hdfs"),
    ],
)
def test_a_missing_driver_is_named(
    uri: str, driver: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, driver, None)  # as Python sees what is not installed
    with pytest.raises(MlflowException) as caught:
        open_artifacts(uri)
    assert f"pip install 'mlautolog[{extra}]'" in str(caught.value)
    assert driver in str(caught.value)


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("gopher://host/x", "'gopher' is no kind of artifact store"),
        ("s3:///x", "s3://bucket/path"),
        ("s3:bucket/x", "s3://bucket/path"),
        ("gs://", "gs://bucket/path"),
        ("wasbs://container/x", "wasbs://container@account.blob.core.windows.net/path"),
        ("abfss://c@a/x", "abfss://container@account.dfs.core.windows.net/path"),
        ("ftp:///x", "ftp://user@host/path"),
        ("sftp://me@host:port/x", "sftp://user@host/path"),
        ("ftp://me@host:99999/x", "ftp://user@host/path"),
        ("s3://[broken/x", "malformed"),
        ("s3://bucket/a/../../b", "is refused"),
        ("mlflow-artifacts:/x", "MLFLOW_TRACKING_URI"),
    ],
)
def test_what_is_wrong_with_a_uri_is_said(uri: str, said: str) -> None:
    with pytest.raises(MlflowException) as caught:
        open_artifacts(uri, "sqlite:///mlflow.db")
    assert said in str(caught.value)


def test_passwords_are_not_said() -> None:
    with pytest.raises(MlflowException) as caught:
        open_artifacts("gopher://me:s3cret@host/x")
    assert "s3cret" not in str(caught.value)
    assert "me:***@host" in str(caught.value)


def test_logging_to_an_unknown_store_keeps_the_file() -> None:
    experiment = fluent.create_experiment("e", artifact_location="gopher://host/x")
    with fluent.start_run(experiment_id=experiment) as run:
        fluent.log_metric("m", 1)
        fluent.log_text("kept", "a.txt")
        assert run.data.metrics == {"m": 1}
        with pytest.raises(MlflowException, match="no kind of artifact store"):
            run.artifacts.list()
