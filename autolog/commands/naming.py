"""What a user names on the command line: a store, an experiment, a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from core_client.client import Client
    from core_client.entities import Experiment, Run


class WrongArgument(click.ClickException):
    """What ends the command where the user has named something that is not there."""

    exit_code = 2


tracking_uri = click.option(
    "--tracking-uri",
    metavar="URI",
    help="The store, such as sqlite:///mlflow.db; MLFLOW_TRACKING_URI by default.",
)


class ListedByDefault(click.Group):
    """A group of commands of which `list` is the one that need not be named."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Put `list` where no command is named."""
        if not args or (args[0] not in self.commands and args[0] not in context.help_option_names):
            args = ["list", *args]
        return super().parse_args(context, args)


def open_client(uri: str | None) -> Client:
    """The store to look at. One that nothing was ever recorded in is not made by a look."""
    from core_client import settings, stores
    from core_client.client import Client
    from core_client.segment import SUFFIX
    from core_client.spool import folder_for

    full = settings.absolute(uri or settings.tracking_uri())
    place = stores.place(full)
    if place and not place.exists() and not any(folder_for(full).rglob("*" + SUFFIX)):
        kind = "database" if stores.database(full) else "folder"
        raise click.ClickException(
            f"There is no {kind} '{place}' yet. Train something in its folder, "
            "or name another store with --tracking-uri."
        )
    return Client(full)


def experiment_names(client: Client, chosen: Sequence[str] = ()) -> dict[str, str]:
    """Names of experiments by their ids: of those chosen by name or id, or of all.

    Deleted ones are among them only where they are chosen.
    """
    from core_client.entities import ViewType
    from core_client.fluent.experiments import pages

    if chosen:
        found = [find_experiment(client, text) for text in chosen]
    else:
        found = list(pages(client.search_experiments, ViewType.ACTIVE_ONLY))
    return {one.experiment_id: one.name for one in found}


def find_experiment(client: Client, text: str) -> Experiment:
    """The experiment that a user means, deleted or not: by its name, or by its id."""
    from core_client.entities import ViewType
    from core_client.fluent.experiments import pages

    every = list(pages(client.search_experiments, ViewType.ALL))
    for one in [one for one in every if one.name == text] or [
        one for one in every if one.experiment_id == text
    ]:
        return one
    active = [f"'{one.name}'" for one in every if one.lifecycle_stage == "active"]
    raise WrongArgument(f"There is no experiment '{text}'. There are: {', '.join(active[:8])}.")


def find_run(client: Client, text: str) -> Run:
    """The run that a user means, deleted or not: by its id, the beginning of it, or its name."""
    from core_client.entities import ViewType
    from core_client.fluent.experiments import pages
    from core_client.readable import moment

    experiments = [one.experiment_id for one in pages(client.search_experiments, ViewType.ALL)]
    name = text.replace("'", "''")
    filters = [f"run_name = '{name}'"]
    if text.isalnum():
        filters.append(f"run_id LIKE '{text}%'")
    matches = {
        one.info.run_id: one
        for filter_string in filters
        for one in client.search_runs(experiments, filter_string, ViewType.ALL)
    }
    if text in matches:
        return matches[text]
    if not matches:
        raise WrongArgument(
            f"There is no run with the id or name '{text}'. `autolog runs` lists them."
        )
    if len(matches) > 1:
        few = [
            f"{one.info.run_id} ({one.info.run_name}, {moment(one.info.start_time)})"
            for one in list(matches.values())[:5]
        ]
        more = " and more" if len(matches) > 5 else ""
        raise WrongArgument(f"'{text}' can mean {len(matches)} runs: {', '.join(few)}{more}.")
    return next(iter(matches.values()))
