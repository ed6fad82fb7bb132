"""MLflow's place for `MlflowException`."""

from core_client.exceptions import MlflowException as MlflowException
