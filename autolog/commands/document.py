"""What `--json` prints: one JSON document for other programs, and nothing else."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core_client.entities import Experiment, Run

as_json = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else."
)


def print_json(document: Any) -> None:
    """Print it, a value a line; structs of ours become objects."""
    import msgspec

    text = msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
    sys.stdout.write(text + "\n")


def run_document(run: Run, experiments: Mapping[str, str]) -> dict[str, Any]:
    """A run as one flat object; times in ms since 1970, NaN and infinities as text."""
    import msgspec

    from core_client.events import writable
    from core_client.run import PARENT
    from core_client.settings import without_password

    return {
        **msgspec.to_builtins(run.info),
        "artifact_uri": without_password(run.info.artifact_uri),
        "experiment": experiments.get(run.info.experiment_id),
        "parent": run.data.tags.get(PARENT),
        "params": run.data.params,
        "metrics": {key: writable(value) for key, value in run.data.metrics.items()},
        "tags": run.data.tags,
        "datasets": msgspec.to_builtins(run.inputs.dataset_inputs),
    }


def experiment_document(experiment: Experiment) -> dict[str, Any]:
    """An experiment as an object; times in ms since 1970."""
    import msgspec

    from core_client.settings import without_password

    place = without_password(experiment.artifact_location)
    return {**msgspec.to_builtins(experiment), "artifact_location": place}
