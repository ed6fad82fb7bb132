"""MLflow's server with PostgreSQL for runs and S3, here moto's, for files: past it and through it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest
from moto.server import ThreadedMotoServer

from core_client import fluent
from core_client.client import Client
from integration_tests.databases.servers import PostgreSQL
from integration_tests.servers.conftest import python
from integration_tests.servers.mlflow_server import MlflowServer


class Bucket(NamedTuple):
    """An S3 bucket named ``kept``, and the variables by which it is reached."""

    s3: Any
    variables: dict[str, str]

    def only_object(self, prefix: str) -> Any:
        (found,) = self.s3.list_objects_v2(Bucket="kept", Prefix=prefix)["Contents"]
        return found


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    s3 = boto3.client("s3", "us-east-1", endpoint_url=address,
                      aws_access_key_id="testing", aws_secret_access_key="testing")  # fmt: skip
    s3.create_bucket(Bucket="kept")
    yield Bucket(
        s3,
        {
            "MLFLOW_S3_ENDPOINT_URL": address,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
        },
    )
    server.stop()


def test_files_go_straight_to_s3_and_all_else_to_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bucket: Bucket, postgresql: PostgreSQL
) -> None:
    server = MlflowServer(python("3.17.2"), tmp_path, postgresql.new_database())
    server.start("--no-serve-artifacts", "--default-artifact-root", "s3://kept/runs")
    try:
        for name, value in bucket.variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
        with fluent.start_run() as run:
            fluent.log_metric("loss", 0.5)
            fluent.log_dict({"seed": 7}, "deep/setup.json")
        # One that asks the server and S3 anew.
        found = Client(server.url).get_run(run.run_id)
        assert found.info.artifact_uri == f"s3://kept/runs/0/{run.run_id}/artifacts"
        assert found.data.metrics == {"loss": 0.5}
        local = Client(server.url).download_artifacts(run.run_id, "deep/setup.json")
        assert json.loads(Path(local).read_text()) == {"seed": 7}
        there = bucket.only_object("runs/")
        assert there["Key"] == f"runs/0/{run.run_id}/artifacts/deep/setup.json"
    finally:
        server.kill()


def test_a_large_file_goes_past_the_server_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bucket: Bucket
) -> None:
    """MLflow's server signs the parts' addresses."""
    server = MlflowServer(python("3.17.2"), tmp_path)
    server.start(
        *("--serve-artifacts", "--artifacts-destination", "s3://kept/files"), **bucket.variables
    )
    try:
        monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", "6000000")
        monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE", str(5 * 2**20))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
        data = os.urandom(12_000_000)
        with fluent.start_run() as run:
            (tmp_path / "large.bin").write_bytes(data)
            fluent.log_artifact(tmp_path / "large.bin", "deep")
        assert run.artifacts.read("deep/large.bin") == data
        there = bucket.only_object("files/")
        assert there["Key"] == f"files/0/{run.run_id}/artifacts/deep/large.bin"
        assert there["ETag"].endswith('-3"'), "it came in three parts"
    finally:
        server.kill()
