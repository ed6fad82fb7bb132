"""Every error that this package raises on purpose."""

from __future__ import annotations


class MlflowException(Exception):
    """A call that could not be done: what was wrong, the limit, and the cure.

    Args:
        message: the whole story in one or two sentences.
        error_code: MLflow's name for this kind of error, such as
            ``RESOURCE_DOES_NOT_EXIST`` or ``INVALID_PARAMETER_VALUE``.
    """

    def __init__(self, message: str, error_code: str = "INTERNAL_ERROR") -> None:
        super().__init__(message)
        self.message = message
        self.error_code = error_code


class StoreUnavailable(MlflowException):
    """The store cannot be reached now; what was recorded waits in the spool."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "TEMPORARILY_UNAVAILABLE")


def invalid(message: str) -> MlflowException:
    """An argument that no store would take."""
    return MlflowException(message, "INVALID_PARAMETER_VALUE")


def missing(message: str) -> MlflowException:
    """A run, experiment, model or artifact that is not there."""
    return MlflowException(message, "RESOURCE_DOES_NOT_EXIST")
