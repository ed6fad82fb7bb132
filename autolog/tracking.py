"""MLflow's place for `MlflowClient`."""

from core_client.client import Client
from core_client.fluent import get_tracking_uri, set_tracking_uri

MlflowClient = Client

__all__ = ["Client", "MlflowClient", "get_tracking_uri", "set_tracking_uri"]
