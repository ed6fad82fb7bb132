"""MLflow's place for `MlflowClient`."""

from core_client.client import Client as Client
from core_client.client import MlflowClient as MlflowClient
from core_client.fluent import get_tracking_uri as get_tracking_uri
from core_client.fluent import set_tracking_uri as set_tracking_uri
