"""`autolog runs`: list, show, compare, delete and restore them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from autolog.commands.document import as_json, print_json, run_document
from autolog.commands.naming import (
    ListedByDefault,
    WrongArgument,
    experiment_names,
    find_run,
    open_client,
    tracking_uri,
)

if TYPE_CHECKING:
    from core_client.client import Client
    from core_client.entities import Run

SEARCHED = 1000  # runs, the newest first, among which parents are brought together with children


@click.group(cls=ListedByDefault)
def runs() -> None:
    """List runs, show, compare, delete or restore them.

    `autolog runs` alone lists them; see `autolog runs list --help`.
    """


@runs.command("list")
@tracking_uri
@click.option(
    "-e", "--experiment", multiple=True, metavar="NAME", help="Only of this one, by name or id."
)
@click.option(
    "-f", "--filter", "filter_string", default="", metavar="TEXT",
    help="Such as \"metrics.rmse < 1 and params.model = 'tree'\".",
)  # fmt: skip
@click.option(
    "-o", "--order-by", multiple=True, metavar="KEY",
    help="Such as \"metrics.rmse ASC\"; the newest first by default.",
)  # fmt: skip
@click.option(
    "-n", "--limit", default=20, show_default=True, type=click.IntRange(min=1),
    help="How many runs at most, their children not counted.",
)  # fmt: skip
@click.option("--deleted", is_flag=True, help="Those that were deleted, instead of all others.")
@as_json
def list_runs(
    tracking_uri: str | None,
    experiment: Sequence[str],
    filter_string: str,
    order_by: Sequence[str],
    limit: int,
    deleted: bool,
    as_json: bool,
) -> None:
    """List runs, children below their parents."""
    from autolog.terminal import MOST_CHILDREN, Terminal, run_table, tree
    from core_client.entities import Run, ViewType
    from core_client.fluent.experiments import pages

    client = open_client(tracking_uri)
    experiments = experiment_names(client, experiment)
    if deleted and not experiment:
        gone = pages(client.search_experiments, ViewType.DELETED_ONLY)
        experiments |= {one.experiment_id: one.name for one in gone}
    page = client.search_runs(
        list(experiments),
        filter_string,
        ViewType.DELETED_ONLY if deleted else ViewType.ACTIVE_ONLY,
        max_results=SEARCHED,
        order_by=order_by,
    )
    found = list(page)
    if not filter_string:
        found += _missing_parents(client, found)
    rows, more = tree(found, limit, len(found) if as_json else MOST_CHILDREN)
    if as_json:
        print_json([run_document(one, experiments) for _, one in rows if isinstance(one, Run)])
        return
    if not found:
        click.echo("No run matches." if filter_string or deleted else "No runs yet.", err=True)
        return
    terminal = Terminal()
    wanted = f"{filter_string} {' '.join(order_by)}"
    terminal.print(run_table(terminal, rows, experiments, wanted))
    if (more or page.token) and terminal.interactive:
        terminal.faint(f"There are more; --limit {2 * limit} shows them.")


@click.command()
@tracking_uri
@as_json
@click.argument("run")
def show(tracking_uri: str | None, as_json: bool, run: str) -> None:
    """Show one run: RUN is its id, the beginning of its id, or its name."""
    from autolog.terminal import Terminal, show_run
    from core_client.destination import destination
    from core_client.run import PARENT

    client = open_client(tracking_uri)
    one = find_run(client, run)
    experiments = experiment_names(client, [one.info.experiment_id])
    if as_json:
        print_json(run_document(one, experiments))
        return
    experiments |= experiment_names(client)
    children = client.search_runs(
        list(experiments), f"tags.{PARENT} = '{one.info.run_id}'", order_by=["start_time ASC"]
    )
    store = destination(client.tracking_uri).store()
    show_run(Terminal(), store, one, children, experiments)


runs.add_command(show)


@runs.command()
@tracking_uri
@as_json
@click.argument("run", nargs=-1, required=True)
def compare(tracking_uri: str | None, as_json: bool, run: Sequence[str]) -> None:
    """Compare runs: params that differ, and metrics, side by side."""
    from autolog.commands.comparison import compared, print_comparison
    from autolog.terminal import Terminal

    if len(run) < 2:
        raise WrongArgument("To compare takes two runs or more.")
    client = open_client(tracking_uri)
    found = [find_run(client, text) for text in run]
    if as_json:
        ids = {one.info.experiment_id for one in found}
        names = experiment_names(client, list(ids))
        differing, _ = compared([one.data.params for one in found])
        print_json({"runs": [run_document(one, names) for one in found], "differing": differing})
        return
    print_comparison(Terminal(), found)


@runs.command()
@tracking_uri
@as_json
@click.argument("run", nargs=-1, required=True)
def delete(tracking_uri: str | None, as_json: bool, run: Sequence[str]) -> None:
    """Delete runs, by id or name; `autolog runs restore` brings them back until `autolog gc`."""
    _move(tracking_uri, as_json, run, "deleted", lambda client, one: client.delete_run(one))


@runs.command()
@tracking_uri
@as_json
@click.argument("run", nargs=-1, required=True)
def restore(tracking_uri: str | None, as_json: bool, run: Sequence[str]) -> None:
    """Bring deleted runs back, by id or name."""
    _move(tracking_uri, as_json, run, "active", lambda client, one: client.restore_run(one))


def _move(
    tracking_uri: str | None,
    as_json: bool,
    texts: Sequence[str],
    stage: str,
    move: Callable[[Client, str], None],
) -> None:
    from autolog.terminal import Terminal

    client = open_client(tracking_uri)
    found = [find_run(client, text).info for text in texts]  # all, before anything is done
    there = [one.run_name for one in found if one.lifecycle_stage == stage]
    if there:
        raise WrongArgument(
            f"'{there[0]}' is {'deleted already' if stage == 'deleted' else 'not deleted'}."
        )
    for one in found:
        move(client, one.run_id)
    client.flush()
    if as_json:
        done = [client.get_run(one.run_id).info for one in found]
        print_json([
            {"run_id": one.run_id, "run_name": one.run_name, "lifecycle_stage": one.lifecycle_stage}
            for one in done
        ])  # fmt: skip
        return
    terminal = Terminal()
    for one in found:
        verb = "Deleted" if stage == "deleted" else "Restored"
        terminal.heading(f"{verb} {one.run_name}")
        terminal.line(one.run_id)


def _missing_parents(client: Client, found: Sequence[Run]) -> list[Run]:
    """The parents of the runs that are not among them, so that no child stands alone."""
    import contextlib

    from core_client.exceptions import MlflowException
    from core_client.run import PARENT

    here = {one.info.run_id for one in found}
    parents = []
    for run_id in dict.fromkeys(one.data.tags.get(PARENT) for one in found):
        if run_id and run_id not in here:
            with contextlib.suppress(MlflowException):
                parents.append(client.get_run(run_id))
    return parents
