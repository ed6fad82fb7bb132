"""MLflow's place for `MlflowException`."""

from core_client.exceptions import MlflowException

__all__ = ["MlflowException"]
