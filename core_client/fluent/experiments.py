"""Verbs for experiments, the groups that runs belong to."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from core_client.checks import check_experiment_name
from core_client.entities import Experiment, PagedList, ViewType
from core_client.exceptions import StoreUnavailable, invalid
from core_client.fluent import active

T = TypeVar("T")


def set_experiment(
    experiment_name: str | None = None, experiment_id: str | None = None
) -> Experiment:
    """Make an experiment the one that new runs belong to, here and in processes started from here.

    Args:
        experiment_name: created if the store has none of that name; or else
        experiment_id: an existing one.

    Raises:
        MlflowException: it is deleted, or there is none of that id. While a server is away this
            cannot be known: then the experiment is taken as it is named.
    """
    if (experiment_name is None) == (experiment_id is None):
        raise invalid("set_experiment takes either experiment_name or experiment_id.")
    where = active.destination()
    try:
        if experiment_name is not None:
            experiment = where.experiment_named(check_experiment_name(experiment_name))
        else:
            experiment = where.experiment(str(experiment_id))
    except StoreUnavailable:
        if where.near:
            raise
        # A run says to which experiment it belongs, and the store looks when it is back.
        experiment = Experiment(str(experiment_id or ""), experiment_name or "", "", "active")
    os.environ.pop("MLFLOW_EXPERIMENT_ID", None)
    os.environ.pop("MLFLOW_EXPERIMENT_NAME", None)
    if experiment.experiment_id:
        os.environ["MLFLOW_EXPERIMENT_ID"] = experiment.experiment_id
    else:
        os.environ["MLFLOW_EXPERIMENT_NAME"] = experiment.name
    return experiment


def create_experiment(
    name: str, artifact_location: str | None = None, tags: Mapping[str, Any] | None = None
) -> str:
    """Create an experiment and return its id. Raises MlflowException if the name is taken."""
    return active.client().create_experiment(name, artifact_location, tags)


def get_experiment(experiment_id: str) -> Experiment:
    """One experiment, deleted or not."""
    return active.client().get_experiment(experiment_id)


def get_experiment_by_name(name: str) -> Experiment | None:
    """The experiment of that name, deleted or not; None without one."""
    return active.client().get_experiment_by_name(name)


def search_experiments(
    view_type: int = ViewType.ACTIVE_ONLY,
    max_results: int | None = None,
    filter_string: str | None = None,
    order_by: Sequence[str] | None = None,
) -> list[Experiment]:
    """The experiments that match, the last created first unless `order_by` says otherwise."""
    found = pages(
        active.client().search_experiments,
        view_type,
        filter_string=filter_string,
        order_by=order_by,
    )
    return PagedList(list(itertools.islice(found, max_results)))


def delete_experiment(experiment_id: str) -> None:
    """Delete an experiment and its runs; `restore_experiment` brings them back."""
    active.client().delete_experiment(experiment_id)


def restore_experiment(experiment_id: str) -> None:
    """Undo `delete_experiment`."""
    active.client().restore_experiment(experiment_id)


def set_experiment_tag(key: str, value: Any) -> None:
    """Set a note on the active experiment."""
    set_experiment_tags({key: value})


def set_experiment_tags(tags: Mapping[str, Any]) -> None:
    """Set several notes on the active experiment."""
    experiment_id = active.experiment_id(active.destination())
    for key, value in tags.items():
        active.client().set_experiment_tag(experiment_id, key, value)


def pages(search: Callable[..., PagedList[T]], *args: Any, **kwargs: Any) -> Iterator[T]:
    """Everything that a paged search finds, one by one."""
    token = None
    while True:
        page = search(*args, page_token=token, **kwargs)
        yield from page
        token = page.token
        if not token:
            return
