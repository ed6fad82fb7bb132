"""What the verbs work on: the store in use and the experiment for new runs."""

from __future__ import annotations

import os

from core_client import destination as destinations
from core_client import settings
from core_client.client import Client
from core_client.destination import Destination


def destination() -> Destination:
    """Where runs go now."""
    return destinations.destination(settings.tracking_uri())


_clients: dict[str, Client] = {}


def client() -> Client:
    """The client for it, the same one each time."""
    uri = settings.absolute(settings.tracking_uri())
    return _clients.get(uri) or _clients.setdefault(uri, Client(uri))


def place(where: Destination, chosen: str | None = None) -> tuple[str, str]:
    """Id and name of the experiment for a new run, one of them empty.

    A far store is not asked: the training would wait for its answer, and it refuses the run
    if there is no such experiment.
    """
    if where.near:
        return experiment_id(where, chosen), ""
    chosen = chosen or os.environ.get("MLFLOW_EXPERIMENT_ID")
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME")
    if name and not chosen:
        return "", name
    return str(chosen or settings.DEFAULT_EXPERIMENT_ID), ""


def experiment_id(where: Destination, chosen: str | None = None) -> str:
    """The experiment for a new run: the chosen one, the environment's, or the default.

    Raises:
        MlflowException: there is none of that id, or it is deleted.
    """
    chosen = chosen or os.environ.get("MLFLOW_EXPERIMENT_ID")
    if chosen:
        return where.experiment(str(chosen)).experiment_id
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME")
    if name:
        return where.experiment_named(name).experiment_id
    return settings.DEFAULT_EXPERIMENT_ID
