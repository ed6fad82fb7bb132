"""S3, on moto's server."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.artifact_contract import RemoteArtifactContract


def bucket(address: str, name: str) -> str:
    import botocore.session

    client = botocore.session.get_session().create_client("s3", endpoint_url=address)
    client.create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    return name


class TestS3(RemoteArtifactContract):
    @pytest.fixture
    def place(self, s3: str, fresh_name: Callable[[], str]) -> str:
        return f"s3://{bucket(s3, fresh_name())}/some/folder"
