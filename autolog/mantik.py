"""The mantik package's names: log in at the platform, and send it projects to run."""

from core_client.compute_backend import ComputeBackendClient, Submitted
from core_client.mantik import init_tracking

__all__ = ["ComputeBackendClient", "Submitted", "init_tracking"]
