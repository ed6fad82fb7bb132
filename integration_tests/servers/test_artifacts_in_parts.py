"""Large artifacts behind MLflow's server, whose files are kept in S3."""

from __future__ import annotations

import os
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from core_client import fluent
from integration_tests.servers.conftest import python
from integration_tests.servers.mlflow_server import MlflowServer


def test_a_large_file_goes_past_the_server_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow's server signs the parts' addresses; they go straight to S3, here moto's."""
    bucket = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    bucket.start()
    address = "http://{}:{}".format(*bucket.get_host_and_port())
    keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    s3 = boto3.client("s3", "us-east-1", endpoint_url=address,
                      aws_access_key_id="testing", aws_secret_access_key="testing")  # fmt: skip
    s3.create_bucket(Bucket="kept")
    server = MlflowServer(python("3.17.2"), tmp_path)
    server.start(
        *("--serve-artifacts", "--artifacts-destination", "s3://kept/files"),
        MLFLOW_S3_ENDPOINT_URL=address, AWS_DEFAULT_REGION="us-east-1", **keys,
    )  # fmt: skip
    try:
        monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", "6000000")
        monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE", str(5 * 2**20))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
        data = os.urandom(12_000_000)
        with fluent.start_run() as run:
            (tmp_path / "large.bin").write_bytes(data)
            fluent.log_artifact(tmp_path / "large.bin", "deep")
        assert run.artifacts.read("deep/large.bin") == data
        (there,) = s3.list_objects_v2(Bucket="kept")["Contents"]
        assert there["Key"] == f"files/0/{run.run_id}/artifacts/deep/large.bin"
        assert there["ETag"].endswith('-3"'), "it came in three parts"
    finally:
        server.kill()
        bucket.stop()
