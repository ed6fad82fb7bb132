"""`autolog experiments`: list, create, rename, delete and restore them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from autolog.commands.document import as_json, experiment_document, print_json
from autolog.commands.naming import (
    ListedByDefault,
    find_experiment,
    open_client,
    tracking_uri,
)

if TYPE_CHECKING:
    from core_client.client import Client


@click.group(cls=ListedByDefault)
def experiments() -> None:
    """List experiments, create, rename, delete or restore them.

    `autolog experiments` alone lists them; see `autolog experiments list --help`.
    """


@experiments.command("list")
@tracking_uri
@click.option("--deleted", is_flag=True, help="Those that were deleted, instead of all others.")
@as_json
def list_experiments(tracking_uri: str | None, deleted: bool, as_json: bool) -> None:
    """List experiments, the last one changed first."""
    from autolog.terminal import Terminal
    from core_client.entities import ViewType
    from core_client.fluent.experiments import pages
    from core_client.settings import without_password

    client = open_client(tracking_uri)
    view = ViewType.DELETED_ONLY if deleted else ViewType.ACTIVE_ONLY
    found = list(pages(client.search_experiments, view))
    if as_json:
        print_json([experiment_document(one) for one in found])
        return
    if not found:
        click.echo("No experiments.", err=True)
        return
    terminal = Terminal()
    rows = [
        (
            one.name,
            one.experiment_id,
            terminal.moment(one.last_update_time),
            without_password(one.artifact_location),
        )
        for one in found
    ]
    terminal.print(terminal.table(("name", "id", "changed", "artifacts"), rows))


@experiments.command()
@tracking_uri
@click.option("--artifact-location", metavar="URI", help="Where the files of its runs go.")
@as_json
@click.argument("name")
def create(
    tracking_uri: str | None, artifact_location: str | None, as_json: bool, name: str
) -> None:
    """Create an experiment; a store that is not there is made as well."""
    from core_client.client import Client

    client = Client(tracking_uri)
    _tell(client, client.create_experiment(name, artifact_location), "Created", as_json)


@experiments.command()
@tracking_uri
@as_json
@click.argument("experiment")
@click.argument("name")
def rename(tracking_uri: str | None, as_json: bool, experiment: str, name: str) -> None:
    """Give EXPERIMENT, known by its name or id, another NAME."""
    from autolog.commands.naming import WrongArgument

    client = open_client(tracking_uri)
    one = find_experiment(client, experiment)
    taken = client.get_experiment_by_name(name)
    if taken:
        raise WrongArgument(f"'{name}' is the name of experiment {taken.experiment_id} already.")
    client.rename_experiment(one.experiment_id, name)
    _tell(client, one.experiment_id, "Renamed to", as_json)


@experiments.command()
@tracking_uri
@as_json
@click.argument("experiment")
def delete(tracking_uri: str | None, as_json: bool, experiment: str) -> None:
    """Delete an experiment and its runs; `autolog experiments restore` brings them back."""
    client = open_client(tracking_uri)
    one = find_experiment(client, experiment)
    client.delete_experiment(one.experiment_id)
    _tell(client, one.experiment_id, "Deleted", as_json)


@experiments.command()
@tracking_uri
@as_json
@click.argument("experiment")
def restore(tracking_uri: str | None, as_json: bool, experiment: str) -> None:
    """Bring a deleted experiment and its runs back."""
    client = open_client(tracking_uri)
    one = find_experiment(client, experiment)
    client.restore_experiment(one.experiment_id)
    _tell(client, one.experiment_id, "Restored", as_json)


def _tell(client: Client, experiment_id: str, verb: str, as_json: bool) -> None:
    """What became of it, as the store has it now."""
    from autolog.terminal import Terminal
    from core_client.settings import without_password

    one = client.get_experiment(experiment_id)
    if as_json:
        print_json(experiment_document(one))
        return
    terminal = Terminal()
    terminal.heading(f"{verb} {one.name}")
    terminal.line(f"id {one.experiment_id}, artifacts in {without_password(one.artifact_location)}")
