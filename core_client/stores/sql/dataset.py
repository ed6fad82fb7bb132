"""The datasets of runs, written and read."""

from __future__ import annotations

import uuid

from sqlalchemy import Connection, insert, select

from core_client.entities import Dataset, DatasetInput, InputTag
from core_client.stores.sql.schema import datasets, input_tags, inputs


def add_input(connection: Connection, experiment_id: int, run_id: str, item: DatasetInput) -> None:
    """Link a run to a dataset, once; an experiment holds each dataset once, by name and digest."""
    link = {
        "source_type": "DATASET",
        "source_id": _dataset_id(connection, experiment_id, item.dataset),
        "destination_type": "RUN",
        "destination_id": run_id,
    }
    there = select(inputs.c.input_uuid).where(*(inputs.c[k] == v for k, v in link.items()))
    if connection.scalar(there) is not None:
        return
    input_id = uuid.uuid4().hex
    connection.execute(insert(inputs).values(input_uuid=input_id, **link))
    for name, value in {tag.key: tag.value for tag in item.tags}.items():
        row = {"input_uuid": input_id, "name": name, "value": value}
        connection.execute(insert(input_tags).values(row))


def _dataset_id(connection: Connection, experiment_id: int, dataset: Dataset) -> str:
    query = select(datasets.c.dataset_uuid).where(
        datasets.c.experiment_id == experiment_id,
        datasets.c.name == dataset.name,
        datasets.c.digest == dataset.digest,
    )
    found: str | None = connection.scalar(query)
    if found is not None:
        return found
    dataset_id = uuid.uuid4().hex
    connection.execute(
        insert(datasets).values(
            dataset_uuid=dataset_id,
            experiment_id=experiment_id,
            name=dataset.name,
            digest=dataset.digest,
            dataset_source_type=dataset.source_type,
            dataset_source=dataset.source,
            dataset_schema=dataset.schema,
            dataset_profile=dataset.profile,
        )
    )
    return dataset_id


def read_inputs(connection: Connection, run_ids: list[str]) -> dict[str, list[DatasetInput]]:
    """The datasets of each run that has any."""
    query = (
        select(
            inputs.c.destination_id,
            inputs.c.input_uuid,
            datasets.c.name,
            datasets.c.digest,
            datasets.c.dataset_source_type,
            datasets.c.dataset_source,
            datasets.c.dataset_schema,
            datasets.c.dataset_profile,
            input_tags.c.name,
            input_tags.c.value,
        )
        .join(datasets, datasets.c.dataset_uuid == inputs.c.source_id)
        .outerjoin(input_tags, input_tags.c.input_uuid == inputs.c.input_uuid)
        .where(
            inputs.c.source_type == "DATASET",
            inputs.c.destination_type == "RUN",
            inputs.c.destination_id.in_(run_ids),
        )
    )
    found: dict[str, dict[str, DatasetInput]] = {}
    for run_id, input_id, *described, tag, value in connection.execute(query):
        of_run = found.setdefault(run_id, {})
        item = of_run.setdefault(input_id, DatasetInput(Dataset(*described), []))
        if tag is not None:
            item.tags.append(InputTag(tag, value))
    return {run_id: list(items.values()) for run_id, items in found.items()}
