"""The `autolog` command: look at runs, send what killed processes left, see what is recorded."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core_client.exceptions import MlflowException

if TYPE_CHECKING:
    from core_client.client import Client
    from core_client.entities import Run

# A wrong argument, as against something that cannot be done now.
USAGE = ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST")
SEARCHED = 1000  # runs, the newest first, among which parents are brought together with children


class _Commands(click.Group):
    """Every error is one sentence on stderr: exit code 2 for a wrong argument, 1 for the rest."""

    def invoke(self, context: click.Context) -> Any:
        import logging

        from core_client.readable import printable

        log = logging.getLogger("autolog")
        log.disabled = True  # what it would warn of is raised as well, or told by `autolog sync`
        try:
            return super().invoke(context)
        except MlflowException as error:
            kind = WrongArgument if error.error_code in USAGE else click.ClickException
            raise kind(printable(error.message)) from error
        except OSError as error:
            if error.errno == errno.EPIPE:  # whoever read us has seen enough
                raise
            raise click.ClickException(printable(error)) from error
        finally:
            log.disabled = False


class WrongArgument(click.ClickException):
    """What ends the command where the user has named something that is not there."""

    exit_code = 2


@click.group(
    cls=_Commands,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="mlautolog", prog_name="autolog")
def main() -> None:
    """Look at what autolog has recorded."""


tracking_uri = click.option(
    "--tracking-uri",
    metavar="URI",
    help="The store, such as sqlite:///mlflow.db; MLFLOW_TRACKING_URI by default.",
)


@main.command()
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
def runs(
    tracking_uri: str | None,
    experiment: Sequence[str],
    filter_string: str,
    order_by: Sequence[str],
    limit: int,
) -> None:
    """List runs, children below their parents."""
    from autolog.terminal import Terminal, run_table, tree

    client = _client(tracking_uri)
    experiments = _experiments(client, experiment)
    page = client.search_runs(
        list(experiments), filter_string, max_results=SEARCHED, order_by=order_by
    )
    found = list(page)
    if not filter_string:
        found += _missing_parents(client, found)
    if not found:
        click.echo("No run matches." if filter_string else "No runs yet.", err=True)
        return
    rows, more = tree(found, limit)
    terminal = Terminal()
    wanted = f"{filter_string} {' '.join(order_by)}"
    terminal.print(run_table(terminal, rows, experiments, wanted))
    if (more or page.token) and terminal.interactive:
        terminal.faint(f"There are more; --limit {2 * limit} shows them.")


@main.command()
@tracking_uri
@click.argument("run")
def show(tracking_uri: str | None, run: str) -> None:
    """Show one run: RUN is its id, the beginning of its id, or its name."""
    from autolog.terminal import Terminal, show_run
    from core_client.destination import destination
    from core_client.run import PARENT

    client = _client(tracking_uri)
    experiments = _experiments(client, ())
    one = _run(client, list(experiments), run)
    children = client.search_runs(
        list(experiments), f"tags.{PARENT} = '{one.info.run_id}'", order_by=["start_time ASC"]
    )
    store = destination(client.tracking_uri).store()
    show_run(Terminal(), store, one, children, experiments)


@main.command()
def sync() -> None:
    """Send what killed processes left in the spool to where it belongs.

    Safe to run at any time, also twice at once. Exit code 1 if something could not be sent.
    """
    from autolog.terminal import Terminal
    from core_client.sync import sync

    terminal = Terminal()
    nothing, stuck = True, False
    for report in sync():
        nothing = False
        terminal.heading(report.uri or str(report.folder))
        killed = f", {_counted(report.killed, 'run')} closed as KILLED" if report.killed else ""
        terminal.line(f"{_counted(report.events, 'event')} sent{killed}")
        if report.problem:
            terminal.line(f"not sent: {report.problem}")
        for reason in report.waiting:
            terminal.line(f"still there: {reason}")
        for path in report.aside:
            terminal.line(f"set aside, for it cannot be sent: {path}")
        stuck = stuck or bool(report.problem)
    if nothing:
        click.echo("Nothing is left to send.")
    if stuck:
        raise SystemExit(1)


@main.command()
def status() -> None:
    """Show which frameworks are installed, and whether `autolog()` records them."""
    from autolog import autolog
    from autolog import status as table
    from autolog.terminal import Terminal

    autolog(silent=True)
    terminal = Terminal()
    terminal.print(terminal.table(("framework", "installed", "tested", "autologging"), table()))


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _client(uri: str | None) -> Client:
    """The store to look at. One that nothing was ever recorded in is not made by a look."""
    from core_client import settings
    from core_client.client import Client
    from core_client.segment import SUFFIX
    from core_client.spool import folder_for

    full = settings.absolute(uri or settings.tracking_uri())
    if full.startswith("sqlite:"):
        from sqlalchemy import make_url
        from sqlalchemy.exc import ArgumentError

        try:
            path = make_url(full).database
        except ArgumentError:
            path = None  # opening it says what is wrong
        if path and not Path(path).exists() and not any(folder_for(full).rglob("*" + SUFFIX)):
            raise click.ClickException(
                f"There is no database '{path}' yet. Train something in its folder, "
                "or name another store with --tracking-uri."
            )
    return Client(full)


def _experiments(client: Client, chosen: Sequence[str]) -> dict[str, str]:
    """Names of experiments by their ids: of those chosen by name or id, or of all."""
    from core_client.fluent.experiments import pages

    names = {one.experiment_id: one.name for one in pages(client.search_experiments)}
    if not chosen:
        return names
    found = {}
    for text in chosen:
        matches = [key for key, name in names.items() if name == text] or [
            key for key in names if key == text
        ]
        if not matches:
            listed = ", ".join(f"'{name}'" for name in list(names.values())[:8])
            raise WrongArgument(f"There is no experiment '{text}'. There are: {listed}.")
        found[matches[0]] = names[matches[0]]
    return found


def _missing_parents(client: Client, found: Sequence[Run]) -> list[Run]:
    """The parents of the runs that are not among them, so that no child stands alone."""
    import contextlib

    from core_client.run import PARENT

    here = {one.info.run_id for one in found}
    parents = []
    for run_id in dict.fromkeys(one.data.tags.get(PARENT) for one in found):
        if run_id and run_id not in here:
            with contextlib.suppress(MlflowException):
                parents.append(client.get_run(run_id))
    return parents


def _run(client: Client, experiment_ids: Sequence[str], text: str) -> Run:
    """The run that a user means."""
    from core_client.entities import ViewType
    from core_client.readable import moment

    name = text.replace("'", "''")
    filters = [f"run_name = '{name}'"]
    if text.isalnum():
        filters.append(f"run_id LIKE '{text}%'")
    matches = {
        one.info.run_id: one
        for filter_string in filters
        for one in client.search_runs(experiment_ids, filter_string, ViewType.ALL)
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
